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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};
    use tempfile::TempDir;

    use super::*;

    /// A folder with a root file system in it and a place outside.
    struct Place(TempDir);

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("rootfs")).unwrap();
            fs::create_dir(dir.path().join("outside")).unwrap();
            Self(dir)
        }

        fn root(&self) -> PathBuf {
            self.0.path().join("rootfs")
        }

        /// Unpacks archives of entries: kind, name, and content or link target.
        fn unpack(&self, role: Role, layers: &[&[(EntryType, &str, &str)]]) -> Result<(), Error> {
            let mut rootfs = Rootfs::new(&self.root())?;
            for entries in layers {
                let file = self.0.path().join("layer.tar");
                fs::write(&file, archive(entries)).unwrap();
                unpack(&file, role, &mut rootfs)?;
            }
            rootfs.finish().map(|_| ())
        }

        fn has(&self, path: &str) -> bool {
            self.root().join(path).symlink_metadata().is_ok()
        }

        fn outside_is_empty(&self) -> bool {
            let mut entries = fs::read_dir(self.0.path().join("outside")).unwrap();
            entries.next().is_none()
        }
    }

    fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, name, text) in entries {
            let mut header = Header::new_gnu();
            // Past the crate's own checks: these names are what a bad archive would hold.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            let links = matches!(kind, EntryType::Symlink | EntryType::Link);
            let content = if links {
                header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
                ""
            } else {
                text
            };
            header.set_entry_type(*kind);
            let mode = if *kind == EntryType::Directory {
                0o555
            } else {
                0o644
            };
            header.set_mode(mode);
            header.set_mtime(1);
            let me = (rustix::process::geteuid(), rustix::process::getegid());
            header.set_uid(me.0.as_raw().into());
            header.set_gid(me.1.as_raw().into());
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    use EntryType::{Directory as D, Link as H, Regular as F, Symlink as L};

    #[test]
    fn links_are_followed_within_the_root_only() {
        let place = Place::new();
        let outside = place.0.path().join("outside").display().to_string();
        let entries = [
            (L, "absolute", outside.as_str()),
            (L, "up", "../outside"),
            (L, "lib", "/usr/lib"),
            (D, "usr/lib/", ""),
            (F, "lib/a", "in usr"),
            (F, "/rooted", "in root"),
        ];
        place.unpack(Role::Whole, &[&entries]).unwrap();
        assert!(place.has("usr/lib/a") && place.has("rooted"));
        for name in ["absolute/x", "up/x"] {
            // The kernel looks for the target within the root, where it is not.
            let through = [entries.as_slice(), &[(F, name, "escaped")]].concat();
            let refused = Place::new();
            assert!(refused.unpack(Role::Whole, &[&through]).is_err(), "{name}");
        }
        assert!(place.outside_is_empty());
    }

    #[test]
    fn a_file_replaces_a_link_and_is_not_written_through_it() {
        let place = Place::new();
        let target = place.0.path().join("outside/x").display().to_string();
        let entries = [(L, "x", target.as_str()), (F, "x", "own")];
        place.unpack(Role::Whole, &[&entries]).unwrap();
        assert_eq!(fs::read_to_string(place.root().join("x")).unwrap(), "own");
        assert!(place.outside_is_empty());
    }

    #[test]
    fn dots_that_lead_out_are_refused() {
        for entry in [
            (F, "../outside/x", ""),
            (F, "a/../../outside/x", ""),
            (D, "../outside/d/", ""),
            (H, "x", "../outside/y"),
        ] {
            let place = Place::new();
            let error = place.unpack(Role::Whole, &[&[entry]]).unwrap_err();
            assert!(error.to_string().contains("leads out"), "{error}");
            assert!(place.outside_is_empty());
        }
    }

    #[test]
    fn whiteouts_hide_what_lies_below_and_nothing_of_their_own_layer() {
        let place = Place::new();
        let below = [
            (D, "etc/", ""),
            (F, "etc/a", "1"),
            (F, "etc/b", "1"),
            (F, "opt/old/deep", "1"),
            (F, "opt/both", "1"),
        ];
        let above = [
            (F, "opt/both", "2"),
            (F, "opt/.wh..wh..opq", ""),
            (F, "opt/new", "2"),
            (F, "etc/.wh.a", ""),
            (F, "etc/.wh.never", ""),
            (F, "etc/c", "2"),
            (F, "etc/.wh.c", ""),
        ];
        place.unpack(Role::Layer, &[&below, &above]).unwrap();
        for (path, is_there) in [
            ("etc/a", false),
            ("etc/b", true),
            ("etc/c", true),
            ("etc/.wh.a", false),
            ("opt/old", false),
            ("opt/both", true),
            ("opt/new", true),
        ] {
            assert_eq!(place.has(path), is_there, "{path}");
        }
        let both = fs::read_to_string(place.root().join("opt/both")).unwrap();
        assert_eq!(both, "2");
    }

    #[test]
    fn a_whiteout_hides_no_folder_that_it_lies_in() {
        for name in ["a/.wh..", "a/.wh...", "a/.wh."] {
            let place = Place::new();
            let error = place.unpack(Role::Layer, &[&[(F, name, "")]]).unwrap_err();
            assert!(error.to_string().contains("hides no file"), "{error}");
        }
    }

    #[test]
    fn an_export_has_no_whiteouts() {
        let place = Place::new();
        place
            .unpack(Role::Whole, &[&[(F, "a", ""), (F, ".wh.a", "")]])
            .unwrap();
        assert!(place.has("a") && place.has(".wh.a"));
    }

    #[test]
    fn folders_get_their_permissions_at_the_end() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new();
        place
            .unpack(
                Role::Whole,
                &[&[(D, "d/", ""), (F, "d/f", "x"), (H, "d/g", "d/f")]],
            )
            .unwrap();
        let status = fs::metadata(place.root().join("d")).unwrap();
        assert_eq!(status.permissions().mode() & 0o7777, 0o555);
        assert_eq!(fs::read(place.root().join("d/g")).unwrap(), b"x");
        // So that the temporary folder can be removed by others than root.
        fs::set_permissions(place.root().join("d"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn compression_is_told_by_content() {
        let place = Place::new();
        let plain = archive(&[(F, "a", "x")]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(plain.as_slice(), level);
        for packed in [gzip.finish().unwrap(), zstd] {
            let file = place.0.path().join("layer");
            fs::write(&file, &packed).unwrap();
            let mut rootfs = Rootfs::new(&place.root()).unwrap();
            unpack(&file, Role::Whole, &mut rootfs).unwrap();
            assert!(place.has("a"));
            fs::remove_file(place.root().join("a")).unwrap();
        }
    }
}
