//! runtime.md: the state, the lifecycle, the operations.

mod create;
mod delete;
mod fds;
mod ids;
mod kill;
mod lifecycle;
mod refusals;
mod start;
mod state;
mod unappliable;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        lifecycle::cases(),
        create::cases(),
        ids::cases(),
        unappliable::cases(),
        delete::cases(),
        fds::cases(),
        kill::cases(),
        start::cases(),
        state::cases(),
        refusals::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
