//! The container's control groups on the machine: made, joined, limited, frozen, counted, removed.
//!
//! `create` calls [`survey`], writes the record, then [`prepare`]; its child is cloned into
//! [`Prepared::v2`] or calls [`Prepared::attach_self`]; [`after_attach`] sets what would have kept it
//! out. With a systemd scope, [`start_scope`] comes in between, once there is a PID.

mod apply;
mod attach;
mod delegate;
mod device_list;
mod freeze;
mod make;
mod oom;
mod processes;
mod program;
mod remove;
mod stats;
mod systemd;

pub use apply::{after_attach, before_attach, load_late};
pub use attach::{Prepared, open, open_of_process};
pub use freeze::{freeze, thaw};
pub use make::{prepare, prepare_early, survey};
pub use oom::OomWatch;
pub(super) use processes::told_apart_by;
pub use processes::{pids, signal_all};
pub use remove::{destroy, remove};
pub use stats::stats;
pub use systemd::{set_unit_properties, start_scope};

/// Something that was left undone and may be; the caller logs it.
pub type Warnings = Vec<String>;
