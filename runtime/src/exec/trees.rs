//! Bind sources that init could not open with the right ids or privileges itself.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use oci_spec::runtime::LinuxNamespaceType;

use super::namespaces::userns_of;
use super::{Context, StepError, mounts};
use crate::plan::Plan;
use crate::plan::mounts::{Idmap, Mount, Source};
use crate::plan::namespaces::{Namespaces, flag};
use crate::sys::mount::{MountAttr, attr, set_attr};

/// Opens the sources that need it, by the index of the mount. A runtime that may open none
/// (open_tree(2): without CAP_SYS_ADMIN) leaves it to init, which may in its own namespaces.
pub fn open_trees(plan: &Plan, able: bool) -> Result<Vec<Option<OwnedFd>>, StepError> {
    // Inside a user namespace, init can neither enter folders that only the runtime's user may
    // enter, nor clear attributes that it inherits as locked.
    let always = able && plan.namespaces.has(LinuxNamespaceType::User);
    plan.mounts
        .iter()
        .map(|mount| match &mount.source {
            Source::Bind {
                path,
                recursive,
                idmap,
            } if idmap.is_some() || (always && !in_scope(plan, path)) => {
                let tree = mounts::open_bind(path, *recursive, mount)?;
                if let Some(idmap) = idmap {
                    apply_idmap(&tree, mount, idmap, &plan.namespaces)?;
                }
                Ok(Some(tree))
            }
            _ => Ok(None),
        })
        .collect()
}

/// Whether the source is a cgroup that systemd makes around init: there is nothing to open before.
fn in_scope(plan: &Plan, source: &Path) -> bool {
    let mut groups = plan.cgroup.groups.iter();
    plan.cgroup.scope.is_some() && groups.any(|group| group.dir() == source)
}

fn apply_idmap(
    tree: &OwnedFd,
    mount: &Mount,
    idmap: &Idmap,
    namespaces: &Namespaces,
) -> Result<(), StepError> {
    let describe = || {
        format!(
            "map the ids of the mount on {}",
            mounts::shown(&mount.target)
        )
    };
    let map = idmap.map.as_ref().or(namespaces.idmap.as_ref());
    let joined = namespaces
        .join
        .iter()
        .find(|join| join.flag == flag(LinuxNamespaceType::User));
    let userns = match (map, joined) {
        (Some(map), _) => userns_of(map, &mount.origin)?,
        (None, Some(join)) => open(
            &join.path,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .step(&join.origin, describe)?,
        (None, None) => {
            return Err(StepError::refused(describe(), &mount.origin));
        }
    };
    let attributes = MountAttr {
        set: attr::IDMAP,
        userns_fd: userns.as_raw_fd() as u64,
        ..MountAttr::default()
    };
    set_attr(tree.as_fd(), &attributes, idmap.recursive).step(&mount.origin, describe)
}
