//! runtime.md#kill.

use crate::cases::prelude::*;

const USR1: i32 = 10;
const USR2: i32 = 12;
const KILL: i32 = 9;

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
            let arrived = agent.signal()?;
            t.on("runtime.operations.kill.sends-signal-running").that(
                "a signal arrived",
                arrived.is_some(),
                arrived,
            )?;
            t.eq("the signal that arrived", arrived, USR1)
        })
        .saboteurs([
            lies("kill", How::Skip).on("runtime.operations.kill.sends-signal-running"),
            defers("kill").on("runtime.operations.kill.sends-signal-running"),
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
            "runtime/kill/only_the_container_process",
            "runtime.operations.kill.only-container-process",
        )
        .run(|t| {
            let agent = t.agent()?;
            agent.get(|p| p.trap(&[USR1]))?;
            let child = agent.get(|p| p.spawn(&["/probe", "sleep", "60000"]))?;
            t.kill("USR1")?;
            agent.signal()?;
            // Whichever fatal signal came first is the one that the child ends by.
            agent.attempt(|p| p.ask(&["kill", &child.to_string(), "9"]))?;
            let end = agent.get(|p| p.wait(child))?;
            t.eq("what ended the child", end.signal, KILL)
        })
        .saboteurs([lies(
            "kill",
            How::Instead(&["kill", "--all", "{id}", "USR1"]),
        )]),
    ]
}
