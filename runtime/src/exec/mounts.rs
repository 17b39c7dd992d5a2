//! Makes the mounts of a plan beneath the root's descriptor.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{SFlag, fstat};
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, fstatfs};

use super::root::{Root, here};
use super::{Context, StepError, copy_up, procfs};
use crate::plan::Origin;
use crate::plan::mounts::{Attributes, Mount, Source};
use crate::sys::mount::{MountAttr, clone_tree, fs_mount, fs_open, move_onto, set_attr};

/// Makes one mount. `tree` is the bind source where the runtime has opened it beforehand.
pub fn apply(root: &Root, mount: &Mount, tree: Option<&OwnedFd>) -> Result<(), StepError> {
    match &mount.source {
        Source::New { fstype, source } => new(root, mount, fstype, source)?,
        Source::Bind {
            path, recursive, ..
        } => {
            if let Some(tree) = tree {
                bind(root, mount, tree.as_fd())?;
            } else {
                let tree = open_bind(path, *recursive, mount)?;
                bind(root, mount, tree.as_fd())?;
            }
        }
        Source::Remount(bind) => remount(root, mount, *bind)?,
        Source::Link(to) => return link(root, mount, to),
        // The plan has put real mounts in its place.
        Source::Cgroup => return Ok(()),
    }
    finish(root, mount)
}

/// Opens the source of a bind mount as a detached tree with the mount's attributes.
pub fn open_bind(path: &Path, recursive: bool, mount: &Mount) -> Result<OwnedFd, StepError> {
    let describe = || format!("bind {} on {}", path.display(), shown(&mount.target));
    let source = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| StepError::refused(describe(), &mount.origin))?;
    let tree = clone_tree(AT_FDCWD, &source, recursive)
        .step(&mount.origin, || format!("{}: open source", describe()))?;
    set(
        tree.as_fd(),
        mount.attributes,
        false,
        &mount.origin,
        describe,
    )?;
    set(tree.as_fd(), mount.recursive, true, &mount.origin, describe)?;
    Ok(tree)
}

fn bind(root: &Root, mount: &Mount, tree: BorrowedFd<'_>) -> Result<(), StepError> {
    let describe = || format!("bind on {}", shown(&mount.target));
    let kind = fstat(tree).step(&mount.origin, describe)?.st_mode & SFlag::S_IFMT.bits();
    let over = [Path::new("proc"), Path::new("sys")].contains(&mount.target.as_path());
    let target = if over {
        let opened = plain(root, mount, describe)?;
        spare_proc(root, mount, opened, describe)?
    } else if kind == SFlag::S_IFDIR.bits() {
        folder(root, mount, describe)?
    } else {
        let opened = root.file(&mount.target);
        let opened = opened.step(&mount.origin, || format!("{}: open target", describe()))?;
        spare_proc(root, mount, opened, describe)?
    };
    if mount.target == Path::new("proc") && !procfs::is_whole(tree).step(&mount.origin, describe)? {
        return Err(StepError::refused(
            format!("{}: the source is no procfs", describe()),
            &mount.origin,
        ));
    }
    move_onto(tree, target.as_fd()).step(&mount.origin, describe)
}

/// A mount point that is a folder, made where it is missing.
fn folder(root: &Root, mount: &Mount, describe: impl Fn() -> String) -> Result<OwnedFd, StepError> {
    if let Some(made) = root.make_in_fresh(&mount.target) {
        return Ok(made);
    }
    let opened = root.dir(&mount.target);
    let opened = opened.step(&mount.origin, || format!("{}: open target", describe()))?;
    spare_proc(root, mount, opened, describe)
}

fn new(root: &Root, mount_: &Mount, fstype: &CString, source: &CString) -> Result<(), StepError> {
    let name = fstype.to_string_lossy();
    let describe = || format!("mount {name} on {}", shown(&mount_.target));
    // CVE-2019-16884 and its kin: whoever made the image must not say where /proc really goes.
    let guarded: Option<FsType> = match name.as_ref() {
        "proc" => Some(PROC_SUPER_MAGIC),
        "sysfs" => Some(SYSFS_MAGIC),
        _ => None,
    };
    let target = if guarded.is_some() {
        let opened = plain(root, mount_, describe)?;
        spare_proc(root, mount_, opened, describe)?
    } else {
        folder(root, mount_, describe)?
    };
    let below = mount_
        .copy_up
        .then(|| root.open(&mount_.target, OFlag::O_RDONLY | OFlag::O_DIRECTORY))
        .transpose()
        .step(&mount_.origin, describe)?;
    let mut flags = mount_.flags;
    if below.is_some() {
        flags &= !MsFlags::MS_RDONLY;
    }
    let mounted = mount(
        Some(source.as_c_str()),
        here(target).step(&mount_.origin, || format!("{}: enter target", describe()))?,
        Some(fstype.as_c_str()),
        flags,
        Some(mount_.data.as_c_str()).filter(|data| !data.is_empty()),
    );
    match mounted {
        Err(Errno::EBUSY) if mount_.data.is_empty() => over_itself(root, mount_, fstype),
        result => result,
    }
    .step(&mount_.origin, describe)?;
    if let Some(magic) = guarded {
        let top = root
            .open_plain(&mount_.target, OFlag::O_PATH)
            .step(&mount_.origin, describe)?;
        let found = fstatfs(&top)
            .step(&mount_.origin, describe)?
            .filesystem_type();
        if found != magic {
            return Err(StepError::refused(
                format!("{}: something else is mounted there", describe()),
                &mount_.origin,
            ));
        }
    }
    match below {
        Some(below) => copy_up_into(root, mount_, &below)?,
        None if name == "tmpfs" && !mount_.flags.contains(MsFlags::MS_RDONLY) => {
            root.note_fresh(&mount_.target);
        }
        None => {}
    }
    Ok(())
}

/// Makes a mount where the same file system is on top already, such as cgroup2 beneath a `/sys` that
/// came from the host: mount(2) refuses that with EBUSY, move_mount(2) does not.
fn over_itself(root: &Root, mount: &Mount, fstype: &CString) -> nix::Result<()> {
    let tree = fs_mount(fs_open(fstype)?.as_fd(), 0)?;
    let attr = MountAttr {
        set: mount.attributes.set,
        ..MountAttr::default()
    };
    set_attr(tree.as_fd(), &attr, false)?;
    move_onto(tree.as_fd(), root.dir(&mount.target)?.as_fd())
}

/// Refuses a target that links have led into the container's own `/proc`. Another procfs, such as the
/// machine's where it is bound elsewhere, is nobody's trusted place.
fn spare_proc(
    root: &Root,
    mount: &Mount,
    target: OwnedFd,
    describe: impl Fn() -> String,
) -> Result<OwnedFd, StepError> {
    if mount.may_cover_proc()
        || fstatfs(&target)
            .step(&mount.origin, &describe)?
            .filesystem_type()
            != PROC_SUPER_MAGIC
    {
        return Ok(target);
    }
    let device = |fd: BorrowedFd<'_>| fstat(fd).map(|about| about.st_dev);
    let own = root.open_plain(Path::new("proc"), OFlag::O_PATH);
    if own.is_ok_and(|own| device(own.as_fd()) != device(target.as_fd())) {
        return Ok(target);
    }
    Err(StepError::refused(
        format!("{}: the mount point lies inside /proc", describe()),
        &mount.origin,
    ))
}

/// The mount point of a guarded file system, made where it is missing, which no link may lead to.
fn plain(root: &Root, mount: &Mount, describe: impl Fn() -> String) -> Result<OwnedFd, StepError> {
    let open = || root.open_plain(&mount.target, OFlag::O_PATH | OFlag::O_DIRECTORY);
    open()
        .or_else(|errno| match errno {
            Errno::ENOENT => root.dir(&mount.target).and_then(|_| open()),
            errno => Err(errno),
        })
        .map_err(|errno| match errno {
            Errno::ELOOP => StepError::refused(
                format!(
                    "{}: the mount point must be an ordinary folder, not a symbolic link",
                    describe()
                ),
                &mount.origin,
            ),
            errno => StepError::new(describe(), errno, &mount.origin),
        })
}

fn copy_up_into(root: &Root, mount: &Mount, below: &OwnedFd) -> Result<(), StepError> {
    let describe = || format!("copy what lies beneath {}", shown(&mount.target));
    let top = root
        .open(&mount.target, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
        .step(&mount.origin, describe)?;
    copy_up::copy(below, &top).step(&mount.origin, describe)?;
    if mount.flags.contains(MsFlags::MS_RDONLY) {
        let readonly = Attributes {
            set: crate::sys::mount::attr::RDONLY,
            clear: 0,
        };
        set(top.as_fd(), readonly, false, &mount.origin, describe)?;
    }
    Ok(())
}

fn link(root: &Root, mount: &Mount, to: &Path) -> Result<(), StepError> {
    let describe = || format!("link {} to {}", shown(&mount.target), to.display());
    let (parent, name) = root.parent(&mount.target).step(&mount.origin, describe)?;
    nix::unistd::symlinkat(to, &parent, name.as_os_str()).step(&mount.origin, describe)
}

fn remount(root: &Root, mount_: &Mount, bind: bool) -> Result<(), StepError> {
    let describe = || format!("remount {}", shown(&mount_.target));
    let target = root
        .open(&mount_.target, OFlag::O_PATH)
        .step(&mount_.origin, describe)?;
    if bind {
        set(
            target.as_fd(),
            mount_.attributes,
            false,
            &mount_.origin,
            describe,
        )?;
    } else {
        mount(
            None::<&str>,
            here(target.as_fd()).step(&mount_.origin, describe)?,
            None::<&str>,
            mount_.flags | MsFlags::MS_REMOUNT,
            Some(mount_.data.as_c_str()).filter(|data| !data.is_empty()),
        )
        .step(&mount_.origin, describe)?;
    }
    set(
        target.as_fd(),
        mount_.recursive,
        true,
        &mount_.origin,
        describe,
    )
}

/// What can be set only on a mount that is in place: propagation, and recursive attributes of a new
/// file system.
fn finish(root: &Root, mount_: &Mount) -> Result<(), StepError> {
    let new = matches!(mount_.source, Source::New { .. });
    if mount_.propagation.is_empty() && (!new || mount_.recursive.is_empty()) {
        return Ok(());
    }
    let describe = || format!("set what {} passes on", shown(&mount_.target));
    let top = root
        .open(&mount_.target, OFlag::O_PATH)
        .step(&mount_.origin, describe)?;
    if new {
        set(
            top.as_fd(),
            mount_.recursive,
            true,
            &mount_.origin,
            describe,
        )?;
    }
    for flags in &mount_.propagation {
        let kind = MountAttr {
            propagation: (*flags - MsFlags::MS_REC).bits(),
            ..MountAttr::default()
        };
        set_attr(top.as_fd(), &kind, flags.contains(MsFlags::MS_REC))
            .step(&mount_.origin, describe)?;
    }
    Ok(())
}

fn set(
    tree: BorrowedFd<'_>,
    attributes: Attributes,
    recursive: bool,
    origin: &Origin,
    describe: impl Fn() -> String,
) -> Result<(), StepError> {
    if attributes.is_empty() {
        return Ok(());
    }
    let attr = MountAttr {
        set: attributes.set,
        clear: attributes.clear,
        ..MountAttr::default()
    };
    set_attr(tree, &attr, recursive).step(origin, || format!("{}: set attributes", describe()))
}

/// A path of the container as its users write it.
pub(super) fn shown(path: &Path) -> String {
    format!("/{}", path.display())
}
