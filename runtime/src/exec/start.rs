//! Starts a created container.
//! runtime.md#start

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, socket};
use nix::unistd::Pid;

use super::become_process::executed;
use super::channel::{Channel, Message};
use super::create::start_address;
use super::{Context, StepError, seccomp};
use crate::plan::Origin;
use crate::plan::seccomp::Listener;

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

/// Who is to get the seccomp listener.
#[derive(Debug)]
pub struct Agent {
    /// Init, in the runtime's namespace.
    pub init: Pid,
    /// Its descriptor.
    pub pidfd: OwnedFd,
    /// Where the agent listens.
    pub listener: Listener,
    /// The version with which the state complies.
    pub version: String,
    /// The container's state.
    pub state: String,
}

/// Lets init go on, and returns when it has executed the user's program, or has failed.
pub fn start(channel: &Channel, init: Pid, agent: Option<&Agent>) -> Result<(), StepError> {
    let describe = || "start the container's process";
    let go = || channel.send(&Message::Start).step(&NONE, describe);
    let delivered = match agent {
        None => go(),
        Some(agent) => seccomp::deliver_listener(
            agent.init,
            agent.pidfd.as_fd(),
            &agent.listener,
            &seccomp::Message {
                version: &agent.version,
                state: &agent.state,
            },
            go,
        ),
    };
    if let Err(error) = delivered {
        // If init failed first, its reason is the better one.
        return match heard_already(channel) {
            Some(reason) => Err(reason),
            None => Err(error),
        };
    }
    follow(channel, init, false)
}

/// Returns when init, which has been let go on, has executed the user's program, or has failed. `executing` says
/// whether it has said that this is the next thing that it does.
pub fn follow(channel: &Channel, init: Pid, mut executing: bool) -> Result<(), StepError> {
    let describe = || "start the container's process";
    loop {
        match channel.receive().step(&NONE, describe)? {
            Some(Message::Executing) => executing = true,
            Some(Message::Failed(error)) => return Err(error),
            None if executing && executed(init) => return Ok(()),
            _ => {
                return Err(StepError::refused(
                    "the container's process ended before it executed the program",
                    &NONE,
                ));
            }
        }
    }
}

/// Why init failed, if it has said so.
fn heard_already(channel: &Channel) -> Option<StepError> {
    loop {
        let mut fds = [PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::ZERO) != Ok(1) {
            return None;
        }
        match channel.receive() {
            Ok(Some(Message::Failed(error))) => return Some(error),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}
