//! runtime.md#start.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "runtime/start/runs_the_program",
            "runtime.operations.start.runs-program",
        )
        .run(|t| {
            t.create()?;
            t.start()?;
            t.must(t.started()).map(|_| ())
        })
        .saboteurs([lies("start", How::Skip)]),
        Case::new(
            "runtime/start/config_without_process_refused",
            "runtime.operations.start.process-unset-errors",
        )
        .bundle(|b| b.remove("/process"))
        .run(|t| {
            // A runtime may refuse it as early as in `create`.
            let created = t.try_create()?;
            let outcome = if created.ok() {
                t.try_start()?
            } else {
                created
            };
            t.errors(&outcome)?;
            let status = t.try_state()?.json().map(|state| state["status"].clone());
            t.ne("the status", status, "running")
        })
        .saboteurs([alters(
            "/process",
            json!({"args": ["/probe", "agent"], "cwd": "/", "user": {"uid": 0, "gid": 0}}),
        )]),
        Case::new(
            "runtime/start/one_of_many_wins",
            "runtime.operations.start.not-created-errors",
        )
        .run(|t| {
            t.create()?;
            let start = t.command(["start", t.id()]);
            let outcomes = t.together(&[start.clone(), start.clone(), start])?;
            let winners = outcomes.iter().filter(|outcome| outcome.ok()).count();
            t.eq("how many of three simultaneous starts succeed", winners, 1)
        })
        .saboteurs([lies("start", How::Exit(0))]),
    ]
}
