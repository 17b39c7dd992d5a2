//! Reading a file with as few system calls as it takes: a start reads a dozen, `list` one or two for every
//! container.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longer than nearly all that is read here.
const PIECE: usize = 4096;

/// Reads a small file whole and hands it on without a copy. A read that does not fill the buffer has met the
/// end: so it is for regular files, and for those of procfs and of cgroups that the kernel makes in one piece.
pub(crate) fn with_small<T>(
    path: impl AsRef<Path>,
    then: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    let mut file = File::open(path)?;
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
    loop {
        match file.read(buffer) {
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
        for size in [0, 1, 4095, 4096, 4097, 8192, 100_000] {
            let contents: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            std::fs::write(file.path(), &contents).expect("written");
            assert!(small(file.path()).expect("read") == contents, "{size}");
            assert!(listing(file.path()).expect("read") == contents, "{size}");
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
