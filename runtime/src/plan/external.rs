//! What of a container a checkpoint leaves to the host: mounts of the host's own files.
//! Checkpoints are runc's addition to the specification.

use std::path::{Path, PathBuf};

use nix::libc;

use super::mounts::{Mount, Source};
use super::namespaces::{Join, Namespaces};
use super::{Origin, Plan};

/// A mount whose contents belong to the host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct External {
    /// Absolute, in the container.
    pub inside: PathBuf,
    /// Absolute, on the host.
    pub outside: PathBuf,
}

/// The mounts that come from the host, in order.
pub fn mounts(plan: &Plan) -> Vec<External> {
    let bound = plan.mounts.iter().filter_map(|mount| match &mount.source {
        Source::Bind { path, .. } => Some((mount.target.as_path(), path.clone())),
        _ => None,
    });
    let devices = plan.devices.files.iter().filter(|_| plan.devices.bind);
    let devices = devices.map(|device| (device.path.as_path(), inside(&device.path)));
    bound
        .chain(devices)
        .map(|(target, outside)| External {
            inside: inside(target),
            outside,
        })
        .collect()
}

/// The folders and files that mounts need before they can be made: those of the root file system
/// itself. What lies beneath another mount comes back with that one.
pub fn mount_points(plan: &Plan) -> Vec<&Mount> {
    let covered = |mount: &Mount| {
        let above = mount.target.ancestors().skip(1);
        above
            .filter(|path| !path.as_os_str().is_empty())
            .any(|path| {
                let mut others = plan.mounts.iter();
                others.any(|other| other.target == path)
            })
    };
    let real = |mount: &&Mount| !matches!(mount.source, Source::Link(_) | Source::Remount(_));
    plan.mounts
        .iter()
        .filter(real)
        .filter(|mount| !covered(mount))
        .collect()
}

/// The paths where an unreadable file is hidden behind the host's null device. Which of them exist,
/// and which are folders, only the container knows.
pub fn masked(plan: &Plan) -> impl Iterator<Item = (PathBuf, &Origin)> {
    plan.rootfs
        .masked
        .iter()
        .map(|(path, origin)| (inside(path), origin))
}

/// A namespace that belongs to somebody else, under the name that CRIU and runc know it by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExternalNamespace<'a> {
    /// As in `/proc/PID/ns`.
    pub name: &'static str,
    /// What it is called in the images.
    pub key: &'static str,
    /// Its file, and who asked for it.
    pub join: &'a Join,
}

/// The namespaces that CRIU can leave to the host.
pub fn namespaces(plan: &Plan) -> Vec<ExternalNamespace<'_>> {
    let kinds = [
        (libc::CLONE_NEWNET as u64, "net", "extRootNetNS"),
        (libc::CLONE_NEWPID as u64, "pid", "extRootPidNS"),
    ];
    let joined = |(flag, name, key)| {
        let join = plan.namespaces.join.iter().find(|join| join.flag == flag)?;
        Some(ExternalNamespace { name, key, join })
    };
    kinds.into_iter().filter_map(joined).collect()
}

/// The host's id of the container's group 0, where a user namespace is made.
pub fn root_group(namespaces: &Namespaces) -> Option<u32> {
    // user_namespaces(7): first id inside, first id outside, length.
    let lines = namespaces.idmap.as_ref()?.gids.lines();
    let mut outside = lines.filter_map(|line| line.trim().strip_prefix("0 "));
    outside
        .next()?
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

fn inside(relative: &Path) -> PathBuf {
    Path::new("/").join(relative)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Facts;
    use crate::plan::Options;

    fn plan(json: &str) -> Plan {
        let config = crate::spec::from_str(json.to_owned()).expect("the test's config is valid");
        Plan::new(&config, &Facts::privileged(), &Options::default()).expect("it can be planned")
    }

    #[test]
    fn only_what_is_bound_from_the_host_is_external() {
        let plan = plan(
            r#"{"ociVersion":"1.3.0","root":{"path":"r"},
                "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
                          {"destination":"/data","type":"bind","source":"/srv","options":["rbind"]}],
                "linux":{"maskedPaths":["/proc/kcore"],
                         "namespaces":[{"type":"mount"},{"type":"pid"},{"type":"network","path":"/n"}]}}"#,
        );
        let external = External {
            inside: "/data".into(),
            outside: "/srv".into(),
        };
        assert_eq!(mounts(&plan), [external]);
        assert_eq!(
            masked(&plan).map(|(path, _)| path).collect::<Vec<_>>(),
            [Path::new("/proc/kcore")]
        );
        let namespaces = namespaces(&plan);
        assert_eq!(namespaces.len(), 1);
        assert_eq!(
            (namespaces[0].name, namespaces[0].key),
            ("net", "extRootNetNS")
        );
    }

    #[test]
    fn a_user_namespace_has_the_hosts_device_files() {
        let plan = plan(
            r#"{"ociVersion":"1.3.0","root":{"path":"r"},
                "linux":{"namespaces":[{"type":"mount"},{"type":"user"}],
                         "uidMappings":[{"containerID":0,"hostID":1000,"size":10}],
                         "gidMappings":[{"containerID":0,"hostID":1000,"size":10}]}}"#,
        );
        let null = External {
            inside: "/dev/null".into(),
            outside: "/dev/null".into(),
        };
        assert!(mounts(&plan).contains(&null));
        assert_eq!(root_group(&plan.namespaces), Some(1000));
        assert_eq!(root_group(&Namespaces::default()), None);
    }

    #[test]
    fn only_the_roots_own_mount_points_are_needed() {
        let plan = plan(
            r#"{"ociVersion":"1.3.0","root":{"path":"r"},
                "mounts":[{"destination":"/dev","type":"tmpfs","source":"tmpfs"},
                          {"destination":"/dev/pts","type":"devpts","source":"devpts"},
                          {"destination":"/data","type":"bind","source":"/srv","options":["bind"]}],
                "linux":{"namespaces":[{"type":"mount"}]}}"#,
        );
        let targets: Vec<_> = mount_points(&plan)
            .iter()
            .map(|mount| mount.target.as_path())
            .collect();
        assert_eq!(targets, [Path::new("dev"), Path::new("data")]);
    }
}
