//! A socket that a runtime sends messages to, with descriptors.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::steps::Step;
use super::trial::Trial;
use crate::drive::Deadline;
use crate::verdict::{Check, Stop};

/// The most descriptors that a message is taken with.
const DESCRIPTORS: usize = 8;

/// What one recvmsg(2) gave.
#[derive(Debug)]
pub struct Message {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The descriptors that came with them.
    pub descriptors: Vec<OwnedFd>,
}

/// A listening socket, whose connections are read from while the case goes on: a runtime that
/// sends more than the socket holds is not kept waiting.
pub struct Listener {
    path: PathBuf,
    reader: JoinHandle<io::Result<Vec<Vec<Message>>>>,
}

impl Trial {
    /// Listens for so many connections at a path on the host.
    pub fn listen(&self, path: PathBuf, connections: usize) -> Check<Listener> {
        let listener = UnixListener::bind(&path)
            .map_err(|error| Stop::broken(format!("listen on {}", path.display()), error))?;
        self.steps.push(Step::Listens(path.clone(), None));
        let deadline = self.deadline();
        let reader = thread::spawn(move || {
            (0..connections)
                .map_while(|_| accept(&listener, deadline).transpose())
                .map(|stream| Ok(read(&stream?, deadline)?.0))
                .collect()
        });
        Ok(Listener { path, reader })
    }
}

impl Listener {
    /// Waits until the connections were made and closed; what came on each, in order. There are
    /// fewer if the deadline passed before.
    pub fn connections(self) -> Check<Vec<Vec<Message>>> {
        let read = self.reader.join();
        let read = read.map_err(|_| Stop::Broken("the reader of a socket panicked".into()))?;
        read.map_err(|error| Stop::broken(format!("read from {}", self.path.display()), error))
    }
}

/// The next connection; none at the deadline.
fn accept(listener: &UnixListener, deadline: Deadline) -> io::Result<Option<UnixStream>> {
    if !deadline.readable(listener.as_fd())? {
        return Ok(None);
    }
    Ok(Some(listener.accept()?.0))
}

/// Reads until the other end closes, or until the deadline; says whether it closed.
pub(super) fn read(stream: &UnixStream, deadline: Deadline) -> io::Result<(Vec<Message>, bool)> {
    let mut messages = Vec::new();
    while deadline.readable(stream.as_fd())? {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        // Little at first: a read goes on over what further calls sent, up to the first descriptors.
        let mut bytes = vec![0; if messages.is_empty() { 64 } else { 1 << 16 }];
        let received = recvmsg(
            stream,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        );
        let length = match received {
            Ok(received) => received.bytes,
            // The other end died.
            Err(rustix::io::Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        if length == 0 {
            return Ok((messages, true));
        }
        bytes.truncate(length);
        let descriptors = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
            _ => Vec::new(),
        });
        messages.push(Message {
            descriptors: descriptors.collect(),
            bytes,
        });
    }
    Ok((messages, false))
}
