//! config.md#process: user, environment, arguments, working directory, privileges.

use plimsoll_fixtures::probe::Ids;

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    [identity(), program()].into_iter().flatten().collect()
}

/// An environment that runtimes need no addition to.
const ENV: [&str; 3] = ["PATH=/", "TWO=zwei drei", "EMPTY="];

/// Who the program is, and in what environment.
fn identity() -> Vec<Case> {
    vec![
        Case::new(
            "config/process/user_uid_and_gid",
            ["config.process.user.uid", "config.process.user.gid"],
        )
        .bundle(|b| b.user(1234, 5678))
        .run(|t| {
            let report = t.agent()?.report.clone();
            t.eq("user ids", report.uid, Ids::all(1234))?;
            t.on("config.process.user.gid")
                .eq("group ids", report.gid, Ids::all(5678))
        })
        .saboteurs([
            alters("/process/user/uid", 4321).on("config.process.user.uid"),
            alters("/process/user/gid", 8765).on("config.process.user.gid"),
        ]),
        Case::new("config/process/user_umask", "config.process.user.umask-set")
            .bundle(|b| b.set("/process/user/umask", 0o027))
            .run(|t| t.eq("umask", t.agent()?.report.umask, 0o027))
            .saboteurs([
                drops("/process/user/umask"),
                alters("/process/user/umask", 0o077),
            ]),
        Case::new(
            "config/process/user_additional_gids",
            "config.process.user.additional-gids",
        )
        .bundle(|b| b.set("/process/user/additionalGids", [30, 20]))
        .run(|t| {
            let mut groups = t.agent()?.report.groups.clone();
            groups.sort_unstable();
            t.that(
                "the groups hold 20 and 30",
                groups.contains(&20) && groups.contains(&30),
                groups,
            )
        })
        .saboteurs([
            drops("/process/user/additionalGids"),
            drops("/process/user/additionalGids/1"),
        ]),
        Case::new(
            "config/process/env_is_all_there_is",
            [
                "config.process.env-applied",
                "config.process.env-nothing-inherited",
            ],
        )
        .bundle(|b| b.set("/process/env", ENV))
        .run(|t| {
            let call = t.create_call().env("PLIMSOLL_OUTER", "leaks");
            let env = t.agent_by(call)?.report.env.clone();
            // In any order: environ(7) has none.
            for entry in ENV {
                t.has("environment", &env, entry)?;
            }
            t.on("config.process.env-nothing-inherited").lacks(
                "environment",
                env,
                "PLIMSOLL_OUTER=leaks",
            )
        })
        .saboteurs([
            drops("/process/env/1").on("config.process.env-applied"),
            alters("/process/env/-", "PLIMSOLL_OUTER=leaks")
                .on("config.process.env-nothing-inherited"),
        ]),
    ]
}

/// What the program is, and with what privileges it runs.
fn program() -> Vec<Case> {
    vec![
        Case::new("config/process/args_are_argv", "config.process.args-argv")
            .bundle(|b| b.args(&["/probe", "agent", "", "two words", "ü"]))
            .run(|t| {
                let agent = t.agent()?;
                t.eq(
                    "arguments",
                    &agent.report.args,
                    ["/probe", "agent", "", "two words", "ü"],
                )
            })
            .saboteurs([drops("/process/args/2"), alters("/process/args/3", "two")]),
        Case::new(
            "config/process/cwd_is_entered",
            "config.process.cwd-applied",
        )
        .bundle(|b| b.dir("rootfs/srv/data", 0o755).cwd("/srv/data"))
        .run(|t| {
            t.eq(
                "working directory",
                t.agent()?.report.cwd.value(),
                "/srv/data",
            )
        })
        .saboteurs([alters("/process/cwd", "/srv")]),
        Case::new(
            "config/process/no_new_privileges",
            "config.process.no-new-privileges-true",
        )
        .bundle(|b| b.set("/process/noNewPrivileges", true))
        .run(|t| {
            t.eq(
                "PR_GET_NO_NEW_PRIVS",
                t.agent()?.report.no_new_privs.value(),
                1,
            )
        })
        .saboteurs([drops("/process/noNewPrivileges")]),
        Case::new(
            "config/process/oom_score_adj",
            "config.process.oom-score-adj-set",
        )
        .bundle(|b| b.set("/process/oomScoreAdj", 321))
        .run(|t| {
            let agent = t.agent()?;
            t.eq(
                "/proc/self/oom_score_adj",
                agent.report.oom_score_adj.value(),
                "321",
            )
        })
        .saboteurs([
            drops("/process/oomScoreAdj"),
            alters("/process/oomScoreAdj", 320),
        ]),
    ]
}
