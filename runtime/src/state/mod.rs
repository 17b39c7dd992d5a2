//! What plimrun remembers of its containers: one folder each under the root directory.
//!
//! `<root>/<id>/` holds `state.json` (a [`Record`]), `config.json` (a copy, so that later edits do not
//! matter) and whatever sockets the running container needs. Writers hold a lock on that folder;
//! readers take none, so that a hook may ask for the state.

mod container;
mod error;
mod id;
mod process;
mod record;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod write;

pub use container::{Container, publish_in};
pub use error::{StateError, WrongState};
pub use process::Process;
pub use record::{
    CgroupDriver, CgroupRecord, Freezer, Freezes, Reader, Record, ResctrlRecord, View,
};
pub use status::Status;
pub use store::Store;
