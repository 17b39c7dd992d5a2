//! Masks paths and makes paths read-only inside the root.
//! config-linux.md#masked-paths, #readonly-paths

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, fstat, major, minor};

use super::mounts::shown;
use super::root::{Root, here};
use super::{Context, StepError};
use crate::plan::Origin;
use crate::sys::mount::{MountAttr, attr, clone_tree, move_onto, set_attr};

/// Masks the paths that exist: files by the null device, folders by an empty tmpfs.
pub fn mask(root: &Root, paths: &[(PathBuf, Origin)]) -> Result<(), StepError> {
    let mut null: Option<OwnedFd> = None;
    for (path, origin) in paths {
        let describe = || format!("mask {}", shown(path));
        let Some(target) = existing(root, path, origin, describe)? else {
            continue;
        };
        let mode = fstat(&target).step(origin, describe)?.st_mode;
        if SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR {
            mount(
                Some(c"tmpfs"),
                here(target).step(origin, describe)?,
                Some(c"tmpfs"),
                MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
                Some(c"nr_blocks=1,nr_inodes=1"),
            )
            .step(origin, describe)?;
        } else {
            if null.is_none() {
                null = Some(trusted_null(origin)?);
            }
            let Some(null) = &null else { continue };
            let tree = clone_tree(null.as_fd(), c"", false).step(origin, describe)?;
            move_onto(tree.as_fd(), target.as_fd()).step(origin, describe)?;
        }
    }
    Ok(())
}

/// The runtime's own null device, never the image's (CVE-2025-31133), and proved to be one.
fn trusted_null(origin: &Origin) -> Result<OwnedFd, StepError> {
    let describe = || "open /dev/null".to_owned();
    let null = open(
        "/dev/null",
        OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .step(origin, describe)?;
    let about = fstat(&null).step(origin, describe)?;
    let is_device = about.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits();
    if is_device && (major(about.st_rdev), minor(about.st_rdev)) == (1, 3) {
        Ok(null)
    } else {
        Err(StepError::refused(
            "/dev/null is not the null device (character device 1:3)",
            origin,
        ))
    }
}

/// Makes the paths that exist, and what is mounted below them, read-only.
pub fn readonly(root: &Root, paths: &[(PathBuf, Origin)]) -> Result<(), StepError> {
    for (path, origin) in paths {
        let describe = || format!("make {} read-only", shown(path));
        let Some(target) = existing(root, path, origin, describe)? else {
            continue;
        };
        let tree = clone_tree(target.as_fd(), c"", true).step(origin, describe)?;
        set_readonly(&tree, true).step(origin, describe)?;
        move_onto(tree.as_fd(), target.as_fd()).step(origin, describe)?;
    }
    Ok(())
}

/// Makes the root itself read-only, but not what is mounted below it.
pub fn readonly_root(root: &Root) -> Result<(), StepError> {
    let origin = Origin::at("/root/readonly");
    set_readonly(root, false).step(&origin, || "make the root read-only")
}

fn set_readonly(tree: &impl AsFd, recursive: bool) -> nix::Result<()> {
    let readonly = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    set_attr(tree.as_fd(), &readonly, recursive)
}

/// What is not there needs no protection.
fn existing(
    root: &Root,
    path: &Path,
    origin: &Origin,
    describe: impl Fn() -> String,
) -> Result<Option<OwnedFd>, StepError> {
    match root.open(path, OFlag::O_PATH) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(StepError::new(describe(), errno, origin)),
    }
}
