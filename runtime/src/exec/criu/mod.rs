//! Checkpoints and restores by way of CRIU, over its RPC: `criu swrk`, a socket pair, and messages
//! as in CRIU's `images/rpc.proto`.
//!
//! [`dump()`] and [`restore()`] state their [`Options`], which become one request; a [`service`]
//! sends it to a CRIU of its own and answers what CRIU asks meanwhile.

mod dump;
mod options;
mod restore;
mod service;
mod wire;

pub use dump::dump;
pub use options::{CgroupMode, Options, PageServer, SWITCHES, Switch};
pub use restore::{Restored, restore};

/// Where the names of the standard streams at the time of the dump are kept, beside the images;
/// runc's name and form, so that each restores the other's checkpoints.
const DESCRIPTORS: &str = "descriptors.json";

/// The null device, which is bound over masked files; also its name in the images.
const NULL: &str = "/dev/null";
