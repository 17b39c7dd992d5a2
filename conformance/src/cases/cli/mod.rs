//! The command line that engines rely on.

mod create;
mod events;
mod exec;
mod global;
mod kill;
mod pause;
mod status;
mod streams;
mod terminal;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        global::cases(),
        create::cases(),
        streams::cases(),
        exec::cases(),
        kill::cases(),
        pause::cases(),
        events::cases(),
        status::cases(),
        terminal::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
