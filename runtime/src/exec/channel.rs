//! The few words that the runtime and init exchange, over a socket that keeps their boundaries.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    recvmsg, sendmsg, socketpair,
};

use super::StepError;
use crate::sys::process::adopt;

/// A word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Init: put me into my cgroups, then say `Go`.
    NeedCgroup,
    /// Init: map my ids, then say `Go`.
    NeedIds,
    /// The intermediate process: set the clocks of my children, then say `Go`.
    NeedClocks,
    /// Init: my network namespace is there, move devices to it, then say `Go`.
    NeedDevices,
    /// The intermediate process: init has this PID.
    InitIs(i32),
    /// Init: everything is mounted, run the hooks of create, then say `Go`.
    NeedHooks,
    /// Init: I wait for `Release` or `Start`.
    Created,
    /// Init: the next thing I do is execve(2).
    Executing,
    /// Init: this failed, and I am about to end.
    Failed(StepError),
    /// The runtime: go on.
    Go,
    /// The runtime: the record is written; wait for a connection.
    Release,
    /// The runtime: start.
    Start,
}

/// Longer errors are cut; the kernel's and ours are far shorter.
const LIMIT: usize = 4096;

impl Message {
    fn to_bytes(&self) -> Vec<u8> {
        let (tag, payload) = match self {
            Self::NeedCgroup => (b'a', Vec::new()),
            Self::NeedClocks => (b't', Vec::new()),
            Self::NeedIds => (b'i', Vec::new()),
            Self::NeedDevices => (b'd', Vec::new()),
            Self::InitIs(pid) => (b'p', pid.to_le_bytes().to_vec()),
            Self::NeedHooks => (b'h', Vec::new()),
            Self::Created => (b'c', Vec::new()),
            Self::Executing => (b'x', Vec::new()),
            Self::Failed(error) => (b'e', error.to_bytes()),
            Self::Go => (b'g', Vec::new()),
            Self::Release => (b'r', Vec::new()),
            Self::Start => (b's', Vec::new()),
        };
        let mut bytes = vec![tag];
        bytes.extend_from_slice(&payload[..payload.len().min(LIMIT - 1)]);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, payload) = bytes.split_first()?;
        Some(match tag {
            b'a' => Self::NeedCgroup,
            b't' => Self::NeedClocks,
            b'i' => Self::NeedIds,
            b'd' => Self::NeedDevices,
            b'p' => Self::InitIs(i32::from_le_bytes(payload.try_into().ok()?)),
            b'h' => Self::NeedHooks,
            b'c' => Self::Created,
            b'x' => Self::Executing,
            b'e' => Self::Failed(StepError::from_bytes(payload)?),
            b'g' => Self::Go,
            b'r' => Self::Release,
            b's' => Self::Start,
            _ => return None,
        })
    }
}

/// One end.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Both ends.
    pub fn pair() -> nix::Result<(Self, Self)> {
        let (left, right) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        Ok((Self(left), Self(right)))
    }

    /// A connected socket.
    pub fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Says something. A peer that is gone is an error, never a signal.
    pub fn send(&self, message: &Message) -> nix::Result<()> {
        let bytes = message.to_bytes();
        sendmsg::<UnixAddr>(
            self.0.as_raw_fd(),
            &[IoSlice::new(&bytes)],
            &[],
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
        .map(drop)
    }

    /// Hears something; `None` when the peer is gone.
    pub fn receive(&self) -> nix::Result<Option<Message>> {
        let mut buffer = [0u8; LIMIT];
        let length = loop {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            match recvmsg::<UnixAddr>(self.0.as_raw_fd(), &mut slices, None, MsgFlags::empty()) {
                Ok(received) => break received.bytes,
                // Said once where the peer has ended with something unread; what it has said before comes after that
                // (net/unix/af_unix.c, unix_release_sock).
                Err(Errno::EINTR | Errno::ECONNRESET) => {}
                Err(errno) => return Err(errno),
            }
        };
        if length == 0 {
            return Ok(None);
        }
        Message::from_bytes(&buffer[..length])
            .map(Some)
            .ok_or(Errno::EBADMSG)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends a descriptor with its name over a stream socket, as `--console-socket` expects it.
pub fn send_fd(socket: BorrowedFd<'_>, name: &str, fd: BorrowedFd<'_>) -> nix::Result<()> {
    sendmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &[IoSlice::new(name.as_bytes())],
        &[ControlMessage::ScmRights(&[fd.as_raw_fd()])],
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .map(drop)
}

/// Receives a descriptor that [`send_fd`] has sent.
pub fn receive_fd(socket: &OwnedFd) -> nix::Result<OwnedFd> {
    let mut name = [0u8; 64];
    let mut slices = [IoSliceMut::new(&mut name)];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let received = recvmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    for message in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = message
            && let Some(fd) = fds.first().and_then(|fd| adopt(*fd))
        {
            return Ok(fd);
        }
    }
    Err(Errno::EBADMSG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Origin;

    #[test]
    fn what_is_said_is_heard_and_a_closed_end_is_silence() {
        let (left, right) = Channel::pair().expect("a socket pair");
        let said = [
            Message::InitIs(4711),
            Message::Failed(StepError::refused("x", &Origin::at("/mounts/1"))),
            Message::Created,
        ];
        for message in &said {
            left.send(message).expect("send");
        }
        drop(left);
        for message in said {
            assert_eq!(right.receive(), Ok(Some(message)));
        }
        assert_eq!(right.receive(), Ok(None));
    }

    #[test]
    fn what_is_said_is_heard_of_one_who_did_not_listen() {
        let (left, right) = Channel::pair().expect("a socket pair");
        right.send(&Message::Start).expect("send");
        let said = Message::Failed(StepError::refused("x", &Origin::at("/mounts/1")));
        left.send(&said).expect("send");
        drop(left);
        assert_eq!(right.receive(), Ok(Some(said)));
        assert_eq!(right.receive(), Ok(None));
    }
}
