//! Busybox and its applets.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use super::rootfs::{Meta, Node, Rootfs};

/// Where it lies in the root file system.
const PLACE: &str = "/bin/busybox";

/// Folders that programs expect, with their permissions.
const FOLDERS: [(&str, u32); 7] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
];

/// Files that programs expect.
const FILES: [(&str, &str); 2] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    ("etc/group", "root:x:0:\n"),
];

/// Puts a busybox, the one at `named` or the first in `$PATH`, and its applets into `rootfs`.
pub(super) fn install(named: Option<&Path>, rootfs: &mut Rootfs) -> Result<(), Error> {
    let found;
    let path = if let Some(path) = named {
        path
    } else {
        found = in_path().ok_or(Error::NoBusybox)?;
        &found
    };
    let program = fs::read(path).map_err(Error::reading(path))?;
    if !is_static(&program) {
        return Err(Error::NotStatic(path.to_owned()));
    }
    for (folder, mode) in FOLDERS {
        rootfs.put(Path::new(folder), &Meta::of_mode(mode), Node::Directory)?;
    }
    for (file, mut text) in FILES.map(|(file, text)| (file, text.as_bytes())) {
        rootfs.put(
            Path::new(file),
            &Meta::of_mode(0o644),
            Node::File(&mut text),
        )?;
    }
    let mut content = File::open(path).map_err(Error::reading(path))?;
    rootfs.put(
        Path::new(PLACE),
        &Meta::of_mode(0o755),
        Node::File(&mut content),
    )?;
    for applet in applets(path)? {
        if Path::new("/").join(&applet) != Path::new(PLACE) {
            let link = Node::Symlink(Path::new(PLACE));
            rootfs.put(&applet, &Meta::of_mode(0o777), link)?;
        }
    }
    Ok(())
}

fn in_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join("busybox"))
        .find(|path| path.is_file())
}

/// Where the applets belong, as busybox itself says: `usr/bin/env`.
fn applets(path: &Path) -> Result<Vec<PathBuf>, Error> {
    // A name alone would be looked for in $PATH.
    let program = fs::canonicalize(path).map_err(Error::reading(path))?;
    let output = Command::new(&program)
        .arg("--list-full")
        .stdin(Stdio::null())
        .output()
        .map_err(Error::reading(path))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let applets: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    if output.status.success() && applets.iter().any(|applet| applet.ends_with("sh")) {
        return Ok(applets);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::NoApplets {
        path: path.to_owned(),
        said: said
            .lines()
            .next()
            .unwrap_or("it lists no shell")
            .to_owned(),
    })
}

/// Whether an ELF file asks for no interpreter: elf(5), `PT_INTERP`. False for what is no ELF file.
fn is_static(program: &[u8]) -> bool {
    /// `p_type` of the program header that names the interpreter.
    const PT_INTERP: u64 = 3;
    // Offset and size of e_phoff, then the offset of e_phentsize, which e_phnum follows: 32 and 64 bits.
    let (at, size, entry) = match program.get(..6) {
        Some([0x7f, b'E', b'L', b'F', 1, 1]) => (28, 4, 42),
        Some([0x7f, b'E', b'L', b'F', 2, 1]) => (32, 8, 54),
        _ => return false,
    };
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = program.get(at..at.checked_add(size)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    };
    let (Some(table), Some(length), Some(count)) =
        (number(at, size), number(entry, 2), number(entry + 2, 2))
    else {
        return false;
    };
    (0..count).all(|index| {
        let header = table.saturating_add(index * length) as usize;
        number(header, 4).is_some_and(|kind| kind != PT_INTERP)
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_fixtures::probe::BINARY;

    use super::*;

    #[test]
    fn static_programs_are_told_from_others() {
        assert!(is_static(BINARY));
        assert!(!is_static(b"#!/bin/sh\n") && !is_static(b""));
        // The probe, with its first program header made one that names an interpreter.
        let mut dynamic = BINARY.to_vec();
        let table = u64::from_le_bytes(dynamic[32..40].try_into().unwrap()) as usize;
        dynamic[table..table + 4].copy_from_slice(&3u32.to_le_bytes());
        assert!(!is_static(&dynamic));
    }
}
