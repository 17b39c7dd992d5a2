//! Where the container's cgroup lies.
//! config-linux.md#cgroups-path

use std::path::{Component, Path, PathBuf};

use crate::host::Hierarchy;
use crate::plan::{Origin, PlanError};

/// What `cgroupsPath` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The same place below each hierarchy's mount.
    Below(PathBuf),
    /// Wherever the runtime may make one, named for the container.
    Own(String),
}

pub(super) fn parse(path: Option<&str>, id: &str) -> Result<Place, PlanError> {
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Ok(Place::Own(format!("plimrun-{id}")));
    };
    let origin = Origin::at("/linux/cgroupsPath");
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                let what = format!("cgroupsPath {path:?}");
                return Err(PlanError::invalid(origin, what, "it leads upwards"));
            }
        }
    }
    if clean.as_os_str().is_empty() {
        let what = format!("cgroupsPath {path:?}");
        return Err(PlanError::invalid(
            origin,
            what,
            "a container cannot have the root cgroup",
        ));
    }
    Ok(Place::Below(clean))
}

/// The path in one hierarchy, relative to its mount; none where the runtime may not make a cgroup.
///
/// A path that was given means the same place for every caller. Without one, a user who may not write
/// to the root of the hierarchy gets a place below a cgroup that was delegated to him.
pub(super) fn within(place: &Place, hierarchy: &Hierarchy) -> Option<PathBuf> {
    match place {
        Place::Below(path) => Some(path.clone()),
        Place::Own(name) if hierarchy.writable => Some(PathBuf::from(name)),
        Place::Own(name) => hierarchy.delegated.as_ref().map(|top| top.join(name)),
    }
}
