//! The cases, one file a chapter and subject of the specification. docs/writing-cases.md says how
//! to add one.

mod lifecycle;

use crate::case::Case;

/// Every case.
pub fn all() -> Vec<Case> {
    let families: &[fn() -> Vec<Case>] = &[lifecycle::cases];
    families.iter().flat_map(|family| family()).collect()
}
