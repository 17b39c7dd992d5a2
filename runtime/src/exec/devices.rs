//! Makes device files and the links of /dev, by descriptor.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, readlinkat};
use nix::libc;
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, major, makedev, minor, mknodat, stat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, symlinkat, unlinkat};

use super::mounts::shown;
use super::root::Root;
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::devices::{Device, Devices};
use crate::sys::mount::{clone_tree, move_onto};

/// Makes them all. The caller has set a file creation mask of 0.
pub fn apply(root: &Root, devices: &Devices) -> Result<(), StepError> {
    let mut folder = Folder { root, last: None };
    for device in &devices.files {
        let dir = folder
            .of(&device.path)
            .step(&device.origin, || describe(device))?;
        if devices.bind && device.mode & libc::S_IFMT != libc::S_IFIFO {
            bind(root, device)?;
        } else {
            make(dir, device)?;
        }
    }
    for (path, target) in &devices.links {
        link(&mut folder, Path::new(path), target)?;
    }
    Ok(())
}

/// The folder of what was made last: nearly all lie in /dev, whose descriptor is kept from one to the next.
struct Folder<'a> {
    root: &'a Root,
    last: Option<(PathBuf, OwnedFd)>,
}

impl Folder<'_> {
    /// Opens the folder that holds `path`, making what is missing.
    fn of(&mut self, path: &Path) -> nix::Result<&OwnedFd> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let last = match self.last.take() {
            Some(last) if last.0 == folder => last,
            _ => (folder.to_owned(), self.root.dir(folder)?),
        };
        Ok(&self.last.insert(last).1)
    }
}

fn describe(device: &Device) -> String {
    format!("make device {}", shown(&device.path))
}

fn make(dir: &OwnedFd, device: &Device) -> Result<(), StepError> {
    let name = device.path.file_name().unwrap_or_default();
    let number = makedev(device.number.0.into(), device.number.1.into());
    let kind = SFlag::from_bits_truncate(device.mode & libc::S_IFMT);
    match mknodat(
        dir,
        name,
        kind,
        Mode::from_bits_truncate(device.mode & 0o7777),
        number,
    ) {
        Ok(()) => {}
        Err(Errno::EEXIST) => {
            let found = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)
                .step(&device.origin, || describe(device))?;
            return check(device, found.st_mode, found.st_rdev);
        }
        Err(errno) => return Err(StepError::new(describe(device), errno, &device.origin)),
    }
    if (device.uid, device.gid) != (0, 0) {
        fchownat(
            dir,
            name,
            Some(Uid::from_raw(device.uid)),
            Some(Gid::from_raw(device.gid)),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )
        .step(&device.origin, || {
            format!(
                "{}: give it to {}:{}",
                describe(device),
                device.uid,
                device.gid
            )
        })?;
    }
    Ok(())
}

/// What lies there already must be the device asked for.
fn check(device: &Device, mode: u32, number: u64) -> Result<(), StepError> {
    let same_kind = mode & libc::S_IFMT == device.mode & libc::S_IFMT;
    let same_number = device.mode & libc::S_IFMT == libc::S_IFIFO
        || (major(number), minor(number)) == (device.number.0.into(), device.number.1.into());
    if same_kind && same_number {
        return Ok(());
    }
    Err(StepError::refused(
        format!(
            "{}: another file lies there, which does not match the device",
            describe(device)
        ),
        &device.origin,
    ))
}

/// Binds the runtime's own device file, where mknod(2) is not allowed.
fn bind(root: &Root, device: &Device) -> Result<(), StepError> {
    let source = source(device);
    let describe = || format!("bind device {}", source.display());
    let path = CString::new(source.as_os_str().as_bytes())
        .map_err(|_| StepError::refused(describe(), &device.origin))?;
    let tree = clone_tree(AT_FDCWD, &path, false).step(&device.origin, describe)?;
    let found = fstat(&tree).step(&device.origin, describe)?;
    check(device, found.st_mode, found.st_rdev)?;
    let target = root.file(&device.path).step(&device.origin, describe)?;
    move_onto(tree.as_fd(), target.as_fd()).step(&device.origin, describe)
}

/// The runtime's file of the device: at the same path, or else where the kernel says that devtmpfs has
/// it (`DEVNAME` of uevent, Documentation/core-api/kobject.rst).
fn source(device: &Device) -> PathBuf {
    let same = Path::new("/").join(&device.path);
    let (major, minor) = device.number;
    let wanted = makedev(major.into(), minor.into());
    if stat(&same).is_ok_and(|found| found.st_rdev == wanted) {
        return same;
    }
    let kind = match device.mode & libc::S_IFMT {
        libc::S_IFBLK => "block",
        _ => "char",
    };
    let uevent = fs::read_to_string(format!("/sys/dev/{kind}/{major}:{minor}/uevent"));
    let named = uevent.as_deref().unwrap_or_default().lines();
    named
        .filter_map(|line| line.strip_prefix("DEVNAME="))
        .map(|name| Path::new("/dev").join(name))
        .next()
        .unwrap_or(same)
}

fn link(folder: &mut Folder<'_>, path: &Path, target: &str) -> Result<(), StepError> {
    let origin = Origin::default();
    let describe = || format!("link {} to {target}", shown(path));
    let name = path.file_name().unwrap_or_default();
    let dir = folder.of(path).step(&origin, describe)?;
    let made = match symlinkat(target, dir, name) {
        Err(Errno::EEXIST) => {
            if readlinkat(dir, name).is_ok_and(|found| found == target) {
                return Ok(());
            }
            unlinkat(dir, name, UnlinkatFlags::NoRemoveDir).step(&origin, describe)?;
            symlinkat(target, dir, name)
        }
        made => made,
    };
    made.step(&origin, describe)
}
