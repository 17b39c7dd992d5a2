//! Starts a created container.
//! runtime.md#start

use std::os::fd::AsRawFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, socket};

use super::channel::{Channel, Message};
use super::create::start_address;
use super::{Context, StepError};
use crate::plan::Origin;

const NONE: Origin = Origin::at("");

/// Connects to the init that waits in this container's folder.
pub fn reach(dir: &Path) -> Result<Channel, StepError> {
    let describe = || "reach the container's init";
    let socket = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .step(&NONE, describe)?;
    let (_folder, address) = start_address(dir).step(&NONE, describe)?;
    loop {
        match connect(socket.as_raw_fd(), &address) {
            Err(Errno::EINTR) => {}
            result => {
                result.step(&NONE, describe)?;
                return Ok(Channel::new(socket));
            }
        }
    }
}

/// Lets init go on, and returns when it has executed the user's program, or has failed.
pub fn start(channel: &Channel) -> Result<(), StepError> {
    let describe = || "start the container's process";
    channel.send(&Message::Start).step(&NONE, describe)?;
    let mut executing = false;
    loop {
        match channel.receive().step(&NONE, describe)? {
            Some(Message::Executing) => executing = true,
            Some(Message::Failed(error)) => return Err(error),
            // execve(2) has closed the other end.
            None if executing => return Ok(()),
            _ => {
                return Err(StepError::refused(
                    "the container's process ended before it executed the program",
                    &NONE,
                ));
            }
        }
    }
}
