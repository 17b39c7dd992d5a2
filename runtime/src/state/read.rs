//! Reading a small file with as few system calls as it takes: `list` does so for every container.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file whole. A read that does not fill the buffer has met the end: so it is for regular
/// files and for those of procfs that are made in one piece.
pub(super) fn small(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 4096];
    let length = file.read(&mut buffer)?;
    if length == buffer.len() {
        file.read_to_end(&mut buffer)?;
    } else {
        buffer.truncate(length);
    }
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_size_are_read_whole() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        for size in [0, 1, 4095, 4096, 4097, 100_000] {
            let contents: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            std::fs::write(file.path(), &contents).expect("written");
            assert!(small(file.path()).expect("read") == contents, "{size}");
        }
    }
}
