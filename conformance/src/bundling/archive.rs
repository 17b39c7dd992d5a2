//! Tar archives: exported root file systems, and the layers of images.
//!
//! OCI image specification, layer.md: a layer's `.wh.NAME` hides NAME of the layers below it, and
//! `.wh..wh..opq` all that they have in its folder; neither hides what its own layer puts there.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use rustix::fs::{FileType, makedev};
use ruzstd::decoding::StreamingDecoder;
use tar::{Archive, Entry, EntryType};

use super::Error;
use super::rootfs::{Meta, Node, Rootfs, inside};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// How a pax archive spells an extended attribute.
const XATTR: &str = "SCHILY.xattr.";

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A whole root file system: whiteouts mean nothing.
    Whole,
    /// A layer above others.
    Layer,
}

/// Unpacks the archive in the file `path` into `rootfs`.
pub(super) fn unpack(path: &Path, role: Role, rootfs: &mut Rootfs) -> Result<(), Error> {
    let reading = || Error::reading(path);
    let file = File::open(path).map_err(reading())?;
    let plain = decompressed(BufReader::new(file)).map_err(reading())?;
    let mut layer = Layer {
        archive: path,
        role,
        put: BTreeSet::new(),
    };
    let mut archive = Archive::new(plain);
    for entry in archive.entries().map_err(reading())? {
        layer.place(entry.map_err(reading())?, rootfs)?;
    }
    Ok(())
}

/// What a file holds, told by its first bytes: RFC 1952 (gzip), RFC 8878 (zstd).
fn decompressed(mut file: BufReader<File>) -> io::Result<Box<dyn Read>> {
    let begin = file.fill_buf()?;
    if begin.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(MultiGzDecoder::new(file)))
    } else if begin.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = StreamingDecoder::new(file).map_err(io::Error::other)?;
        Ok(Box::new(decoder))
    } else {
        Ok(Box::new(file))
    }
}

/// An archive on its way into a root file system.
struct Layer<'a> {
    archive: &'a Path,
    role: Role,
    /// What it has put there, and the folders above.
    put: BTreeSet<PathBuf>,
}

impl Layer<'_> {
    fn place(&mut self, mut entry: Entry<'_, impl Read>, rootfs: &mut Rootfs) -> Result<(), Error> {
        let named = entry.path().map_err(Error::reading(self.archive))?;
        let path = named.into_owned();
        let path = inside(&path)
            .ok_or_else(|| self.wrong(&path, "leads out of the root file system by `..`"))?;
        if self.role == Role::Layer && self.hides(&path, rootfs)? {
            return Ok(());
        }
        let meta = self.meta(&path, &mut entry)?;
        let link = entry.link_name().map_err(Error::reading(self.archive))?;
        let link = link.map(std::borrow::Cow::into_owned).unwrap_or_default();
        let special = |header: &tar::Header, kind| {
            let number = |part: io::Result<Option<u32>>| part.ok().flatten().unwrap_or(0);
            let device = makedev(number(header.device_major()), number(header.device_minor()));
            Node::Special(kind, device)
        };
        let node = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                Node::File(&mut entry)
            }
            EntryType::Directory => Node::Directory,
            EntryType::Symlink => Node::Symlink(&link),
            EntryType::Link => Node::HardLink(&link),
            EntryType::Char => special(entry.header(), FileType::CharacterDevice),
            EntryType::Block => special(entry.header(), FileType::BlockDevice),
            EntryType::Fifo => special(entry.header(), FileType::Fifo),
            EntryType::XGlobalHeader => return Ok(()),
            _ => return Err(self.wrong(&path, "is of a kind that no file system has")),
        };
        rootfs.put(&path, &meta, node)?;
        if self.role == Role::Layer {
            self.put.extend(path.ancestors().map(Path::to_owned));
        }
        Ok(())
    }

    /// Whether the entry is a whiteout, which is then obeyed.
    fn hides(&self, path: &Path, rootfs: &Rootfs) -> Result<bool, Error> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let keep = |path: &Path| self.put.contains(path);
        if name == OPAQUE {
            rootfs.empty(path.parent().unwrap_or(Path::new("")), &keep)?;
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            // `.wh..` and `.wh...` would hide the folder itself or the one above.
            if matches!(hidden, b"" | b"." | b"..") {
                return Err(self.wrong(path, "hides no file"));
            }
            rootfs.hide(&path.with_file_name(OsStr::from_bytes(hidden)), &keep)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn meta(&self, path: &Path, entry: &mut Entry<'_, impl Read>) -> Result<Meta, Error> {
        let mut xattrs = Vec::new();
        if let Some(extensions) = entry
            .pax_extensions()
            .map_err(Error::reading(self.archive))?
        {
            for extension in extensions {
                let extension = extension.map_err(Error::reading(self.archive))?;
                let name = extension.key().ok().and_then(|key| key.strip_prefix(XATTR));
                if let Some(name) = name.and_then(|name| CString::new(name).ok()) {
                    xattrs.push((name, extension.value_bytes().to_owned()));
                }
            }
        }
        let header = entry.header();
        let numbers = (|| -> io::Result<_> {
            Ok((
                header.mode()?,
                header.uid()?,
                header.gid()?,
                header.mtime()?,
            ))
        })();
        let (mode, uid, gid, mtime) = numbers.map_err(Error::reading(self.archive))?;
        let (Ok(uid), Ok(gid)) = (u32::try_from(uid), u32::try_from(gid)) else {
            return Err(self.wrong(path, "has an owner beyond 32 bits"));
        };
        Ok(Meta {
            mode,
            owner: (uid, gid),
            mtime: i64::try_from(mtime).unwrap_or(0),
            xattrs,
        })
    }

    fn wrong(&self, entry: &Path, reason: &'static str) -> Error {
        Error::Entry {
            archive: self.archive.display().to_string(),
            entry: entry.to_owned(),
            reason,
        }
    }
}
