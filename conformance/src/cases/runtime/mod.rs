//! runtime.md: the state, the lifecycle, the operations.

mod create;
mod delete;
mod kill;
mod start;
mod state;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        create::cases(),
        delete::cases(),
        kill::cases(),
        start::cases(),
        state::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
