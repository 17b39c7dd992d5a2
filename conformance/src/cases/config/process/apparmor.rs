//! config.md#linux-process: the AppArmor profile of the process.

use plimsoll_fixtures::bundle::Bundle;

use crate::cases::prelude::*;

const PROFILE: &str = "config.process.apparmor-profile";

/// What the profiles of these cases deny.
const DENIED: &str = "deny /denied/** w,";

pub(super) fn cases() -> Vec<Case> {
    vec![
        confined("is_applied", false),
        confined("is_applied_without_new_privileges", true),
        executed(),
        refused(),
    ]
}

fn case(name: &str, change: impl Fn(Bundle) -> Bundle + Send + Sync + 'static) -> Case {
    Case::new(format!("config/apparmor_profile/{name}"), PROFILE)
        .needs([
            Need::Root,
            Need::Lsm("apparmor"),
            Need::Program("apparmor_parser"),
        ])
        .bundle(move |b| change(b.dir("rootfs/denied", 0o777)))
}

/// The label under which the trial's profile shows.
fn label(t: &Trial) -> String {
    format!("plimsoll-{} (enforce)", t.id())
}

fn confined(name: &str, no_new_privileges: bool) -> Case {
    case(name, move |b| {
        b.set("/process/apparmorProfile", "plimsoll-{id}")
            .set("/process/noNewPrivileges", no_new_privileges)
    })
    .run(|t| {
        let _profile = t.load_profile(DENIED)?;
        let agent = t.judged_agent()?;
        let seen = agent.report.label.value();
        t.eq("the label of the program", seen, label(t))?;
        let denied = agent.attempt(|p| p.create("/denied/file"))?;
        t.eq(
            "making a file where the profile denies it",
            denied,
            "EACCES",
        )?;
        let allowed = agent.attempt(|p| p.create("/file"))?;
        t.eq("making a file elsewhere", allowed, "OK")
    })
    .saboteurs([
        drops("/process/apparmorProfile"),
        alters("/process/apparmorProfile", "unconfined"),
    ])
}

/// A program that `exec` adds has the profile of its own process document.
fn executed() -> Case {
    case("is_applied_by_exec", |b| b)
        .run(|t| {
            let _profile = t.load_profile(DENIED)?;
            t.agent()?;
            let attempt = |command: Value| {
                t.exec_process(|process| {
                    process["apparmorProfile"] = format!("plimsoll-{}", t.id()).into();
                    process["args"] = command;
                })
            };
            let report = attempt(json!(["/probe", "report"]))?.json();
            let seen = report.unwrap_or_default()["label"].take();
            t.eq("the label of the program", seen, label(t))?;
            t.errors(&attempt(json!(["/probe", "do", "create", "/denied/file"]))?)?;
            t.succeeds(&attempt(json!(["/probe", "do", "create", "/file"]))?)
        })
        .saboteurs([
            drops_process("/apparmorProfile"),
            alters_process("/apparmorProfile", "unconfined"),
        ])
}

fn refused() -> Case {
    Case::new(
        "config/apparmor_profile/that_is_not_loaded_is_refused_by_exec",
        "config.process.apparmor-profile-missing-errors",
    )
    .run(|t| {
        t.agent()?;
        t.errors(&t.exec_process(|process| {
            process["apparmorProfile"] = "plimsoll-loads-no-such-profile".into();
            process["args"] = json!(["/probe", "true"]);
        })?)
    })
    .saboteurs([drops_process("/apparmorProfile")])
}
