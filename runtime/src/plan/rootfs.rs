//! The root file system: where it is, how mounts spread, what is masked.
//! config.md#root, config-linux.md#rootfs-mount-propagation, #masked-paths, #readonly-paths

use std::path::PathBuf;

use nix::mount::MsFlags;
use oci_spec::runtime::{LinuxNamespaceType, Spec};

use super::mounts::relative;
use super::namespaces::Namespaces;
use super::{Options, Origin, PlanError};

/// How the process gets its root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Switch {
    /// pivot_root(2).
    Pivot,
    /// MS_MOVE and chroot(2), by `--no-pivot`.
    Move,
    /// chroot(2) alone, where the container shares the runtime's mount namespace.
    Chroot,
}

/// The root file system.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rootfs {
    /// Absolute, in the runtime's mount namespace.
    pub path: PathBuf,
    /// Whether it is read-only inside.
    pub readonly: bool,
    /// What becomes of the propagation of the copied mounts.
    pub inherited: MsFlags,
    /// What `/` has inside, where it is to differ from what it inherits.
    pub propagation: Option<MsFlags>,
    /// How it becomes the root.
    pub switch: Switch,
    /// Paths to hide, relative to the root.
    pub masked: Vec<(PathBuf, Origin)>,
    /// Paths to write-protect, relative to the root.
    pub readonly_paths: Vec<(PathBuf, Origin)>,
}

/// Plans the root.
pub fn plan(spec: &Spec, options: &Options, namespaces: &Namespaces) -> Result<Rootfs, PlanError> {
    let Some(root) = spec.root() else {
        return Err(PlanError::invalid(
            Origin::at("/root"),
            "root",
            "it is required",
        ));
    };
    let own_mounts = namespaces.has(LinuxNamespaceType::Mount);
    let (inherited, propagation) = propagation(spec)?;
    let paths = |list: Option<&[String]>, pointer: &'static str| {
        list.unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(index, path)| {
                (
                    relative(std::path::Path::new(path)),
                    Origin::item(pointer, index),
                )
            })
            .collect::<Vec<_>>()
    };
    let linux = spec.linux().as_ref();
    let rootfs = Rootfs {
        path: options.bundle.join(root.path()),
        readonly: root.readonly().unwrap_or(false),
        inherited,
        propagation,
        switch: match (own_mounts, options.no_pivot) {
            (false, _) => Switch::Chroot,
            (true, true) => Switch::Move,
            (true, false) => Switch::Pivot,
        },
        masked: paths(
            linux.and_then(|linux| linux.masked_paths().as_deref()),
            "/linux/maskedPaths",
        ),
        readonly_paths: paths(
            linux.and_then(|linux| linux.readonly_paths().as_deref()),
            "/linux/readonlyPaths",
        ),
    };
    if own_mounts {
        Ok(rootfs)
    } else {
        without_mounts(spec, rootfs)
    }
}

/// Without a mount namespace of its own, whatever a container mounted would be mounted in the
/// runtime's namespace, and a path protected inside would be protected outside.
fn without_mounts(spec: &Spec, rootfs: Rootfs) -> Result<Rootfs, PlanError> {
    let asked = [
        (rootfs.readonly, "/root/readonly"),
        (!rootfs.masked.is_empty(), "/linux/maskedPaths"),
        (!rootfs.readonly_paths.is_empty(), "/linux/readonlyPaths"),
        (
            spec.mounts()
                .as_ref()
                .is_some_and(|mounts| !mounts.is_empty()),
            "/mounts",
        ),
        (rootfs.propagation.is_some(), "/linux/rootfsPropagation"),
    ];
    match asked.iter().find(|(asked, _)| *asked) {
        None => Ok(rootfs),
        Some((_, pointer)) => Err(PlanError::unsupported(
            Origin::at(pointer),
            "mounting without a mount namespace",
            "it would change the runtime's own mounts",
        )),
    }
}

fn propagation(spec: &Spec) -> Result<(MsFlags, Option<MsFlags>), PlanError> {
    let value = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.rootfs_propagation().as_deref())
        .unwrap_or_default();
    let kind = match value.strip_prefix('r').unwrap_or(value) {
        "" if value.is_empty() => return Ok((MsFlags::MS_SLAVE | MsFlags::MS_REC, None)),
        "private" => MsFlags::MS_PRIVATE,
        "slave" => MsFlags::MS_SLAVE,
        "shared" => MsFlags::MS_SHARED,
        "unbindable" => MsFlags::MS_UNBINDABLE,
        _ => {
            return Err(PlanError::invalid(
                Origin::at("/linux/rootfsPropagation"),
                format!("propagation {value:?}"),
                "it is none of shared, slave, private, unbindable and their recursive forms",
            ));
        }
    };
    let recursive = if value.starts_with('r') {
        MsFlags::MS_REC
    } else {
        MsFlags::empty()
    };
    // Unbindable mounts cannot be copied, so the tree is made private first.
    let inherited = if kind == MsFlags::MS_UNBINDABLE {
        MsFlags::MS_PRIVATE
    } else {
        kind
    };
    Ok((inherited | MsFlags::MS_REC, Some(kind | recursive)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rootfs(json: &str) -> Result<Rootfs, PlanError> {
        let spec: Spec = serde_json::from_str(json).expect("the test's config is valid JSON");
        let options = Options {
            bundle: "/bundle".into(),
            ..Options::default()
        };
        let namespaces = super::super::namespaces::plan(&spec)?;
        plan(&spec, &options, &namespaces)
    }

    #[test]
    fn the_root_is_relative_to_the_bundle_and_a_slave_unless_told() {
        let rootfs = rootfs(
            r#"{"ociVersion":"1.3.0","root":{"path":"rootfs"},"linux":{"namespaces":[{"type":"mount"}]}}"#,
        )
        .expect("valid");
        assert_eq!(rootfs.path, PathBuf::from("/bundle/rootfs"));
        assert_eq!(rootfs.inherited, MsFlags::MS_SLAVE | MsFlags::MS_REC);
        assert_eq!(rootfs.propagation, None);
        assert_eq!(rootfs.switch, Switch::Pivot);
    }

    #[test]
    fn masking_needs_a_mount_namespace() {
        let error = rootfs(
            r#"{"ociVersion":"1.3.0","root":{"path":"rootfs"},"linux":{"maskedPaths":["/proc/kcore"]}}"#,
        )
        .expect_err("no mount namespace");
        assert!(error.to_string().contains("/linux/maskedPaths"));
    }

    #[test]
    fn an_unknown_propagation_is_refused() {
        for value in ["rrshared", "r", "public"] {
            let error = rootfs(&format!(
                r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{{"rootfsPropagation":"{value}","namespaces":[{{"type":"mount"}}]}}}}"#
            ))
            .expect_err(value);
            assert!(error.to_string().contains("/linux/rootfsPropagation"));
        }
    }
}
