//! `exec`.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "cli/exec/final_cpu_affinity",
            "config.process.exec-cpu-affinity.final",
        )
        .needs([Need::Cpus(2)])
        .run(|t| {
            t.agent()?;
            let outcome = t.exec_process(|process| {
                process["args"] = json!(["/probe", "agent"]);
                process["execCPUAffinity"] = json!({ "final": "1" });
            })?;
            let report = outcome.json().unwrap_or_default();
            t.eq("the affinity of the program", &report["cpu_affinity"], [1])
        })
        .saboteurs([
            drops_process("/execCPUAffinity"),
            alters_process("/execCPUAffinity/final", "0"),
        ]),
    ]
}
