//! `kill` as engines call it.

use crate::cases::prelude::*;

const TERM: i32 = 15;
const HUP: i32 = 1;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("cli/kill/sends_term_by_default", "cli.kill.default-term")
            .run(|t| {
                let agent = t.agent()?;
                agent.get(|p| p.trap(&[TERM, HUP]))?;
                let outcome = t.runtime(["kill", t.id()])?;
                t.succeeds(&outcome)?;
                t.eq(
                    "the signal that arrived",
                    agent.ask(|p| p.wait_signal(2000))?.ok(),
                    TERM,
                )
            })
            .saboteurs([
                lies("kill", How::Instead(&["kill", "{id}", "HUP"])),
                lies("kill", How::Skip),
            ]),
    ]
}
