//! Clones a process as the caller's sibling, so that it is the runtime's child.

use nix::fcntl::OFlag;
use nix::unistd::{pipe2, read, write};

use super::channel::{Channel, Message};
use super::{Context, StepError};
use crate::plan::Origin;
use crate::sys::clone::{Side, clone};
use crate::sys::process::exit;

/// Clones a process into new namespaces and tells the runtime its PID. True in the new process,
/// which goes on only when the runtime has been told: its own words are heard as those of the
/// process that the PID names.
pub(super) fn clone_sibling(
    namespaces: u64,
    channel: &Channel,
    origin: &Origin,
    describe: impl Fn() -> &'static str,
) -> Result<bool, StepError> {
    let (told, tell) = pipe2(OFlag::O_CLOEXEC).step(origin, &describe)?;
    match clone(namespaces, true).step(origin, &describe)? {
        Side::Child => {
            drop(tell);
            if read(&told, &mut [0]) == Ok(1) {
                Ok(true)
            } else {
                // The process between is gone, and with it whoever knew this one's PID.
                exit(1)
            }
        }
        Side::Parent(pid, _) => {
            channel
                .send(&Message::InitIs(pid.as_raw()))
                .step(origin, &describe)?;
            write(&tell, &[0]).step(origin, describe)?;
            Ok(false)
        }
    }
}
