//! config.md#posix-platform-hooks.

mod entry;
mod failure;
mod given;
mod kind;
mod place;
mod time;

use crate::cases::prelude::*;

/// The kinds that `create` runs, in their order.
const CREATE: [&str; 3] = ["prestart", "createRuntime", "createContainer"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![kinds_in_order()];
    cases.extend(given::cases());
    cases.extend(time::cases());
    cases.extend(place::cases());
    cases.extend(failure::cases());
    cases.extend(entry::cases());
    cases
}

fn kinds_in_order() -> Case {
    Case::new(
        "config/hooks/kinds_of_create_in_order",
        [
            "config.hooks.prestart.before-create-runtime",
            "config.hooks.create-container.after-create-runtime",
        ],
    )
    .bundle(|b| CREATE.iter().fold(b, |b, kind| b.records(kind, kind)))
    .run(|t| {
        t.create()?;
        t.on_all().eq("hooks that ran", t.hooks_run()?, CREATE)
    })
    .saboteurs([
        swapped("prestart", "createRuntime").on("config.hooks.prestart.before-create-runtime"),
        swapped("createRuntime", "createContainer")
            .on("config.hooks.create-container.after-create-runtime"),
    ])
}

/// A runtime that takes the hooks of two kinds for each other. The tags stay with the hooks.
fn swapped(one: &'static str, other: &'static str) -> Saboteur {
    edits(
        format!("run {one} hooks as {other} ones and the other way round"),
        move |config| {
            let hooks = &mut config["hooks"];
            let held = hooks[one].take();
            hooks[one] = hooks[other].take();
            hooks[other] = held;
        },
    )
}
