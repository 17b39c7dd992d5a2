//! config.md#root.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "config/root/readonly_is_not_writable",
            "config.root.readonly-true",
        )
        .bundle(|b| b.set("/root/readonly", true))
        .run(|t| {
            let agent = t.agent()?;
            t.eq(
                "making a file in /",
                agent.attempt(|p| p.create("/new"))?,
                "EROFS",
            )
        })
        .saboteurs([drops("/root/readonly"), alters("/root/readonly", false)]),
        Case::new(
            "config/root/writable_by_default",
            "config.root.readonly-default-false",
        )
        .run(|t| {
            let agent = t.agent()?;
            t.eq(
                "making a file in /",
                agent.attempt(|p| p.create("/new"))?,
                "OK",
            )
        })
        .saboteurs([alters("/root/readonly", true)]),
    ]
}
