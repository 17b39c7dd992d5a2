//! config.md#mounts.

mod binds;
mod destination;
mod options;
mod propagation;
mod recursive;
mod refused;
mod types;

use crate::case::Case;

/// The first entry behind the minimal bundle's own mounts.
const OURS: usize = 5;

pub(super) fn cases() -> Vec<Case> {
    [
        destination::cases(),
        types::cases(),
        options::cases(),
        binds::cases(),
        recursive::cases(),
        propagation::cases(),
        refused::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
