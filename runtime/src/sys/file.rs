//! Files by name and by descriptor.

use std::ffi::CStr;
use std::mem::forget;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::{NixPath, libc};

use super::{check, raw};

/// renameat2(2) with RENAME_EXCHANGE: two files change places.
pub fn exchange(one: &Path, other: &Path) -> nix::Result<()> {
    exchange_below(AT_FDCWD, one, other)
}

/// As [`exchange`], with paths that begin at an open folder.
pub fn exchange_below(folder: BorrowedFd<'_>, one: &Path, other: &Path) -> nix::Result<()> {
    let call = |one: *const libc::c_char, other: *const libc::c_char| {
        let here = folder.as_raw_fd();
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

/// openat(2) for reading, without the C library: where there are several threads, its own is a point of cancellation
/// (pthreads(7)), for which it writes twice to memory that the processors share.
pub fn open_below(dir: BorrowedFd<'_>, way: &CStr) -> nix::Result<OwnedFd> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    let arguments = [
        dir.as_raw_fd() as usize,
        way.as_ptr() as usize,
        flags as usize,
        0,
        0,
        0,
    ];
    // SAFETY: the way is a terminated string that lives through the call.
    let fd = unsafe { raw::call(libc::SYS_openat, arguments) }.map_err(Errno::from_raw)?;
    // SAFETY: the kernel returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// read(2), for the same reason.
pub fn read(file: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<usize> {
    let arguments = [
        file.as_raw_fd() as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes no further than the length of the buffer, which is the caller's alone.
    unsafe { raw::call(libc::SYS_read, arguments) }.map_err(Errno::from_raw)
}

/// Descriptors that are closed together when this is dropped: a run of numbers takes one call, close_range(2).
#[derive(Debug, Default)]
pub struct Together(Vec<OwnedFd>);

impl Together {
    /// Takes one more.
    pub fn add(&mut self, fd: OwnedFd) {
        self.0.push(fd);
    }

    /// Lends them in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(AsFd::as_fd)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Closes those that there are.
    pub fn close(&mut self) {
        self.0.sort_unstable_by_key(AsRawFd::as_raw_fd);
        let follows = |one: &OwnedFd, next: &OwnedFd| one.as_raw_fd() + 1 == next.as_raw_fd();
        let mut closed = 0;
        for run in self.0.chunk_by(follows) {
            let first = run[0].as_raw_fd();
            let last = first + run.len() as RawFd - 1;
            // SAFETY: each number of the range is that of a descriptor which this value owns, and none of them is
            // used again.
            if check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).is_err() {
                // Linux before 5.9, or a filter.
                break;
            }
            closed += run.len();
        }
        self.0.drain(..closed).for_each(forget);
        // The others are closed one by one.
        self.0.clear();
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Descriptors of one pipe each, whose other ends tell whether they are open.
    fn pipe() -> (OwnedFd, File) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        (reader.into(), OwnedFd::from(writer).into())
    }

    fn is_closed(writer: &File) -> bool {
        nix::unistd::write(writer, b"x") == Err(Errno::EPIPE)
    }

    #[test]
    fn what_is_closed_together_is_closed_and_nothing_else() {
        let (readers, writers): (Vec<_>, Vec<_>) = (0..12).map(|_| pipe()).unzip();
        let mut together = Together::default();
        let mut kept = Vec::new();
        for (at, reader) in readers.into_iter().enumerate().rev() {
            if at % 5 == 3 {
                kept.push(reader);
            } else {
                together.add(reader);
            }
        }
        assert_eq!((together.len(), together.is_empty()), (10, false));
        assert!(!writers.iter().any(is_closed));
        drop(together);
        for (at, writer) in writers.iter().enumerate() {
            assert_eq!(is_closed(writer), at % 5 != 3, "{at}");
        }
        drop(kept);
        assert!(writers.iter().all(is_closed));
    }

    #[test]
    fn a_file_is_read_by_its_way_from_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "text").expect("written");
        let dir = File::open(folder.path()).expect("opened");
        let file = open_below(dir.as_fd(), c"file").expect("opened");
        let mut buffer = [0; 3];
        assert_eq!(read(file.as_fd(), &mut buffer), Ok(3));
        assert_eq!(&buffer, b"tex");
        assert_eq!(read(file.as_fd(), &mut buffer), Ok(1));
        assert_eq!(read(file.as_fd(), &mut buffer), Ok(0));
        let absent = open_below(dir.as_fd(), c"none").map(drop);
        assert_eq!(absent, Err(Errno::ENOENT));
    }
}
