//! What changes this process, or becomes another program.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::check;

/// A null-terminated vector of strings, as execve(2) takes it.
#[derive(Debug)]
pub struct StringVec<'a> {
    pointers: Vec<*const libc::c_char>,
    strings: std::marker::PhantomData<&'a CStr>,
}

impl<'a> StringVec<'a> {
    /// Borrows the strings.
    pub fn new(strings: &'a [CString]) -> Self {
        Self {
            pointers: strings
                .iter()
                .map(|string| string.as_ptr())
                .chain([std::ptr::null()])
                .collect(),
            strings: std::marker::PhantomData,
        }
    }
}

/// execve(2); returns only an error.
pub fn exec(path: &CStr, args: &StringVec<'_>, env: &StringVec<'_>) -> Errno {
    // SAFETY: the path and every string of the vectors are terminated and alive, and the vectors
    // end in null (see `StringVec::new`).
    unsafe {
        libc::syscall(
            libc::SYS_execve,
            path.as_ptr(),
            args.pointers.as_ptr(),
            env.pointers.as_ptr(),
        )
    };
    Errno::last()
}

/// The arguments of [`exec`] as a filter on system calls sees them.
pub fn exec_arguments(path: &CStr, args: &StringVec<'_>, env: &StringVec<'_>) -> [u64; 6] {
    let addresses = [
        path.as_ptr() as u64,
        args.pointers.as_ptr() as u64,
        env.pointers.as_ptr() as u64,
    ];
    [addresses[0], addresses[1], addresses[2], 0, 0, 0]
}

/// execveat(2) of the file that `fd` stands for; returns only an error.
pub fn exec_fd(fd: BorrowedFd<'_>, args: &StringVec<'_>, env: &StringVec<'_>) -> Errno {
    // SAFETY: as in `exec`; the path is the terminated empty string.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd.as_raw_fd(),
            c"".as_ptr(),
            args.pointers.as_ptr(),
            env.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Errno::last()
}

/// close_range(2) with CLOSE_RANGE_CLOEXEC (Linux 5.11): from `first` on, nothing survives an
/// execve(2).
pub fn cloexec_from(first: u32) -> nix::Result<()> {
    // SAFETY: the flag only marks descriptors, so none that Rust owns is closed under it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    check(result).map(drop)
}

/// Ends this process at once, running nothing of the C library's exit handlers, which belong to
/// the process that this one was cloned from.
pub fn exit(code: i32) -> ! {
    // The C library's _exit may not be relied on to end at all where a filter refuses the call.
    // SAFETY: exit_group(2) ends the process; no memory is touched.
    unsafe { libc::syscall(libc::SYS_exit_group, code) };
    // SAFETY: as above; it ends the only thread.
    unsafe { libc::syscall(libc::SYS_exit, code) };
    // What a filter cannot refuse: a fault.
    std::process::abort()
}

/// setgroups(2) for the whole process.
pub fn set_groups(groups: &[libc::gid_t]) -> nix::Result<()> {
    // SAFETY: the count is that of the slice. The raw call changes this thread, the only one.
    check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }).map(drop)
}

/// setresgid(2), all three ids.
pub fn set_gid(gid: libc::gid_t) -> nix::Result<()> {
    // SAFETY: the call takes numbers only; it changes this thread, the only one.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }).map(drop)
}

/// setresuid(2), all three ids.
pub fn set_uid(uid: libc::uid_t) -> nix::Result<()> {
    // SAFETY: the call takes numbers only; it changes this thread, the only one.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }).map(drop)
}

/// setrlimit(2) for a resource by number, so that every resource of the kernel can be named.
pub fn set_rlimit(resource: u32, soft: u64, hard: u64) -> nix::Result<()> {
    let limit = libc::rlimit64 {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: the new limit is read from `limit`; a null old limit means that none is wanted.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            0,
            resource,
            &raw const limit,
            std::ptr::null::<libc::rlimit64>(),
        )
    };
    check(result).map(drop)
}

/// Joins the session keyring of this name, or makes it, so that the caller's keys stay outside; and
/// lets later processes of the same user find it (keyctl(2)).
pub fn join_session_keyring(name: &CStr) -> nix::Result<()> {
    // KEYCTL_JOIN_SESSION_KEYRING of linux/keyctl.h is 1.
    // SAFETY: `name` is a terminated string that lives through the call.
    let keyring = check(unsafe { libc::syscall(libc::SYS_keyctl, 1, name.as_ptr()) })?;
    // All for its possessor; view, read, search and link for its user (keyctl_setperm(3)).
    // SAFETY: KEYCTL_SETPERM, 5, takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_keyctl, 5, keyring, 0x3f1b_0000) }).map(drop)
}

/// Resets every signal to its default and blocks none, since both survive execve(2) and Rust
/// ignores SIGPIPE.
pub fn reset_signals() -> nix::Result<()> {
    reset_signals_but_pipe()?;
    reset_pipe_and_mask()
}

/// The part of [`reset_signals`] that can be done long before: a write to whoever has hung up stays an error.
pub fn reset_signals_but_pipe() -> nix::Result<()> {
    (1..=64)
        .filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGPIPE].contains(signal))
        .try_for_each(reset_signal)
}

/// The rest of [`reset_signals`].
pub fn reset_pipe_and_mask() -> nix::Result<()> {
    reset_signal(libc::SIGPIPE)?;
    let mask = 0u64;
    // SAFETY: the kernel reads a mask of 8 bytes and writes none back.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            std::ptr::null::<u64>(),
            8,
        )
    };
    check(result).map(drop)
}

fn reset_signal(signal: libc::c_int) -> nix::Result<()> {
    // struct sigaction of the kernel, all zero: SIG_DFL, no flags, an empty mask.
    let action = [0u64; 4];
    // SAFETY: the kernel reads a `struct sigaction` of four words here (handler, flags,
    // restorer, mask of 8 bytes) and writes none back.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            action.as_ptr(),
            std::ptr::null::<u64>(),
            8,
        )
    };
    check(result).map(drop)
}

/// Adopts a descriptor that was inherited by number, such as one of LISTEN_FDS.
pub fn adopt(fd: i32) -> Option<OwnedFd> {
    // SAFETY: F_GETFD touches no memory; a number that is not open answers EBADF.
    if fd < 0 || unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
        return None;
    }
    // SAFETY: the descriptor is open, and the caller takes it over from whoever passed it on.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The descriptor flags of a number (F_GETFD); EBADF where nothing is open.
pub fn descriptor_flags(fd: i32) -> nix::Result<i32> {
    // SAFETY: F_GETFD takes a number and touches no memory.
    check(libc::c_long::from(unsafe {
        libc::fcntl(fd, libc::F_GETFD)
    }))
    .map(|flags| flags as i32)
}

/// Closes every descriptor from `first` on but those to `keep`.
///
/// Values that own the others dangle afterwards: call this only where there are none, or where the process
/// ends by execve(2) or [`exit`] without dropping them.
pub fn close_all_but(first: u32, keep: &[i32]) -> nix::Result<()> {
    let mut keep: Vec<u32> = keep
        .iter()
        .filter_map(|fd| u32::try_from(*fd).ok())
        .filter(|fd| *fd >= first)
        .collect();
    keep.sort_unstable();
    let mut from = first;
    for fd in keep.into_iter().chain([u32::MAX]) {
        if from < fd {
            let last = if fd == u32::MAX { fd } else { fd - 1 };
            // SAFETY: the caller promises that nothing uses a closed descriptor afterwards (see
            // above), and the kept ones lie outside of the range.
            check(unsafe { libc::syscall(libc::SYS_close_range, from, last, 0) })?;
        }
        from = fd.saturating_add(1);
    }
    Ok(())
}

/// Makes `fd` survive execve(2), or not.
pub fn set_cloexec(fd: i32, on: bool) -> nix::Result<()> {
    let flags = if on { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: F_SETFD takes a number and touches no memory.
    check(libc::c_long::from(unsafe {
        libc::fcntl(fd, libc::F_SETFD, flags)
    }))
    .map(drop)
}

/// setdomainname(2).
pub fn set_domainname(name: &str) -> nix::Result<()> {
    // SAFETY: the length is that of the string, which lives through the call.
    check(unsafe { libc::syscall(libc::SYS_setdomainname, name.as_ptr(), name.len()) }).map(drop)
}
