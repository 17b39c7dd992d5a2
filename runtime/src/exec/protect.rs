//! Runs this program from a file that a container cannot write (CVE-2019-5736).
//!
//! A container's process may reach the executable of whoever enters it through `/proc/PID/exe`. So
//! before this program puts a process into a container, it executes itself once more, from a
//! read-only detached mount of its own file, or from a sealed copy where mounting is refused.
//! The processes cloned later inherit that file.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::{Context, StepError};
use crate::plan::Origin;
use crate::sys::entry::{found_protected, own_tree};
use crate::sys::main::args;
use crate::sys::mount::{MountAttr, attr, clone_tree, set_attr};
use crate::sys::process::{StringVec, cloexec_from, close_all_but, exec_fd};

const EXE: &str = "/proc/self/exe";

/// Returns only in a process that runs from a protected file, and in which the `inherited`
/// descriptors from 3 on are all that the caller passed besides the standard streams. `own` is the only
/// descriptor that this process has opened.
pub fn enter(inherited: u32, own: Option<BorrowedFd<'_>>) -> Result<(), StepError> {
    let origin = &Origin::at("--preserve-fds");
    for fd in 3..3 + inherited {
        if !was_passed(fd) {
            return Err(StepError::refused(
                format!("descriptor {fd} is to be preserved, but the caller did not pass it"),
                origin,
            ));
        }
    }
    let origin = &Origin::default();
    if !found_protected() {
        execute_protected(inherited)?;
    }
    let keep: Vec<_> = own
        .map(|fd| fd.as_raw_fd())
        .into_iter()
        .chain(own_tree())
        .collect();
    close_all_but(3 + inherited, &keep).step(origin, || "close what the caller leaked")
}

/// Executes the protected file, unless this process runs from one.
fn execute_protected(inherited: u32) -> Result<(), StepError> {
    let origin = &Origin::default();
    let exe = open(EXE, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
        .step(origin, || "open the own executable")?;
    if is_protected(&exe).step(origin, || "look at the own executable")? {
        return Ok(());
    }
    let protected = read_only(exe.as_fd())
        .or_else(|_| sealed_copy())
        .step(origin, || "protect the own executable")?;
    // Descriptors that nobody announced end here.
    cloexec_from(3 + inherited).step(origin, || "close what the caller leaked")?;
    let args = c_strings(args().into_iter().map(OsStringExt::into_vec));
    let env = c_strings(std::env::vars_os().map(|(name, value)| {
        let mut entry = name.into_vec();
        entry.push(b'=');
        entry.extend(value.into_vec());
        entry
    }));
    let errno = exec_fd(
        protected.as_fd(),
        &StringVec::new(&args),
        &StringVec::new(&env),
    );
    Err(StepError::new(
        "execute the protected copy of the own executable",
        errno,
        origin,
    ))
}

fn c_strings(strings: impl Iterator<Item = Vec<u8>>) -> Vec<CString> {
    // Arguments and variables came from the kernel as terminated strings.
    strings
        .filter_map(|bytes| CString::new(bytes).ok())
        .collect()
}

/// Whether a descriptor came from the caller: those that this process opened are close-on-exec.
fn was_passed(fd: u32) -> bool {
    descriptor_flags(fd).is_ok_and(|flags| !flags.contains(FdFlag::FD_CLOEXEC))
}

fn descriptor_flags(fd: u32) -> nix::Result<FdFlag> {
    crate::sys::process::descriptor_flags(fd as i32).map(FdFlag::from_bits_retain)
}

fn is_protected(exe: &OwnedFd) -> nix::Result<bool> {
    if fstatvfs(exe)?.flags().contains(FsFlags::ST_RDONLY) {
        return Ok(true);
    }
    // A descriptor of O_PATH cannot be asked for seals, and only a copy in memory has any.
    let readable = match open(EXE, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(readable) => readable,
        Err(Errno::EACCES) => return Ok(false),
        Err(errno) => return Err(errno),
    };
    Ok(fcntl(&readable, FcntlArg::F_GET_SEALS)
        .is_ok_and(|seals| SealFlag::from_bits_retain(seals).contains(SealFlag::F_SEAL_WRITE)))
}

fn read_only(exe: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let tree = clone_tree(exe, c"", false)?;
    let readonly = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    set_attr(tree.as_fd(), &readonly, false)?;
    Ok(tree)
}

fn sealed_copy() -> nix::Result<OwnedFd> {
    let copy = memfd_create(
        c"plimrun",
        MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
    )?;
    let mut source = File::open(EXE).map_err(|error| errno(&error))?;
    let mut target = File::from(copy);
    io::copy(&mut source, &mut target).map_err(|error| errno(&error))?;
    fcntl(
        &target,
        FcntlArg::F_ADD_SEALS(
            SealFlag::F_SEAL_WRITE
                | SealFlag::F_SEAL_GROW
                | SealFlag::F_SEAL_SHRINK
                | SealFlag::F_SEAL_SEAL,
        ),
    )?;
    Ok(target.into())
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}
