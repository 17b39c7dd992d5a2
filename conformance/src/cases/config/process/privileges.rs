//! config.md#linux-process: what the process may gain, labels, and its standing when memory is
//! short.

use crate::cases::prelude::*;

const OOM: &str = "config.process.oom-score-adj-set";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "config/process/no_new_privileges",
            "config.process.no-new-privileges-true",
        )
        .bundle(|b| b.set("/process/noNewPrivileges", true))
        .run(|t| t.eq("PR_GET_NO_NEW_PRIVS", no_new_privileges(t)?, 1))
        .saboteurs([drops("/process/noNewPrivileges")]),
        Case::new(
            "config/process/new_privileges",
            "config.process.no-new-privileges-false",
        )
        .bundle(|b| b.set("/process/noNewPrivileges", false))
        .run(|t| t.eq("PR_GET_NO_NEW_PRIVS", no_new_privileges(t)?, 0))
        .saboteurs([alters("/process/noNewPrivileges", true)]),
        Case::new(
            "config/process/oom_score_adj_unset_is_the_callers",
            "config.process.oom-score-adj-unset-unchanged",
        )
        .run(|t| {
            let call = t.create_call().behind("echo 123 >/proc/self/oom_score_adj");
            let report = t.agent_by(call)?.report.clone();
            t.eq(
                "/proc/self/oom_score_adj",
                report.oom_score_adj.value(),
                "123",
            )
        })
        .saboteurs([alters("/process/oomScoreAdj", 200)]),
        bad(
            "config/process/apparmor_profile_that_is_not_loaded",
            "config.process.apparmor-profile-missing-errors",
            "/process/apparmorProfile",
            "plimsoll-loads-no-such-profile",
        )
        .run(Assert::never_runs),
        // No SELinux policy knows such a label, either.
        bad(
            "config/process/selinux_label_that_cannot_be_set",
            "config.process.selinux-label-without-selinux-errors",
            "/process/selinuxLabel",
            "plimsoll_u:plimsoll_r:no_such_type_t:s0",
        )
        .run(Assert::never_runs),
    ];
    for (id, score) in [("oom_score_adj", 321), ("oom_score_adj_greatest", 1000)] {
        cases.push(
            Case::new(format!("config/process/{id}"), OOM)
                .bundle(move |b| b.set("/process/oomScoreAdj", score))
                .run(move |t| {
                    let seen = t.agent()?.report.oom_score_adj.clone();
                    t.eq("/proc/self/oom_score_adj", seen.value(), score.to_string())
                })
                .saboteurs([
                    drops("/process/oomScoreAdj"),
                    alters("/process/oomScoreAdj", score - 1),
                ]),
        );
    }
    cases.extend([("high", 1001), ("low", -1001)].map(|(what, score)| {
        bad(
            format!("config/process/oom_score_adj_too_{what}"),
            "config.process.oom-score-adj-out-of-range-errors",
            "/process/oomScoreAdj",
            score,
        )
    }));
    cases
}

fn no_new_privileges(t: &Trial) -> Check<Option<u64>> {
    Ok(t.agent()?.report.no_new_privs.value().copied())
}
