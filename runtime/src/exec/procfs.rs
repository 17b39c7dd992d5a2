//! Files of `/proc` that are written to: on the runtime's own procfs, and on it alone.
//!
//! Whoever has a say in what is mounted beneath `/proc`, such as the owner of a mount namespace that
//! a container joins, could turn a write elsewhere: a label into a file that takes anything, a
//! parameter into another one (CVE-2019-16884, CVE-2025-52881).

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat};
use nix::sys::stat::{Mode, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use crate::sys::mount::clone_tree;

/// `PROC_ROOT_INO` of linux/proc_fs.h: the inode of a procfs's root.
const ROOT_INODE: u64 = 1;

/// A procfs, as it was before any mount namespace was joined.
#[derive(Debug)]
pub struct Procfs(OwnedFd);

impl Procfs {
    /// Opens what is mounted on `/proc`, which must be a procfs, and the whole of it. Where something
    /// is mounted over its parameters, as outer containers have it, this is a copy without that.
    pub fn open() -> nix::Result<Self> {
        let proc = Self::open_at(Path::new("/proc"))?;
        match proc.resolve(Path::new("sys"), OFlag::O_PATH) {
            Err(Errno::EXDEV) => clone_tree(proc.0.as_fd(), c"", false).map(Self),
            _ => Ok(proc),
        }
    }

    fn open_at(path: &Path) -> nix::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let root = open(path, flags, Mode::empty())?;
        if is_whole(root.as_fd())? {
            Ok(Self(root))
        } else {
            Err(Errno::ENODEV)
        }
    }

    /// Writes to a file, by a path below the root that leads through no link and no other mount:
    /// ELOOP and EXDEV where one is in the way.
    pub fn write(&self, path: &Path, text: &[u8]) -> std::io::Result<()> {
        let file = self.resolve(path, OFlag::O_WRONLY)?;
        File::from(file).write_all(text)
    }

    fn resolve(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
        loop {
            match openat2(&self.0, path, how) {
                // openat2(2): a rename elsewhere made the path unsafe to judge; try again.
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                result => return result,
            }
        }
    }

    /// Writes to a file of the calling process.
    pub fn write_own(&self, file: &str, text: &[u8]) -> std::io::Result<()> {
        // This procfs counts processes as its own PID namespace does, getpid(2) as the caller's.
        let own = PathBuf::from(readlinkat(&self.0, "self")?);
        self.write(&own.join(file), text)
    }
}

/// Whether this is the root of a procfs, and not some part of one.
pub(super) fn is_whole(root: BorrowedFd<'_>) -> nix::Result<bool> {
    Ok(fstatfs(root)?.filesystem_type() == PROC_SUPER_MAGIC && fstat(root)?.st_ino == ROOT_INODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_of_a_procfs_is_one() {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, verdict) in [
            (Path::new("/proc"), Ok(())),
            (Path::new("/proc/sys"), Err(Errno::ENODEV)),
            (folder.path(), Err(Errno::ENODEV)),
        ] {
            assert_eq!(
                Procfs::open_at(path).map(drop),
                verdict,
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn no_link_is_followed() {
        let proc = Procfs::open().expect("/proc is mounted");
        let errno = |path: &str| {
            let error = proc.write(Path::new(path), b"0").expect_err(path);
            error.raw_os_error().map(Errno::from_raw)
        };
        assert_eq!(errno("self/oom_score_adj"), Some(Errno::ELOOP));
        assert_eq!(errno("../proc/self/comm"), Some(Errno::EXDEV));
    }

    #[test]
    fn a_file_of_ones_own_is_written() {
        let proc = Procfs::open().expect("/proc is mounted");
        let file = "/proc/self/coredump_filter";
        let before = std::fs::read_to_string(file).expect("readable");
        proc.write_own("coredump_filter", b"0x7").expect("written");
        let after = std::fs::read_to_string(file).expect("readable");
        proc.write_own("coredump_filter", format!("0x{before}").trim().as_bytes())
            .expect("written back");
        assert_eq!(after.trim(), "00000007");
    }
}
