//! Wrong runtimes made from right ones, to prove of each case that it can fail.
//!
//! A saboteur stands between the case and the runtime: it sees each call, and may change the
//! config.json that the call reads (put back as soon as the call returned), the call, or what
//! came of it. The runtime itself is started as always, so that parents, signals and descriptors
//! stay as they were. See docs/design/sabotage.md.

mod config;
mod early;
mod hooks;
mod late;
mod lie;
mod saboteur;

pub use early::starts_early;
pub use hooks::{Moment, runs_hooks};
pub use late::{defers, lags};
pub use lie::{How, lies};
pub use saboteur::{
    Document, Next, Saboteur, alters, alters_process, alters_resources, drops, drops_process,
    drops_resources, edits, edits_process, tampers, without_namespace, wraps,
};
