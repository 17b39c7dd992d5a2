//! config.md#mounts: entries that no runtime can apply (config.md#valid-values).

use super::OURS;
use crate::cases::prelude::*;

/// What is wrong, the requirement, the entry, and one that is right.
type Row = (&'static str, &'static str, fn() -> Value, fn() -> Value);

fn tmpfs() -> Value {
    json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"})
}

/// The entry with other members.
fn with(members: &Value) -> Value {
    let mut entry = tmpfs();
    if let (Some(entry), Some(members)) = (entry.as_object_mut(), members.as_object()) {
        entry.extend(members.clone());
    }
    entry
}

#[rustfmt::skip] // One row a line.
const ENTRIES: &[Row] = &[
    ("no_destination", "config.mounts.destination-required",
        || json!({"type": "tmpfs", "source": "tmpfs"}), tmpfs),
    ("unknown_type", "config.mounts.type-unknown-errors",
        || with(&json!({"type": "nosuchfs"})), tmpfs),
    ("unknown_data", "config.mounts.options.unknown-passed-as-data",
        || with(&json!({"options": ["plimsoll-nonsense"]})), tmpfs),
];

pub(super) fn cases() -> Vec<Case> {
    ENTRIES.iter().map(refused).collect()
}

fn refused(&(fact, requirement, wrong, right): &Row) -> Case {
    Case::new(format!("config/mounts/{fact}_is_refused"), requirement)
        .bundle(move |b| b.push("/mounts", wrong()))
        .run(Assert::refused)
        .saboteurs([alters(format!("/mounts/{OURS}"), right())])
}
