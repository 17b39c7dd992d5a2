//! Where the program's own code begins: what the C library calls as `main`.
//!
//! The Rust library would put a beginning of its own before `main`, which makes ready for a message about
//! an overflowing stack: it reads `/proc/self/maps` and makes a stack for a signal handler, a tenth of what
//! `state` takes in all. The rest of it is done here. An overflow ends the process all the same, at the
//! kernel's guard pages.

use std::ffi::{CStr, OsStr, OsString};
use std::io::{Write as _, stdout};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;

use nix::libc;

use super::process::{descriptor_flags, exit};
use crate::cli;

/// Exit status after a panic: the Rust library's.
const PANICKED: u8 = 101;

/// What the program was called with, once it has begun.
static ARGS: OnceLock<Vec<OsString>> = OnceLock::new();

/// The program's arguments, its name first. The Rust library knows them only where the C library tells it.
pub fn args() -> Vec<OsString> {
    match ARGS.get() {
        Some(args) => args.clone(),
        None => std::env::args_os().collect(),
    }
}

/// The program, named to the linker by build.rs.
#[unsafe(no_mangle)]
pub(super) extern "C" fn plimrun_main(count: libc::c_int, words: *const *const libc::c_char) -> ! {
    open_streams();
    // SAFETY: only the disposition of a signal changes, before anything could rely on another.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let words = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: the C library passes that many pointers to terminated strings, which live as long as the
        // process.
        let word = unsafe { CStr::from_ptr(*words.add(index)) };
        OsStr::from_bytes(word.to_bytes()).to_owned()
    });
    let args = ARGS.get_or_init(|| words.collect());
    let status = std::panic::catch_unwind(|| cli::main(args.iter().cloned()));
    // What is not written by now has nobody left who could be told.
    let _ = stdout().flush();
    exit(status.unwrap_or(PANICKED).into())
}

/// Opens `/dev/null` in place of standard streams that the caller has closed, or else the next file opened
/// would be one of them.
fn open_streams() {
    for fd in 0..=2 {
        if descriptor_flags(fd) == Err(nix::errno::Errno::EBADF) {
            // The lowest number that is free is this one, and it is to stay open for good.
            // SAFETY: the path is a terminated string.
            if unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } != fd {
                std::process::abort();
            }
        }
    }
}
