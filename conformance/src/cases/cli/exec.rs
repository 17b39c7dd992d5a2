//! `exec`.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        affinity("final"),
        // The program comes of a process that ran on the initial CPUs. From Linux 6.2 on, what
        // somebody asked for by sched_setaffinity(2) outlasts the move to another cgroup.
        affinity("initial").needs([Need::Kernel(6, 2)]),
    ]
}

/// The program runs on the one CPU that is listed, where nothing else is.
fn affinity(member: &'static str) -> Case {
    Case::new(
        format!("cli/exec/{member}_cpu_affinity"),
        format!("config.process.exec-cpu-affinity.{member}"),
    )
    .needs([Need::Cpus(2)])
    .run(move |t| {
        t.agent()?;
        let outcome = t.exec_process(|process| {
            process["args"] = json!(["/probe", "agent"]);
            process["execCPUAffinity"] = json!({ member: "1" });
        })?;
        let report = outcome.json().unwrap_or_default();
        t.eq("the affinity of the program", &report["cpu_affinity"], [1])
    })
    .saboteurs([
        drops_process(format!("/execCPUAffinity/{member}")),
        alters_process(format!("/execCPUAffinity/{member}"), "0"),
    ])
}
