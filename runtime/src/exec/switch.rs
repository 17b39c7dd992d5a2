//! Makes the container's root file system the root.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot, fchdir, pivot_root};

use super::root::Root;
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::rootfs::{Rootfs, Switch};
use crate::sys::mount::{MountAttr, clone_tree, move_onto, set_attr};

const ROOT: Origin = Origin::at("/root/path");
const PROPAGATION: Origin = Origin::at("/linux/rootfsPropagation");

/// Opens the root, as a mount of its own where the container has its own mounts.
pub fn open_root(rootfs: &Rootfs) -> Result<Root, StepError> {
    let describe = || format!("open root {}", rootfs.path.display());
    if rootfs.switch == Switch::Chroot {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        return open(&rootfs.path, flags, Mode::empty())
            .map(Root::new)
            .step(&ROOT, describe);
    }
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        rootfs.inherited,
        None::<&str>,
    )
    .step(&PROPAGATION, || "set what the copied mounts pass on")?;
    let path = CString::new(rootfs.path.as_os_str().as_bytes())
        .map_err(|_| StepError::refused(describe(), &ROOT))?;
    let tree = clone_tree(AT_FDCWD, &path, true).step(&ROOT, describe)?;
    if rootfs.inherited.contains(MsFlags::MS_SHARED) {
        // pivot_root(2) refuses shared mounts; what the plan asks for is set afterwards.
        let private = MountAttr {
            propagation: MsFlags::MS_PRIVATE.bits(),
            ..MountAttr::default()
        };
        set_attr(tree.as_fd(), &private, false).step(&PROPAGATION, describe)?;
        parent_private(&rootfs.path).step(&PROPAGATION, describe)?;
    }
    let target = open(
        &rootfs.path,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .step(&ROOT, describe)?;
    move_onto(tree.as_fd(), target.as_fd()).step(&ROOT, || {
        format!("bind {} on itself", rootfs.path.display())
    })?;
    Ok(Root::new(tree))
}

/// Makes the mount that holds the root private: of the folders above, the nearest that is the
/// root of a mount (mount(2) says EINVAL of all others).
fn parent_private(path: &Path) -> nix::Result<()> {
    let mut last = Err(nix::errno::Errno::EINVAL);
    for folder in path.ancestors() {
        last = mount(
            None::<&str>,
            folder,
            None::<&str>,
            MsFlags::MS_PRIVATE,
            None::<&str>,
        );
        if last != Err(nix::errno::Errno::EINVAL) {
            break;
        }
    }
    last
}

/// Makes it the root. Afterwards nothing of the old root can be reached by a path.
pub fn enter(root: &Root, rootfs: &Rootfs) -> Result<(), StepError> {
    fchdir(root).step(&ROOT, || "enter the root")?;
    match rootfs.switch {
        Switch::Pivot => {
            // The old root is put on top of the new one, and then taken off (pivot_root(2), NOTES).
            pivot_root(".", ".").step(&ROOT, || "pivot_root")?;
            if rootfs.inherited.contains(MsFlags::MS_SHARED) {
                // Or else the unmount would reach the runtime's own mounts.
                mount(
                    None::<&str>,
                    ".",
                    None::<&str>,
                    MsFlags::MS_SLAVE | MsFlags::MS_REC,
                    None::<&str>,
                )
                .step(&PROPAGATION, || "part the old root from its peers")?;
            }
            umount2(".", MntFlags::MNT_DETACH).step(&ROOT, || "unmount the old root")?;
        }
        Switch::Move => {
            mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
                .step(&ROOT, || "move the root onto /")?;
            chroot(".").step(&ROOT, || "chroot")?;
        }
        Switch::Chroot => chroot(".").step(&ROOT, || "chroot")?,
    }
    chdir("/").step(&ROOT, || "enter /")?;
    if let Some(flags) = rootfs.propagation {
        mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
            .step(&PROPAGATION, || "set what / passes on")?;
    }
    Ok(())
}
