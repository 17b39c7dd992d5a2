//! Reading a file with as few system calls as it takes: a start reads a dozen, `list` one or two for every
//! container.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::sys::file::{self, Together, open_below};

/// Longer than nearly all that is read here.
const PIECE: usize = 4096;

/// So many files are closed at once.
const TOGETHER: usize = 16;

/// Reads a small file whole and hands it on without a copy. A read that does not fill the buffer has met the
/// end: so it is for regular files, and for those of procfs and of cgroups that the kernel makes in one piece.
pub(crate) fn with_small<T>(
    path: impl AsRef<Path>,
    then: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    whole(File::open(path)?, then)
}

fn whole<T>(mut file: File, then: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    let mut piece = [0; PIECE];
    let length = read_some(&mut file, &mut piece)?;
    if length < piece.len() {
        return Ok(then(&piece[..length]));
    }
    let mut all = piece.to_vec();
    file.read_to_end(&mut all)?;
    Ok(then(&all))
}

/// Reads a file whole, as [`with_small`] does.
pub(crate) fn small(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    with_small(path, <[u8]>::to_vec)
}

/// Reads small files of folders that lie side by side, each by its way from the folder above, which is looked up
/// once. What was opened is closed later, many at once.
#[derive(Debug, Default)]
pub(crate) struct SideBySide {
    above: Option<(Vec<u8>, OwnedFd)>,
    /// The last way and text, kept for their memory.
    way: Vec<u8>,
    text: Vec<u8>,
    done: Together,
}

impl SideBySide {
    /// As [`with_small`], of the file in the folder.
    pub(crate) fn with_small<T>(
        &mut self,
        folder: &Path,
        file: &str,
        then: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        let bytes = folder.as_os_str().as_bytes();
        let slash = bytes.iter().rposition(|byte| *byte == b'/');
        let split = slash.map(|at| bytes.split_at(at + 1));
        match split.filter(|(_, name)| !name.is_empty()) {
            Some((above, name)) => self.with_small_below(above, name, file, then),
            None => with_small(folder.join(file), then),
        }
    }

    /// Closes what was opened.
    pub(crate) fn close(&mut self) {
        self.done.close();
    }

    /// As [`SideBySide::with_small`], of the file in the folder of this name in the one `above`.
    pub(crate) fn with_small_below<T>(
        &mut self,
        above: &[u8],
        name: &[u8],
        file: &str,
        then: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        self.way.clear();
        for part in [name, b"/", file.as_bytes(), b"\0"] {
            self.way.extend_from_slice(part);
        }
        let way = CStr::from_bytes_with_nul(&self.way).map_err(io::Error::other)?;
        let dir = match &mut self.above {
            Some((known, dir)) if known == above => dir,
            other => {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let dir = open(above, flags, Mode::empty())?;
                &mut other.insert((above.to_owned(), dir)).1
            }
        };
        if self.done.len() >= TOGETHER {
            self.done.close();
        }
        let opened = match open_below(dir.as_fd(), way) {
            Err(Errno::EMFILE) if !self.done.is_empty() => {
                self.done.close();
                open_below(dir.as_fd(), way)
            }
            opened => opened,
        }?;
        let mut length = 0;
        let read = loop {
            self.text.resize(self.text.len().max(length + PIECE), 0);
            let room = &mut self.text[length..];
            match uninterrupted(|| Ok(file::read(opened.as_fd(), room)?)) {
                Ok(got) => length += got,
                error => break error,
            }
            if length < self.text.len() {
                break Ok(length);
            }
        };
        self.done.add(opened);
        read.map(|length| then(&self.text[..length]))
    }
}

/// As [`small`], of a file that holds text.
pub(crate) fn small_text(path: impl AsRef<Path>) -> io::Result<String> {
    text(small(path)?)
}

/// Reads a file whole that the kernel may make a part at a time, such as a list of processes or mounts: only a
/// read of nothing is its end.
pub(crate) fn listing(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut buffer = Vec::new();
    let mut length = 0;
    loop {
        if length == buffer.len() {
            buffer.resize((2 * length).max(PIECE), 0);
        }
        match read_some(&mut file, &mut buffer[length..])? {
            0 => break,
            got => length += got,
        }
    }
    buffer.truncate(length);
    Ok(buffer)
}

/// As [`listing`], of a file that holds text.
pub(crate) fn listing_text(path: impl AsRef<Path>) -> io::Result<String> {
    text(listing(path)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// One read(2) that no signal has interrupted.
fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| file.read(buffer))
}

fn uninterrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            got => return got,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_size_are_read_whole() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut many = SideBySide::default();
        let (folder, name) = (file.path().parent(), file.path().file_name());
        let folder = folder.expect("it lies in a folder");
        let name = name.and_then(|name| name.to_str()).expect("a name");
        for size in [0, 1, 4095, 4096, 4097, 8192, 100_000, 8192, 2] {
            let contents: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            std::fs::write(file.path(), &contents).expect("written");
            let beside = many.with_small(folder, name, <[u8]>::to_vec);
            assert!(beside.expect("read") == contents, "{size}");
            assert!(small(file.path()).expect("read") == contents, "{size}");
            assert!(listing(file.path()).expect("read") == contents, "{size}");
        }
    }

    #[test]
    fn files_of_folders_side_by_side_are_told_apart() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let mut reader = SideBySide::default();
        let mut read = |folder: &Path| reader.with_small(folder, "file", <[u8]>::to_vec);
        let folders = ["a/1", "a/2", "b/1", "b/2", "a/1"].map(|name| root.path().join(name));
        for folder in &folders {
            std::fs::create_dir_all(folder).expect("made");
            let name = folder.as_os_str().as_bytes();
            std::fs::write(folder.join("file"), name).expect("written");
        }
        for folder in &folders {
            assert_eq!(read(folder).expect("read"), folder.as_os_str().as_bytes());
        }
        for absent in ["a/3", "c/1"].map(|name| root.path().join(name)) {
            let error = read(&absent).expect_err("there is none");
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
        assert!(read(&folders[0]).is_ok(), "an error spoils nothing");
        for odd in ["/", "/proc", "/proc/", ""] {
            let mut own = SideBySide::default();
            let error = own.with_small(Path::new(odd), "no such file", <[u8]>::to_vec);
            let error = error.expect_err("there is none");
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{odd}");
        }
        for proc in ["/proc", "/proc/"] {
            let length = reader.with_small(Path::new(proc), "version", <[u8]>::len);
            assert!(length.is_ok_and(|length| length > 0), "{proc}");
        }
    }

    #[test]
    fn a_list_that_comes_in_parts_is_read_to_its_end() {
        // The kernel answers with whole lines that fit into its own page.
        let maps = listing_text("/proc/self/maps").expect("read");
        assert!(maps.contains("[stack]"), "{maps}");
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), [0xff]).expect("written");
        let error = small_text(file.path()).expect_err("no text");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
