//! Files by name.

use std::path::Path;

use nix::{NixPath, libc};

use super::check;

/// renameat2(2) with RENAME_EXCHANGE: two files change places.
pub fn exchange(one: &Path, other: &Path) -> nix::Result<()> {
    let call = |one: *const libc::c_char, other: *const libc::c_char| {
        let here = libc::AT_FDCWD;
        // SAFETY: both are terminated strings that live through the call.
        unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                here,
                one,
                here,
                other,
                libc::RENAME_EXCHANGE,
            )
        }
    };
    let result =
        one.with_nix_path(|one| other.with_nix_path(|other| call(one.as_ptr(), other.as_ptr())))??;
    check(result).map(drop)
}
