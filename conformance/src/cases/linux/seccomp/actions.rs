//! The actions, each by what becomes of a system call that its rule matches.

use super::{OTHER, RARE, allow_list, filter};
use crate::cases::prelude::*;

/// An action that a rule may name.
struct Action {
    /// Its name after `SCMP_ACT_`; the requirement's in lower case with hyphens.
    name: &'static str,
    /// What becomes of the system call.
    call: &'static str,
    /// What becomes of a process whose second thread makes it.
    in_thread: &'static str,
    /// An action that differs in one of the two.
    other: &'static str,
}

const ACTIONS: &[Action] = &[
    Action {
        name: "KILL",
        call: "signal 31",
        in_thread: "OK",
        other: "SCMP_ACT_KILL_PROCESS",
    },
    Action {
        name: "KILL_THREAD",
        call: "signal 31",
        in_thread: "OK",
        other: "SCMP_ACT_KILL_PROCESS",
    },
    Action {
        name: "KILL_PROCESS",
        call: "signal 31",
        in_thread: "signal 31",
        other: "SCMP_ACT_KILL_THREAD",
    },
    Action {
        name: "ERRNO",
        call: "EPERM",
        in_thread: "OK",
        other: "SCMP_ACT_ALLOW",
    },
    // Nobody traces the probe: seccomp(2), SECCOMP_RET_TRACE.
    Action {
        name: "TRACE",
        call: "ENOSYS",
        in_thread: "OK",
        other: "SCMP_ACT_ALLOW",
    },
    Action {
        name: "LOG",
        call: "OK",
        in_thread: "OK",
        other: "SCMP_ACT_ERRNO",
    },
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = ACTIONS.iter().map(action).collect();
    cases.extend([trap(), allow()]);
    cases
}

fn action(action: &'static Action) -> Case {
    let name = action.name.to_lowercase();
    Case::new(
        format!("linux/seccomp/action_{name}"),
        format!("config-linux.seccomp.action-{}", name.replace('_', "-")),
    )
    .needs([Need::Seccomp])
    .bundle(|b| {
        let rule = json!({"names": [RARE.0], "action": format!("SCMP_ACT_{}", action.name)});
        b.set("/linux/seccomp", filter(&rule))
    })
    .run(|t| {
        let agent = t.must(t.agent())?;
        let other = agent.attempt(|p| p.syscall(OTHER.1, &[0, 0]))?;
        t.eq("a call that no rule matches", other, "OK")?;
        let call = agent.attempt(|p| p.syscall(RARE.1, &[0]))?;
        t.eq("the call that the rule matches", call, action.call)?;
        let thread = agent.attempt(|p| p.syscall_in_thread(RARE.1, &[0]))?;
        t.eq("the same of a second thread", thread, action.in_thread)
    })
    .saboteurs([
        alters("/linux/seccomp/syscalls/0/action", action.other),
        lies("create", How::Refuse),
    ])
}

fn trap() -> Case {
    Case::new(
        "linux/seccomp/action_trap",
        "config-linux.seccomp.action-trap",
    )
    .needs([Need::Seccomp])
    .bundle(|b| {
        let rule = json!({"names": [RARE.0], "action": "SCMP_ACT_TRAP"});
        b.set("/linux/seccomp", filter(&rule))
    })
    .run(|t| {
        let agent = t.must(t.agent())?;
        let told = agent.ask(|p| p.syscall_trapped(RARE.1, &[0]))?.ok();
        t.eq(
            "the call that the handler of SIGSYS is told",
            told,
            Some(RARE.1),
        )
    })
    .saboteurs([
        alters("/linux/seccomp/syscalls/0/action", "SCMP_ACT_ERRNO"),
        alters("/linux/seccomp/syscalls/0/action", "SCMP_ACT_KILL"),
    ])
}

/// An action that differs from the default one can be told only where that is another.
fn allow() -> Case {
    const DEFAULT: &str = "config-linux.seccomp.default-action-effective";
    const ALLOW: &str = "config-linux.seccomp.action-allow";
    const EPERM: &str = "config-linux.seccomp.default-errno-ret-default-eperm";
    Case::new("linux/seccomp/allow_list", [DEFAULT, ALLOW, EPERM])
        .needs([Need::Seccomp])
        .bundle(|b| b.set("/linux/seccomp", allow_list(|name| name != RARE.0)))
        .run(|t| {
            let agent = t.agent()?;
            let other = agent.attempt(|p| p.syscall(OTHER.1, &[0, 0]))?;
            t.on(ALLOW).eq("a call that is allowed", other, "OK")?;
            let call = agent.attempt(|p| p.syscall(RARE.1, &[0]))?;
            t.ne("a call that no rule names", &call, "OK")?;
            t.on(EPERM).eq("a call that no rule names", call, "EPERM")
        })
        .saboteurs([
            alters("/linux/seccomp/defaultAction", "SCMP_ACT_ALLOW").on(DEFAULT),
            alters(
                "/linux/seccomp",
                allow_list(|name| name != RARE.0 && name != OTHER.0),
            )
            .on(ALLOW),
            alters("/linux/seccomp/defaultErrnoRet", 38).on(EPERM),
        ])
}
