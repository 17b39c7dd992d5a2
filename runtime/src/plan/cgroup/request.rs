//! What a configuration asks of control groups.

use std::path::Path;

use oci_spec::runtime::{LinuxIdMapping, LinuxNamespaceType, Spec};

use super::resources::{Places, Resources};
use crate::plan::Origin;
use crate::spec::Config;

/// What decides about the container's cgroups.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// `linux.cgroupsPath`.
    pub path: Option<&'a str>,
    /// `linux.resources`.
    pub resources: Option<Resources<'a>>,
    /// `annotations`, of which `org.systemd.property.*` become properties of the scope.
    pub annotations: Vec<(&'a str, &'a str)>,
    /// The host's user id of the container's user, where the v2 cgroup is handed over to him.
    pub owner: Option<u32>,
}

impl<'a> Request<'a> {
    /// Reads a configuration.
    pub fn of(config: &'a Config) -> Self {
        let linux = config.spec.linux().as_ref();
        let annotations = config.spec.annotations().iter().flatten();
        let mut annotations: Vec<_> = annotations.map(|(k, v)| (k.as_str(), v.as_str())).collect();
        annotations.sort_unstable();
        let resources = linux.and_then(|linux| linux.resources().as_ref());
        Self {
            path: linux.and_then(|linux| linux.cgroups_path().as_deref().and_then(Path::to_str)),
            resources: resources.map(|spec| Resources {
                spec,
                pids_limit: config.gaps.pids_limit,
                hugepage_limits: &config.gaps.hugepage_limits,
                places: Places::below(Origin::at("/linux/resources")),
            }),
            annotations,
            owner: owner(&config.spec),
        }
    }
}

/// Who gets the cgroup: the container's user, if there is a new cgroup namespace and the cgroup file
/// system is mounted for writing (config-linux.md#cgroup-ownership).
fn owner(spec: &Spec) -> Option<u32> {
    let linux = spec.linux().as_ref()?;
    let namespaces = linux.namespaces().as_deref().unwrap_or_default();
    let new = |kind| {
        namespaces
            .iter()
            .find(|ns| ns.typ() == kind)
            .map(|ns| ns.path().is_none())
    };
    let writable = spec.mounts().iter().flatten().any(|mount| {
        let options = mount.options().as_deref().unwrap_or_default();
        mount.source().as_deref() == Some(Path::new("cgroup"))
            && mount.destination() == Path::new("/sys/fs/cgroup")
            && !options.iter().any(|option| option == "ro")
    });
    if new(LinuxNamespaceType::Cgroup) != Some(true) || !writable {
        return None;
    }
    let uid = spec.process().as_ref()?.user().uid();
    match new(LinuxNamespaceType::User) {
        None => Some(uid),
        Some(true) => map(uid, linux.uid_mappings().as_deref().unwrap_or_default()),
        // The mappings of a namespace that is joined are not known here.
        Some(false) => None,
    }
}

fn map(uid: u32, mappings: &[LinuxIdMapping]) -> Option<u32> {
    mappings.iter().find_map(|mapping| {
        let offset = uid.checked_sub(mapping.container_id())?;
        (offset < mapping.size()).then(|| mapping.host_id().checked_add(offset))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner_of(mount: &str, namespaces: &str) -> Option<u32> {
        let json = format!(
            r#"{{"ociVersion": "1.3.0", "process": {{"cwd": "/", "user": {{"uid": 5, "gid": 0}}}},
                "mounts": [{mount}],
                "linux": {{"namespaces": [{namespaces}],
                    "uidMappings": [{{"containerID": 5, "hostID": 1005, "size": 1}}]}}}}"#
        );
        owner(&serde_json::from_str(&json).expect("a test's JSON"))
    }

    #[test]
    fn the_cgroup_changes_hands_only_with_namespace_and_writable_mount() {
        let rw = r#"{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}"#;
        let ro = rw.replace('}', r#", "options": ["nosuid", "ro"]}"#);
        let both = r#"{"type": "cgroup"}, {"type": "user"}"#;
        assert_eq!(owner_of(rw, both), Some(1005));
        assert_eq!(owner_of(rw, r#"{"type": "cgroup"}"#), Some(5));
        assert_eq!(owner_of(&ro, both), None);
        assert_eq!(owner_of("", both), None);
        assert_eq!(owner_of(rw, r#"{"type": "user"}"#), None);
        assert_eq!(owner_of(rw, r#"{"type": "cgroup", "path": "/x"}"#), None);
    }
}
