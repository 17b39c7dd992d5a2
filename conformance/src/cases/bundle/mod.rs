//! bundle.md and glossary.md: the directory, its files, and the JSON in them.

mod directory;
mod json;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [directory::cases(), json::cases()]
        .into_iter()
        .flatten()
        .collect()
}
