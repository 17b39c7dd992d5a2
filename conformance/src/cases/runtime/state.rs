//! runtime.md#state and #query-state.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "runtime/state/status_follows_the_lifecycle",
            [
                "runtime.state.status-created",
                "runtime.state.status-running",
                "runtime.state.status-stopped",
            ],
        )
        .run(|t| {
            t.create()?;
            t.eq("status after create", t.state()?.status, "created")?;
            t.start()?;
            let agent = t.started()?;
            t.on("runtime.state.status-running").eq(
                "status after start",
                t.state()?.status,
                "running",
            )?;
            agent.exit(0)?;
            t.wait()?;
            t.on("runtime.state.status-stopped").eq(
                "status after exit",
                t.state()?.status,
                "stopped",
            )
        })
        .saboteurs([
            lies("state", How::Reword("created", "running")).on("runtime.state.status-created"),
            lies("state", How::Reword("running", "created")).on("runtime.state.status-running"),
            lies("state", How::Reword("stopped", "running")).on("runtime.state.status-stopped"),
        ]),
        Case::new(
            "runtime/state/pid_is_the_program",
            "runtime.state.pid-running",
        )
        .run(|t| {
            let agent = t.agent()?;
            let pid = t.state()?.pid;
            let seen = t.namespace_of(pid, "pid");
            t.eq(
                "pid namespace of the pid",
                seen,
                agent.report.namespaces.get("pid"),
            )
        })
        .saboteurs([
            lies("state", How::output("/pid", 1)),
            lies("state", How::omit("/pid")),
        ]),
        Case::new(
            "runtime/state/unknown_id_refused",
            "runtime.operations.state.nonexistent-errors",
        )
        .run(|t| t.errors(&t.runtime(["state", "no-such-container"])?))
        .saboteurs([lies("state", How::Exit(0))]),
    ];
    cases.extend(
        PRESENT
            .iter()
            .map(|&(member, requirement)| present(member, requirement)),
    );
    cases
}

/// Members of the state that are always there.
const PRESENT: &[(&str, &str)] = &[
    ("ociVersion", "runtime.state.oci-version-present"),
    ("id", "runtime.state.id-present"),
    ("status", "runtime.state.status-present"),
    ("bundle", "runtime.state.bundle-present"),
];

fn present(member: &'static str, requirement: &'static str) -> Case {
    let pointer = format!("/{member}");
    Case::new(
        format!("runtime/state/{}_is_a_string", member.to_lowercase()),
        requirement,
    )
    .run(move |t| {
        t.create()?;
        let outcome = t.try_state()?;
        let value = outcome.json().and_then(|state| state.get(member).cloned());
        t.that(
            &format!("`{member}` is a string"),
            value.as_ref().is_some_and(Value::is_string),
            value,
        )
    })
    .saboteurs([
        lies("state", How::omit(pointer.clone())),
        lies("state", How::output(pointer, 7)),
    ])
}
