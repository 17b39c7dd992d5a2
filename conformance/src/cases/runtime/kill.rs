//! runtime.md#kill.

use crate::cases::prelude::*;

const USR1: i32 = 10;
const USR2: i32 = 12;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "runtime/kill/delivers_the_named_signal",
            [
                "runtime.operations.kill.exact-signal",
                "runtime.operations.kill.sends-signal-running",
            ],
        )
        .run(|t| {
            let agent = t.agent()?;
            agent.get(|p| p.trap(&[USR1, USR2]))?;
            t.kill("USR1")?;
            let arrived = agent.ask(|p| p.wait_signal(2000))?.ok();
            t.on("runtime.operations.kill.sends-signal-running").that(
                "a signal arrived",
                arrived.is_some(),
                arrived,
            )?;
            t.eq("the signal that arrived", arrived, USR1)
        })
        .saboteurs([
            lies("kill", How::Skip).on("runtime.operations.kill.sends-signal-running"),
            lies("kill", How::Argument("USR1", "USR2")).on("runtime.operations.kill.exact-signal"),
        ]),
        Case::new(
            "runtime/kill/reaches_a_created_container",
            "runtime.operations.kill.sends-signal-created",
        )
        .run(|t| {
            t.create()?;
            t.kill("KILL")?;
            t.must(t.wait()).map(|_| ())
        })
        .saboteurs([lies("kill", How::Skip)]),
        Case::new(
            "runtime/kill/stopped_refused",
            "runtime.operations.kill.not-created-or-running-errors",
        )
        .run(|t| {
            t.run_to_exit()?;
            t.errors(&t.try_kill("TERM")?)
        })
        .saboteurs([lies("kill", How::Exit(0))]),
    ]
}
