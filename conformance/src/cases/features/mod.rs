//! features.md, features-linux.md: what a runtime says of itself, held against what it does.

mod document;
mod linux;
mod recognised;
mod seccomp;

use crate::cases::prelude::*;
use crate::verdict::Stop;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        document::cases(),
        linux::cases(),
        recognised::cases(),
        seccomp::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The features document. A runtime need not have one.
fn document(t: &Trial) -> Check<Value> {
    let outcome = t.runtime(["features"])?;
    if outcome.refused() {
        return Err(Stop::Skip("the runtime has no features document".into()));
    }
    match outcome.json() {
        Some(document) => Ok(document),
        None => Trial::spoilt("what `features` prints", "JSON", outcome.stdout.into()),
    }
}

/// A member of the document; one that is absent or null says nothing that could be judged.
pub(super) fn member(t: &Trial, pointer: &str) -> Check<Value> {
    match document(t)?.pointer(pointer) {
        Some(member) if !member.is_null() => Ok(member.clone()),
        _ => Err(Stop::Skip(format!(
            "the features document has no {pointer}"
        ))),
    }
}

/// The strings of a member.
fn strings(t: &Trial, pointer: &str) -> Check<Vec<String>> {
    let list = member(t, pointer)?;
    let names = list.as_array().into_iter().flatten();
    Ok(names.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// A runtime whose document says something else at a pointer.
pub(super) fn says(pointer: &'static str, value: impl Into<Value>) -> Saboteur {
    lies("features", How::output(pointer, value))
}
