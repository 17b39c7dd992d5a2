//! Writing a file so that a reader sees the old or the new one, never half.
//!
//! Nothing is synced: the store lives on a tmpfs, which no power cut survives, and a killed process loses
//! nothing that was written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::renameat;

use crate::sys::file::{exchange, exchange_below};

/// Writes to a sibling and lets it take the old one's place.
pub(super) fn atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    beside(path, contents)?;
    put_in_place(path)?;
    remove_beside(path);
    Ok(())
}

/// Writes to a sibling and renames it, where there is no old one.
pub(super) fn new(path: &Path, contents: &[u8]) -> io::Result<()> {
    beside(path, contents)?;
    fs::rename(sibling(path), path).inspect_err(|_| remove_beside(path))
}

/// Writes the file's sibling alone.
pub(super) fn beside(path: &Path, contents: &[u8]) -> io::Result<()> {
    File::create(sibling(path))
        .and_then(|mut file| file.write_all(contents))
        .inspect_err(|_| remove_beside(path))
}

/// Gives the sibling, which [`beside`] has written, the file's name. The two change places, and the old one is
/// to be removed by [`remove_beside`]: to a plain rename over a file ext4 adds a write of the new one to the disk
/// (`auto_da_alloc`, ext4(5)), which takes longer than all else here.
pub(super) fn put_in_place(path: &Path) -> io::Result<()> {
    let new = &sibling(path);
    match exchange(new, path) {
        Ok(()) => Ok(()),
        // There is no old one, or the file system cannot exchange files.
        Err(_) => fs::rename(new, path).inspect_err(|_| remove_beside(path)),
    }
}

/// As [`put_in_place`], below an open folder.
pub(super) fn put_in_place_below(folder: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let new = &sibling(Path::new(name));
    exchange_below(folder, new, Path::new(name))
        .or_else(|_| renameat(folder, new, folder, name))
        .map_err(io::Error::from)
}

/// Removes a file's sibling, if it is there. One that stays is overwritten by the next write.
pub(super) fn remove_beside(path: &Path) {
    let _ = fs::remove_file(sibling(path));
}

fn sibling(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

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
        let file = File::open(folder.path()).expect("opened");
        beside(&path, b"fourth").expect("written");
        put_in_place_below(file.as_fd(), "file").expect("put in place");
        assert_eq!(fs::read_to_string(&path).expect("read"), "fourth");
        remove_beside(&path);
        let other = folder.path().join("other");
        new(&other, b"whole").expect("written");
        assert_eq!(fs::read_to_string(&other).expect("read"), "whole");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 2);
    }
}
