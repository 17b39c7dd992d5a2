//! A root file system in the making.
//!
//! Every path is resolved by the kernel with the root file system as its root (openat2(2),
//! `RESOLVE_IN_ROOT`), so that no link in it can lead a later entry out, and the last component is never
//! followed. Owners are kept where the caller is root. What folders are like is said at the end: a folder
//! without write permission would refuse its own entries.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use rustix::{fs, process};

use super::Error;

/// How often a path is resolved again when a mount or a renaming elsewhere disturbed it: openat2(2), EAGAIN.
const RETRIES: usize = 100;

/// What a file is like, apart from its content.
#[derive(Debug, Clone, Default)]
pub(super) struct Meta {
    /// Permission bits.
    pub(super) mode: u32,
    /// Numeric user and group.
    pub(super) owner: (u32, u32),
    /// Seconds since the epoch.
    pub(super) mtime: i64,
    /// Extended attributes, such as file capabilities.
    pub(super) xattrs: Vec<(CString, Vec<u8>)>,
}

impl Meta {
    /// Of the caller's making, root's.
    pub(super) fn of_mode(mode: u32) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }
}

/// A file of any kind.
pub(super) enum Node<'a> {
    Directory,
    File(&'a mut dyn Read),
    Symlink(&'a Path),
    /// To another path in the root file system.
    HardLink(&'a Path),
    /// A device or a FIFO.
    Special(FileType, fs::Dev),
}

/// A root file system in the making.
pub(super) struct Rootfs {
    root: OwnedFd,
    keeps_owners: bool,
    folders: BTreeMap<PathBuf, Meta>,
    entries: usize,
    left_out: Vec<PathBuf>,
}

impl Rootfs {
    /// In the existing folder `dir`.
    pub(super) fn new(dir: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::open(dir, flags, Mode::empty()).map_err(|errno| Error::Make {
            path: dir.to_owned(),
            source: errno.into(),
        })?;
        Ok(Self {
            root,
            keeps_owners: process::geteuid().is_root(),
            folders: BTreeMap::new(),
            entries: 0,
            left_out: Vec::new(),
        })
    }

    /// Puts `node` at `path`, in the place of what is there; a folder in that of a folder keeps its content.
    pub(super) fn put(&mut self, path: &Path, meta: &Meta, node: Node<'_>) -> Result<(), Error> {
        let path = &inside(path).ok_or_else(|| failed("put", path)(leads_out()))?;
        self.entries += 1;
        let Some(name) = path.file_name() else {
            // The root itself: what it is like may be said, nothing else.
            return match node {
                Node::Directory => {
                    self.folders.insert(path.clone(), meta.clone());
                    Ok(())
                }
                _ => Err(failed("put", path)(io::ErrorKind::IsADirectory.into())),
            };
        };
        let parent = self.parent(path)?;
        let parent = parent.as_fd();
        let made = || -> io::Result<bool> {
            if !make_way(parent, name, matches!(node, Node::Directory))? {
                return Ok(true);
            }
            self.make(parent, name, meta, node)
        };
        if !made().map_err(failed("make", path))? {
            self.left_out.push(path.clone());
        } else if is_directory(parent, name) {
            self.folders.insert(path.clone(), meta.clone());
        }
        Ok(())
    }

    /// Makes one file where nothing is. False where only root could.
    fn make(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        meta: &Meta,
        node: Node<'_>,
    ) -> io::Result<bool> {
        match node {
            Node::Directory => fs::mkdirat(parent, name, Mode::RWXU)?,
            Node::File(content) => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let mut file = File::from(fs::openat(parent, name, flags, Mode::RUSR)?);
                io::copy(content, &mut file)?;
                self.describe(file.as_fd(), meta)?;
            }
            Node::Symlink(target) => {
                fs::symlinkat(target, parent, name)?;
                self.own(parent, name, meta)?;
            }
            Node::HardLink(target) => {
                let target = inside(target).ok_or_else(leads_out)?;
                let file = target.file_name().ok_or(Errno::ISDIR)?;
                let holder = self.open(target.parent().unwrap_or(Path::new("")))?;
                fs::linkat(holder, file, parent, name, AtFlags::empty())?;
            }
            Node::Special(kind, device) => {
                match fs::mknodat(parent, name, kind, Mode::RWXU, device) {
                    Err(Errno::PERM) => return Ok(false),
                    made => made?,
                }
                self.own(parent, name, meta)?;
                fs::chmodat(parent, name, mode(meta), AtFlags::empty())?;
            }
        }
        Ok(true)
    }

    /// Removes what is at `path`, but for what `keep` says was put there since.
    pub(super) fn hide(&self, path: &Path, keep: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
        let (Some(path), Some(name)) = (inside(path), path.file_name()) else {
            return Err(failed("hide", path)(leads_out()));
        };
        let held = match self.open(path.parent().unwrap_or(Path::new(""))) {
            // What is not there is hidden.
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            held => held.map_err(|errno| failed("hide", &path)(errno.into()))?,
        };
        hide_at(held.as_fd(), name, &path, keep).map_err(failed("hide", &path))
    }

    /// Removes the content of the folder `path`, but for what `keep` says was put there since.
    pub(super) fn empty(&self, path: &Path, keep: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
        let path = inside(path).ok_or_else(|| failed("empty", path)(leads_out()))?;
        let hidden = match self.open(&path) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(errno) => Err(errno.into()),
            Ok(folder) => hide_content(folder.as_fd(), &path, keep),
        };
        hidden.map_err(failed("empty", &path))
    }

    /// The text of a file, where there is one.
    pub(super) fn read(&self, path: &Path) -> Result<Option<String>, Error> {
        let mut text = String::new();
        match self.resolve(path, OFlags::RDONLY) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => Err(errno.into()),
            Ok(file) => File::from(file).read_to_string(&mut text),
        }
        .map_err(failed("read", path))?;
        Ok(Some(text))
    }

    /// Says what the folders are like. Answers how many entries were put, and what was left out since only
    /// root may make it.
    pub(super) fn finish(self) -> Result<(usize, Vec<PathBuf>), Error> {
        // The deepest first: a folder may forbid what comes below it.
        for (path, meta) in self.folders.iter().rev() {
            let folder = match path.file_name() {
                None => self.open(path),
                Some(name) => self
                    .open(path.parent().unwrap_or(Path::new("")))
                    .and_then(|parent| open_folder(parent.as_fd(), name)),
            };
            let described = match folder {
                // It was hidden or replaced since.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(errno) => Err(errno.into()),
                Ok(folder) => self.describe(folder.as_fd(), meta),
            };
            described.map_err(failed("describe", path))?;
        }
        Ok((self.entries, self.left_out))
    }

    /// The folder that is to hold `path`, made where it is missing.
    fn parent(&self, path: &Path) -> Result<OwnedFd, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        match self.open(folder) {
            Err(Errno::NOENT) => {}
            opened => return opened.map_err(|errno| failed("open", folder)(errno.into())),
        }
        let above = self.parent(folder)?;
        let name = folder.file_name().unwrap_or_default();
        fs::mkdirat(&above, name, Mode::RWXU | Mode::from_raw_mode(0o055))
            .and_then(|()| open_folder(above.as_fd(), name))
            .map_err(|errno| failed("make", folder)(errno.into()))
    }

    /// Opens a folder, through links within the root file system.
    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let flags = flags | OFlags::CLOEXEC;
        let open = || {
            fs::openat2(
                &self.root,
                path,
                flags,
                Mode::empty(),
                ResolveFlags::IN_ROOT,
            )
        };
        let mut opened = open();
        for _ in 0..RETRIES {
            if !matches!(opened, Err(Errno::AGAIN)) {
                break;
            }
            opened = open();
        }
        opened
    }

    /// Gives an open file its owner, permissions, attributes and time, in this order: a new owner takes
    /// set-user-id bits and file capabilities away.
    fn describe(&self, file: BorrowedFd<'_>, meta: &Meta) -> io::Result<()> {
        if self.keeps_owners {
            let (user, group) = owner(meta)?;
            fs::fchown(file, Some(user), Some(group))?;
        }
        fs::fchmod(file, mode(meta))?;
        if self.keeps_owners {
            for (name, value) in &meta.xattrs {
                fs::fsetxattr(file, name, value, XattrFlags::empty())?;
            }
        }
        let time = Timespec {
            tv_sec: meta.mtime,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        Ok(fs::futimens(file, &times)?)
    }

    fn own(&self, parent: BorrowedFd<'_>, name: &OsStr, meta: &Meta) -> io::Result<()> {
        if self.keeps_owners {
            let (user, group) = owner(meta)?;
            fs::chownat(
                parent,
                name,
                Some(user),
                Some(group),
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
        Ok(())
    }
}

/// Removes what is in the way of a new file. False where a folder may stay as the folder that is asked for.
fn make_way(parent: BorrowedFd<'_>, name: &OsStr, for_folder: bool) -> io::Result<bool> {
    match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(true),
        Err(errno) => Err(errno.into()),
        Ok(_) if for_folder && is_directory(parent, name) => Ok(false),
        Ok(_) => hide_at(parent, name, Path::new(name), &|_| false).map(|()| true),
    }
}

/// Removes `name`, which is `path` in the root file system, and all below it that `keep` does not keep.
fn hide_at(
    parent: BorrowedFd<'_>,
    name: &OsStr,
    path: &Path,
    keep: &dyn Fn(&Path) -> bool,
) -> io::Result<()> {
    if is_directory(parent, name) {
        hide_content(open_folder(parent, name)?.as_fd(), path, keep)?;
        if !keep(path) {
            fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
        }
        return Ok(());
    }
    if keep(path) {
        return Ok(());
    }
    match fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => Ok(removed?),
    }
}

fn hide_content(
    folder: BorrowedFd<'_>,
    path: &Path,
    keep: &dyn Fn(&Path) -> bool,
) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    for name in names {
        let name = OsStr::from_bytes(name.to_bytes());
        hide_at(folder, name, &path.join(name), keep)?;
    }
    Ok(())
}

fn is_directory(parent: BorrowedFd<'_>, name: &OsStr) -> bool {
    fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

fn open_folder(parent: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(parent, name, flags, Mode::empty())
}

fn mode(meta: &Meta) -> Mode {
    Mode::from_raw_mode(meta.mode & 0o7777)
}

/// The owner, but -1, which chown(2) takes for "as it is".
fn owner(meta: &Meta) -> io::Result<(Uid, Gid)> {
    let (user, group) = meta.owner;
    if user == u32::MAX || group == u32::MAX {
        return Err(Errno::INVAL.into());
    }
    Ok((Uid::from_raw(user), Gid::from_raw(group)))
}

/// `path` from the root, without `.`; nothing where it has a `..`.
pub(super) fn inside(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|component| !matches!(component, Component::CurDir | Component::RootDir))
        .map(|component| matches!(component, Component::Normal(_)).then_some(component))
        .collect()
}

fn leads_out() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the path leads out of the root file system",
    )
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = Path::new("/").join(path);
    move |source| Error::Write { what, path, source }
}
