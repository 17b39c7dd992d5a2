//! Configs that a runtime must refuse.

use serde_json::Value;

use super::prelude::*;
use crate::case::Name;

/// `create` refuses `value` at `pointer`; a wrong runtime goes on without it.
pub fn bad(
    id: impl Into<Name>,
    requirement: impl Into<Name>,
    pointer: &'static str,
    value: impl Into<Value>,
) -> Case {
    let value = value.into();
    Case::new(id, [requirement.into()])
        .bundle(move |b| b.set(pointer, value.clone()))
        .run(refuses)
        .saboteurs([drops(pointer)])
}

/// `create` refuses a config without what must be at `pointer`; a wrong runtime takes it for
/// `assumed`.
pub fn missing(
    id: impl Into<Name>,
    requirement: impl Into<Name>,
    pointer: &'static str,
    assumed: impl Into<Value>,
) -> Case {
    Case::new(id, [requirement.into()])
        .bundle(move |b| b.remove(pointer))
        .run(refuses)
        .saboteurs([alters(pointer, assumed)])
}

/// What the refusal leaves behind is another requirement's business.
fn refuses(t: &Trial) -> Check {
    t.errors(&t.try_create()?)
}
