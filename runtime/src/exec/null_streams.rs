//! Standard streams that are the runtime's null device become the container's own, so that the container
//! holds no file of another mount namespace; CRIU could not save it else. As in runc.

use std::os::fd::AsFd;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, major, minor};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::{Context, StepError};
use crate::plan::Origin;

/// Reopens them, in the container's root. A container without a null device keeps what it got.
pub fn reopen() -> Result<(), StepError> {
    let null = |fd: &dyn AsFd| fstat(fd.as_fd()).is_ok_and(|about| is_null(&about));
    let streams = [
        null(&std::io::stdin()),
        null(&std::io::stdout()),
        null(&std::io::stderr()),
    ];
    if streams == [false; 3] {
        return Ok(());
    }
    let path = "/dev/null";
    // Looked at before it is opened: opening another device may have effects.
    let look = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    if !open(path, look, Mode::empty()).is_ok_and(|fd| null(&fd)) {
        return Ok(());
    }
    let describe = || "reopen the standard streams as the container's /dev/null";
    let origin = &Origin::at("/process");
    let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let own = open(path, flags, Mode::empty()).step(origin, describe)?;
    let duplicates = [dup2_stdin, dup2_stdout, dup2_stderr];
    for (duplicate, null) in duplicates.iter().zip(streams) {
        if null {
            duplicate(own.as_fd()).step(origin, describe)?;
        }
    }
    Ok(())
}

/// Documentation/admin-guide/devices.txt: character device 1:3.
fn is_null(about: &FileStat) -> bool {
    let kind = about.st_mode & SFlag::S_IFMT.bits();
    kind == SFlag::S_IFCHR.bits() && (major(about.st_rdev), minor(about.st_rdev)) == (1, 3)
}
