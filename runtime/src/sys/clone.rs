//! clone3(2) and clone(2) in the manner of fork(2): the child continues on a copy of the stack.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;
use nix::unistd::Pid;

use super::check;

/// Which side of a clone this is.
#[derive(Debug)]
pub enum Side {
    /// The new process.
    Child,
    /// The old one, with the new one's PID and descriptor (the latter where it was asked for).
    Parent(Pid, Option<OwnedFd>),
}

/// `struct clone_args` of linux/sched.h, up to `cgroup` (Linux 5.7, CLONE_ARGS_SIZE_VER2).
#[repr(C)]
#[derive(Default)]
struct Args {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// `CLONE_INTO_CGROUP` of linux/sched.h; a flag of clone3(2) alone.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes a process as fork(2) does, in new namespaces (`CLONE_NEW*` in `namespaces`) and, on
/// cgroup v2, inside a cgroup from its first instruction. The parent gets a pidfd.
///
/// The caller must be single-threaded; this runtime starts no threads.
pub fn clone3(namespaces: u64, cgroup: Option<BorrowedFd<'_>>) -> nix::Result<Side> {
    let mut pidfd: libc::c_int = -1;
    let mut args = Args {
        flags: namespaces | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..Args::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: neither CLONE_VM nor a stack is passed, so the child owns a copy of all memory, as
    // after fork(2), and no lock is held by a thread that would be missing there, since this
    // process has one thread. `pidfd` outlives the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<Args>()) };
    Ok(match check(pid)? {
        0 => Side::Child,
        pid => {
            // SAFETY: with CLONE_PIDFD the kernel stored a descriptor that nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Side::Parent(Pid::from_raw(pid as i32), Some(pidfd))
        }
    })
}

/// Makes a process by the old clone(2), for kernels and filters that refuse clone3(2), and, with
/// `sibling`, for a process whose parent is to be the caller's parent (CLONE_PARENT).
pub fn clone(namespaces: u64, sibling: bool) -> nix::Result<Side> {
    let mut flags = namespaces | libc::SIGCHLD as u64;
    if sibling {
        flags |= libc::CLONE_PARENT as u64;
    }
    // SAFETY: as for clone3: a fork-like copy made by a process of one thread; all pointers are
    // null, which the kernel takes as absent.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    Ok(match check(pid)? {
        0 => Side::Child,
        pid => Side::Parent(Pid::from_raw(pid as i32), None),
    })
}

/// pidfd_open(2).
pub fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// pidfd_send_signal(2).
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> nix::Result<()> {
    // SAFETY: a null siginfo means what kill(2) means; the other arguments are numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    check(result).map(drop)
}
