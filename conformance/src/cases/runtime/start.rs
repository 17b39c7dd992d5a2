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
            "runtime/start/running_refused",
            [
                "runtime.operations.start.not-created-errors",
                "runtime.operations.start.not-created-no-effect",
            ],
        )
        .run(|t| {
            t.agent()?;
            let again = t.try_start()?;
            t.on("runtime.operations.start.not-created-no-effect").eq(
                "the status after a second `start`",
                t.state()?.status,
                "running",
            )?;
            t.errors(&again)
        })
        .saboteurs([
            lies("start", How::Exit(0)).on("runtime.operations.start.not-created-errors"),
            lies("state", How::output("/status", "stopped"))
                .on("runtime.operations.start.not-created-no-effect"),
        ]),
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
