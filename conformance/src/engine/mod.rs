//! Runs cases: schedules them, gives each its trial, judges, and cleans up.
//!
//! [`run`] is the whole of it for `plimsoll run`; [`selftest`] does the same through saboteurs.

mod base;
mod cleanup;
mod keep;
mod run;
mod run_dir;
mod scratch;
mod selftest;
mod view;

pub use cleanup::leftovers;
pub(crate) use cleanup::{MARKER, cgroups_of};
pub use run::{Judged, Options, run, run_one};
pub(crate) use run_dir::RunDir;
pub use run_dir::ScratchError;
pub use scratch::Scratch;
pub use selftest::selftest;
pub(crate) use selftest::targets;
pub use view::{Fit, fit_view};
