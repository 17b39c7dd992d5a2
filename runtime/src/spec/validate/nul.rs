//! Strings that the kernel would cut off: none may hold a NUL character.

use serde::Serialize;
use serde_json::Value;

use super::Checked;
use crate::spec::pointer::{Problem, child};

/// Looks at every property that oci-spec knows. In JSON, NUL can only be written as an escape, so
/// most texts need no look.
pub(super) fn check(parsed: &impl Serialize, text: &str) -> Checked {
    if !text.contains("\\u0000") {
        return Ok(());
    }
    // What was just parsed can be written: its keys are strings.
    let value = serde_json::to_value(parsed).unwrap_or_default();
    match find(&value, "") {
        Some(pointer) => Err(Problem::at(pointer, "must not contain a NUL character")),
        None => Ok(()),
    }
}

/// The recursion is as deep as oci-spec's types.
fn find(value: &Value, pointer: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| pointer.to_owned()),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .find_map(|(index, item)| find(item, &child(pointer, index))),
        Value::Object(map) => {
            map.iter()
                .filter(|_| pointer != "/annotations")
                .find_map(|(key, item)| {
                    let here = child(pointer, key);
                    if key.contains('\0') {
                        Some(here)
                    } else {
                        find(item, &here)
                    }
                })
        }
        _ => None,
    }
}
