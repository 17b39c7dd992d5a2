//! config.md#annotations

use std::collections::HashMap;

use super::Checked;
use super::rules::require;

/// Keys must not be empty.
pub(super) fn check(annotations: &HashMap<String, String>) -> Checked {
    require(
        !annotations.contains_key(""),
        "/annotations/",
        "a key must not be empty",
    )
}
