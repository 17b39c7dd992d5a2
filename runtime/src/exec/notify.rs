//! Passes a container's readiness on to the service manager: sd_notify(3), as runc does.
//!
//! The container gets a socket of its own. What arrives there is read, and only `READY=` goes further: the
//! other words of the protocol would let a container speak for whoever runs it.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, pipe2};

use super::channel::send_fd;
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::notify::{SOCKET, VARIABLE};

const ORIGIN: Origin = Origin::at(VARIABLE);

/// How long the manager may take to have read what it was told; as long as in runc.
const PATIENCE_MS: u16 = 30_000;

/// The folder of the socket within a container's.
pub fn folder(container: &Path) -> PathBuf {
    container.join("notify")
}

/// Makes the folder that `create` binds; the socket is there from `start` on.
pub fn make_folder(container: &Path) -> Result<(), StepError> {
    let path = folder(container);
    // Whatever user the container has must be able to enter it.
    let before = umask(Mode::from_bits_truncate(0o022));
    let made = DirBuilder::new().mode(0o755).create(&path);
    umask(before);
    made.step(&ORIGIN, || format!("make {}", path.display()))
}

/// Both sockets.
#[derive(Debug)]
pub struct Relay {
    inside: UnixDatagram,
    manager: UnixDatagram,
}

impl Relay {
    /// Connects to the manager's socket and listens on the container's; `None` where there is no manager,
    /// or where `create` was not told of one.
    pub fn open(container: &Path) -> Result<Option<Self>, StepError> {
        let Some(manager) = manager() else {
            return Ok(None);
        };
        let folder = folder(container);
        if !folder.exists() {
            return Ok(None);
        }
        let inside = listen(&folder).step(&ORIGIN, || {
            format!("listen on {}", folder.join(SOCKET).display())
        })?;
        let manager = connect(&manager).step(&ORIGIN, || format!("connect to {manager}"))?;
        Ok(Some(Self { inside, manager }))
    }

    /// Waits until the container is ready, or its process has ended; then tells the manager, which is
    /// to watch that process from now on.
    pub fn wait(&self, pid: Pid, process: BorrowedFd<'_>) -> Result<(), StepError> {
        loop {
            let mut fds = [
                PollFd::new(self.as_fd(), PollFlags::POLLIN),
                PollFd::new(process, PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                result => result.step(&ORIGIN, || "wait for the container to be ready")?,
            };
            let ended = fds[1].any().unwrap_or(false);
            if self.pass_on()? {
                let pid = format!("MAINPID={pid}\n");
                self.tell(pid.as_bytes())?;
                return self.barrier();
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Reads what has arrived and passes the readiness on; whether it was there.
    pub fn pass_on(&self) -> Result<bool, StepError> {
        let mut buffer = [0u8; 4096];
        loop {
            let length = match self.inside.recv(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.step(&ORIGIN, || "hear from the container")?,
            };
            if let Some(line) = ready(&buffer[..length]) {
                self.tell(line)?;
                return Ok(true);
            }
        }
    }

    fn tell(&self, text: &[u8]) -> Result<(), StepError> {
        self.manager
            .send(text)
            .map(drop)
            .step(&ORIGIN, || "tell the service manager")
    }

    /// Waits until the manager has read everything (sd_notify_barrier(3)): it looks at the sender,
    /// which must not have ended by then.
    fn barrier(&self) -> Result<(), StepError> {
        let describe = || "wait for the service manager";
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).step(&ORIGIN, describe)?;
        send_fd(self.manager.as_fd(), "BARRIER=1", theirs.as_fd()).step(&ORIGIN, describe)?;
        drop(theirs);
        let mut fds = [PollFd::new(ours.as_fd(), PollFlags::empty())];
        loop {
            match poll(&mut fds, PollTimeout::from(PATIENCE_MS)) {
                Err(Errno::EINTR) => {}
                Ok(0) => return Err(StepError::new(describe(), Errno::ETIMEDOUT, &ORIGIN)),
                result => return result.map(drop).step(&ORIGIN, describe),
            }
        }
    }
}

impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inside.as_fd()
    }
}

/// The manager's socket. Clients pass empty variables, which must mean the same as none.
pub fn manager() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())
}

/// The line that says that the sender is ready.
fn ready(datagram: &[u8]) -> Option<&[u8]> {
    let mut lines = datagram.split_inclusive(|&byte| byte == b'\n');
    lines.find(|line| line.starts_with(b"READY="))
}

fn listen(folder: &Path) -> io::Result<UnixDatagram> {
    // An address holds at most 107 characters (unix(7)), a path of the store may be longer.
    let dir: OwnedFd = open(
        folder,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd()));
    // What a `start` that was killed has left.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let before = umask(Mode::empty());
    let socket = UnixDatagram::bind(&path);
    umask(before);
    let socket = socket?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `@` stands for the abstract namespace (sd_notify(3)).
fn connect(name: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readiness_goes_further() {
        assert_eq!(ready(b"READY=1"), Some(&b"READY=1"[..]));
        assert_eq!(
            ready(b"STATUS=up\nREADY=1\nMAINPID=1\n"),
            Some(&b"READY=1\n"[..])
        );
        assert_eq!(ready(b"STATUS=READY=1\nMAINPID=1"), None);
        assert_eq!(ready(b""), None);
    }
}
