//! Writing a file so that a reader sees the old or the new one, never half.
//!
//! Nothing is synced: the store lives on a tmpfs, which no power cut survives, and a killed process loses
//! nothing that was written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::sys::file::exchange;

/// Writes to a sibling and lets it take the old one's place.
pub(super) fn atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    by_sibling(path, contents, put_in_place)
}

/// Writes to a sibling and renames it, where there is no old one.
pub(super) fn new(path: &Path, contents: &[u8]) -> io::Result<()> {
    by_sibling(path, contents, |new, path| fs::rename(new, path))
}

fn by_sibling(
    path: &Path,
    contents: &[u8],
    put_in_place: fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = Path::new(&name);
    let written = File::create(temporary)
        .and_then(|mut file| file.write_all(contents))
        .and_then(|()| put_in_place(temporary, path));
    if written.is_err() {
        // The first error is the one to report; a file left behind is overwritten by the next write.
        let _ = fs::remove_file(temporary);
    }
    written
}

/// Gives the new file the old one's name. The two change places first, and then the old one goes: to a plain
/// rename over a file ext4 adds a write of the new one to the disk (`auto_da_alloc`, ext4(5)), which takes
/// longer than all else here.
fn put_in_place(new: &Path, path: &Path) -> io::Result<()> {
    match exchange(new, path) {
        Ok(()) => {
            // A file left behind is overwritten by the next write.
            let _ = fs::remove_file(new);
            Ok(())
        }
        // There is no old one, or the file system cannot exchange files.
        Err(_) => fs::rename(new, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_contents_take_the_place_of_the_old_and_leave_nothing_beside() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        for contents in ["first", "second, longer", "third"] {
            atomically(&path, contents.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), contents);
            assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        }
        let other = folder.path().join("other");
        new(&other, b"whole").expect("written");
        assert_eq!(fs::read_to_string(&other).expect("read"), "whole");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 2);
    }
}
