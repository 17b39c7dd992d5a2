//! config.md#process: terminal, working directory, program, user, privileges, limits, scheduling.

mod affinity;
mod apparmor;
mod capabilities;
mod cwd;
mod io_priority;
mod privileges;
mod program;
mod rlimits;
mod scheduler;
mod terminal;
mod user;

use crate::case::Case;

/// The cases of this section.
pub(super) fn cases() -> Vec<Case> {
    [
        terminal::cases(),
        cwd::cases(),
        program::cases(),
        rlimits::cases(),
        privileges::cases(),
        apparmor::cases(),
        capabilities::cases(),
        scheduler::cases(),
        io_priority::cases(),
        affinity::cases(),
        user::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
