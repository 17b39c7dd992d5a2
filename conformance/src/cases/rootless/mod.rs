//! Containers of an ordinary user: what only he meets. All other cases run for him as well, in a user
//! namespace of his.

mod configuration;
mod ids;
mod user_manager;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [configuration::cases(), ids::cases(), user_manager::cases()]
        .into_iter()
        .flatten()
        .collect()
}
