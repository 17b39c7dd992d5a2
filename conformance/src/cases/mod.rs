//! The cases, one file a chapter and subject of the specification. docs/writing-cases.md says how
//! to add one.

mod bundle;
mod cli;
mod config;
mod features;
mod linux;
mod refusal;
mod rootless;
mod runtime;

use crate::case::Case;

/// What a file of cases uses.
pub mod prelude {
    pub use serde_json::{Value, json};

    pub use super::refusal::{bad, missing};
    pub use crate::case::Case;
    pub use crate::need::Need;
    pub use crate::observe::{NAMESPACES, NamespaceKind, TIME, USER, mount_at, state_faults};
    pub use crate::sabotage::{
        How, Moment, Saboteur, alters, alters_process, alters_resources, defers, drops,
        drops_process, drops_resources, edits, lags, lies, runs_hooks, starts_early, tampers,
        without_namespace, wraps,
    };
    pub use crate::trial::{Assert, HOOKS, RecordingHooks, Trial};
    pub use crate::verdict::Check;
}

/// Every case, in the order of the specification.
pub fn all() -> Vec<Case> {
    [
        bundle::cases(),
        runtime::cases(),
        config::cases(),
        linux::cases(),
        features::cases(),
        cli::cases(),
        rootless::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
