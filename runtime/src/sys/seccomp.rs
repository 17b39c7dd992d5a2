//! seccomp(2).

use std::os::fd::{FromRawFd, OwnedFd};

use nix::libc;

use super::check;
use crate::plan::seccomp::{FLAG_NEW_LISTENER, Instruction};

/// Loads a filter into this thread; answers with the listener where `FLAG_NEW_LISTENER` asks for one.
///
/// It takes `no_new_privs` or `CAP_SYS_ADMIN` in the user namespace of the thread. EINVAL stands for
/// a program or a flag that this kernel does not take.
pub fn load(program: &[Instruction], flags: u32) -> nix::Result<Option<OwnedFd>> {
    // A longer one is refused by the compiler; the kernel refuses 0 instructions.
    let len = u16::try_from(program.len()).unwrap_or(0);
    const {
        assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
        assert!(align_of::<Instruction>() >= align_of::<libc::sock_filter>());
    }
    let filter = libc::sock_fprog {
        len,
        // The kernel only reads it.
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `filter` names `len` instructions that live through the call, in the layout of
    // sock_filter (asserted above; `Instruction` is repr(C) with the same fields in order).
    let result = check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const filter,
        )
    })?;
    if flags & FLAG_NEW_LISTENER == 0 {
        return Ok(None);
    }
    // SAFETY: with SECCOMP_FILTER_FLAG_NEW_LISTENER the result is a new descriptor, ours alone.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(result as i32) }))
}
