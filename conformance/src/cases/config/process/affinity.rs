//! config.md#linux-process: execCPUAffinity.

use crate::cases::prelude::*;

const FORMAT: &str = "config.process.exec-cpu-affinity.list-format";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "config/exec_cpu_affinity/not_for_init",
            "config.process.exec-cpu-affinity.not-for-init",
        )
        .needs([Need::Cpus(2), Need::Program("taskset")])
        .bundle(|b| {
            b.set(
                "/process/execCPUAffinity",
                json!({"initial": "0", "final": "0"}),
            )
        })
        .run(|t| {
            let call = t.create_call().through(["taskset", "-c", "0,1"]);
            let seen = t.agent_by(call)?.report.cpu_affinity.clone();
            t.ne("the affinity of init", seen.value(), [0])
        })
        .saboteurs([wraps("give init the final affinity", |call, next| {
            let call = call.clone();
            match call.operation() {
                "create" => next(&call.through(["taskset", "-c", "0"])),
                _ => next(&call),
            }
        })]),
    ];
    let both = [0, 1].as_slice();
    for (name, list, cpus) in [
        ("one", "0", &both[..1]),
        ("range", "0-1", both),
        ("list", "0,1", both),
        ("mixture", "0-0,1", both),
    ] {
        // Without, it is the runtime's own affinity, which is that of all.
        let ignored = (name == "one").then(|| drops_process("/execCPUAffinity/final"));
        cases.push(
            Case::new(format!("config/exec_cpu_affinity/{name}_is_read"), FORMAT)
                .needs([Need::Cpus(2)])
                .run(move |t| {
                    t.agent()?;
                    let report = executed(t, list)?.json().unwrap_or_default();
                    t.eq("the affinity of the program", &report["cpu_affinity"], cpus)
                })
                .saboteurs([alters_process("/execCPUAffinity/final", "1")])
                .saboteurs(ignored),
        );
    }
    for (name, list) in [
        ("word", "a"),
        ("open_range", "0-"),
        ("backward_range", "1-0"),
    ] {
        cases.push(
            Case::new(
                format!("config/exec_cpu_affinity/{name}_is_refused"),
                FORMAT,
            )
            .run(move |t| {
                t.agent()?;
                let outcome = executed(t, list)?;
                t.errors(&outcome)
            })
            .saboteurs([drops_process("/execCPUAffinity")]),
        );
    }
    cases
}

/// Runs the probe in the container with this final affinity.
fn executed(t: &Trial, list: &'static str) -> Check<crate::drive::Outcome> {
    t.exec_process(|process| {
        process["args"] = json!(["/probe", "agent"]);
        process["execCPUAffinity"] = json!({ "final": list });
    })
}
