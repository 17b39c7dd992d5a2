//! The command line that engines rely on.

mod create;
mod exec;
mod kill;
mod terminal;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        create::cases(),
        exec::cases(),
        kill::cases(),
        terminal::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
