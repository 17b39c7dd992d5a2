//! `--pidfd-socket`: hands a descriptor of the process to whoever listens, as runc does since 1.2.
//!
//! The message is one SCM_RIGHTS descriptor (unix(7)) with runc's word for the kind of process beside it.
//! The caller may signal and await the process with it, whatever becomes of the PID.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::channel::send_fd;
use super::{Context, StepError};
use crate::plan::Origin;

/// runc's word for the process of `create` and `run`.
pub const INIT: &str = "standard";
/// runc's word for that of `exec`.
pub const ENTERED: &str = "setns";

const FLAG: Origin = Origin::at("--pidfd-socket");

/// Connects to the listener. Done before anything is made, so that one that is not there costs nothing.
pub fn connect(path: &Path) -> Result<OwnedFd, StepError> {
    UnixStream::connect(path)
        .map(OwnedFd::from)
        .step(&FLAG, || {
            format!("connect to pidfd socket {}", path.display())
        })
}

/// Sends the descriptor.
pub fn send(socket: BorrowedFd<'_>, kind: &str, pidfd: BorrowedFd<'_>) -> Result<(), StepError> {
    send_fd(socket, kind, pidfd).step(
        &FLAG,
        || "send the process's descriptor over the pidfd socket",
    )
}
