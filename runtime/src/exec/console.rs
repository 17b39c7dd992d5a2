//! The container's terminal.
//! config.md#process (`terminal`, `consoleSize`), config-linux.md#default-devices (`/dev/console`)

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown};

use super::channel::send_fd;
use super::root::Root;
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::process::Terminal;
use crate::sys::mount::{clone_tree, move_onto};
use crate::sys::tty;

/// Makes a terminal from the container's own devpts, hands its master to whoever listens on
/// `socket`, binds it to `/dev/console` where there is a `root` to bind it in, and makes it this
/// session's terminal and standard streams.
pub fn attach(
    terminal: Terminal,
    uid: u32,
    root: Option<&Root>,
    socket: BorrowedFd<'_>,
    origin: &Origin,
) -> Result<(), StepError> {
    let origin = &origin.child("terminal");
    let master = open_master(root).step(origin, || "open a terminal")?;
    tty::unlock(master.as_fd()).step(origin, || "unlock the terminal")?;
    // CVE-2025-52565: the terminal is opened through its master, by no path.
    let peer = tty::peer(master.as_fd()).step(origin, || "open the terminal's other end")?;
    if let Some((rows, columns)) = terminal.size {
        tty::resize(peer.as_fd(), rows, columns).step(origin, || "set the terminal's size")?;
    }
    if uid != 0 {
        fchown(&peer, Some(Uid::from_raw(uid)), None::<Gid>)
            .step(origin, || format!("give the terminal to user {uid}"))?;
    }
    if let Some(root) = root {
        bind_console(root, peer.as_fd()).step(origin, || "bind the terminal to /dev/console")?;
    }
    send_fd(socket, "/dev/ptmx", master.as_fd()).step(
        origin,
        || "send the terminal's master over the console socket",
    )?;
    tty::control(peer.as_fd()).step(origin, || "control the terminal")?;
    dup2_stdin(&peer)
        .and_then(|()| dup2_stdout(&peer))
        .and_then(|()| dup2_stderr(&peer))
        .step(origin, || "make the terminal the standard streams")
}

fn open_master(root: Option<&Root>) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match root {
        Some(root) => root
            .open(Path::new("dev/pts/ptmx"), flags)
            // A container without a devpts of its own gets a terminal of the runtime's.
            .or_else(|_| open("/dev/ptmx", flags, Mode::empty())),
        None => open("/dev/ptmx", flags, Mode::empty()),
    }
}

fn bind_console(root: &Root, peer: BorrowedFd<'_>) -> nix::Result<()> {
    let target = root.file(Path::new("dev/console"))?;
    let tree = clone_tree(peer, c"", false)?;
    move_onto(tree.as_fd(), target.as_fd())?;
    fchmod(peer, Mode::from_bits_truncate(0o620))
}
