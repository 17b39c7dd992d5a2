//! A copy of a folder. Other file systems mounted below it are not entered, and sockets are left out.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::Error;
use super::rootfs::{Meta, Node, Rootfs};

/// Copies the content of `folder` into `rootfs`.
pub(super) fn copy(folder: &Path, rootfs: &mut Rootfs) -> Result<(), Error> {
    let device = fs::metadata(folder).map_err(Error::reading(folder))?.dev();
    let mut copy = Copy {
        folder,
        device,
        links: HashMap::new(),
    };
    copy.below(Path::new(""), rootfs)
}

struct Copy<'a> {
    folder: &'a Path,
    device: u64,
    /// Where a file with several names was put first, by its inode.
    links: HashMap<u64, PathBuf>,
}

impl Copy<'_> {
    fn below(&mut self, path: &Path, rootfs: &mut Rootfs) -> Result<(), Error> {
        let folder = self.folder.join(path);
        for entry in fs::read_dir(&folder).map_err(Error::reading(&folder))? {
            let name = entry.map_err(Error::reading(&folder))?.file_name();
            self.one(&path.join(name), rootfs)?;
        }
        Ok(())
    }

    fn one(&mut self, path: &Path, rootfs: &mut Rootfs) -> Result<(), Error> {
        let from = self.folder.join(path);
        let status = fs::symlink_metadata(&from).map_err(Error::reading(&from))?;
        let meta = Meta {
            mode: status.mode(),
            owner: (status.uid(), status.gid()),
            mtime: status.mtime(),
            xattrs: Vec::new(),
        };
        match FileType::from_raw_mode(status.mode()) {
            FileType::Directory => {
                rootfs.put(path, &meta, Node::Directory)?;
                if status.dev() == self.device {
                    self.below(path, rootfs)?;
                }
            }
            FileType::RegularFile => {
                if status.nlink() > 1
                    && let Some(first) = self.links.get(&status.ino())
                {
                    return rootfs.put(path, &meta, Node::HardLink(first));
                }
                let mut content = File::open(&from).map_err(Error::reading(&from))?;
                rootfs.put(path, &meta, Node::File(&mut content))?;
                if status.nlink() > 1 {
                    self.links.insert(status.ino(), path.to_owned());
                }
            }
            FileType::Symlink => {
                let target = fs::read_link(&from).map_err(Error::reading(&from))?;
                rootfs.put(path, &meta, Node::Symlink(&target))?;
            }
            kind @ (FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo) => {
                rootfs.put(path, &meta, Node::Special(kind, status.rdev()))?;
            }
            _ => {}
        }
        Ok(())
    }
}
