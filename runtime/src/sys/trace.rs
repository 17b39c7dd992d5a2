//! ptrace(2), as far as one stops another process at a system call.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::check;

/// Where a traced process stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stop {
    /// Before a system call: its number and first argument.
    Entry {
        /// The number.
        nr: u64,
        /// Its first argument.
        first: u64,
    },
    /// After one: its result, or an errno below zero.
    Exit(i64),
    /// Elsewhere.
    Other,
}

/// `enum __ptrace_request` of linux/ptrace.h; the C library gives them different types.
const CONT_SYSCALL: libc::c_long = 24;
#[cfg(target_arch = "x86_64")]
const GETREGS: libc::c_long = 12;
const DETACH: libc::c_long = 17;
const SEIZE: libc::c_long = 0x4206;
const INTERRUPT: libc::c_long = 0x4207;
const GET_SYSCALL_INFO: libc::c_long = 0x420e;

/// `PTRACE_O_TRACESYSGOOD` tells stops at system calls from others; `PTRACE_O_EXITKILL` ends the
/// process where the tracer ends.
const OPTIONS: libc::c_long = 0x1 | 0x0010_0000;

/// `struct ptrace_syscall_info` of linux/ptrace.h; the union holds seven words for an entry and two
/// for an exit.
#[repr(C)]
#[derive(Default)]
struct Info {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    pointers: [u64; 2],
    union: [u64; 8],
}

fn request(request: libc::c_long, pid: Pid, data: libc::c_long) -> nix::Result<()> {
    // SAFETY: the requests above that come here take an address of 0 and a plain number as data.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, request, pid.as_raw(), 0, data) };
    check(result).map(drop)
}

/// Attaches to the process without stopping it.
pub fn seize(pid: Pid) -> nix::Result<()> {
    request(SEIZE, pid, OPTIONS)
}

/// Stops it.
pub fn interrupt(pid: Pid) -> nix::Result<()> {
    request(INTERRUPT, pid, 0)
}

/// Lets it go on to the next entry or exit of a system call, with a signal or 0.
pub fn to_syscall(pid: Pid, signal: i32) -> nix::Result<()> {
    request(CONT_SYSCALL, pid, signal.into())
}

/// Lets it go on alone.
pub fn detach(pid: Pid) -> nix::Result<()> {
    request(DETACH, pid, 0)
}

/// Where it stands.
pub fn position(pid: Pid) -> nix::Result<Stop> {
    match described(pid) {
        // user-mode-linux and kernels before 5.3 do not know the request.
        Err(Errno::EIO) => by_registers(pid),
        position => position,
    }
}

/// By the registers: the kernel puts -ENOSYS into the result's until the call has one
/// (arch/x86/entry, arch/um/kernel/skas/syscall.c).
#[cfg(target_arch = "x86_64")]
fn by_registers(pid: Pid) -> nix::Result<Stop> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
    // SAFETY: the request ignores its address and fills a `struct user_regs_struct`, as big as here.
    check(unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            GETREGS,
            pid.as_raw(),
            0,
            registers.as_mut_ptr(),
        )
    })?;
    // SAFETY: the call succeeded, so that the kernel has written all of it.
    let registers = unsafe { registers.assume_init() };
    let result = registers.rax.cast_signed();
    Ok(if result == -i64::from(libc::ENOSYS) {
        Stop::Entry {
            nr: registers.orig_rax,
            first: registers.rdi,
        }
    } else {
        Stop::Exit(result)
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn by_registers(_pid: Pid) -> nix::Result<Stop> {
    Err(Errno::EIO)
}

/// As the kernel describes it. Linux 5.3.
fn described(pid: Pid) -> nix::Result<Stop> {
    let mut info = Info::default();
    // SAFETY: the kernel writes at most as many bytes as the address argument says, into `info`.
    check(unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            GET_SYSCALL_INFO,
            pid.as_raw(),
            size_of::<Info>(),
            &raw mut info,
        )
    })?;
    Ok(match info.op {
        1 => Stop::Entry {
            nr: info.union[0],
            first: info.union[1],
        },
        2 => Stop::Exit(info.union[0].cast_signed()),
        _ => Stop::Other,
    })
}

/// pidfd_getfd(2): a copy of another process's descriptor. Linux 5.6.
pub fn pidfd_getfd(pidfd: BorrowedFd<'_>, number: i32) -> nix::Result<OwnedFd> {
    // SAFETY: takes plain numbers only.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) })?;
    // SAFETY: the result is a new descriptor, ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
