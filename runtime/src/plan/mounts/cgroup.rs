//! The mounts that show a container its cgroups.
//! config.md#mounts (type `cgroup`), config-linux.md#control-groups

use std::ffi::CString;
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use oci_spec::runtime::LinuxNamespaceType;

use super::parse::{Attributes, Mount, Source, c_string};
use crate::host::{CgroupLayout, Hierarchy};
use crate::plan::PlanError;
use crate::plan::cgroup::{CgroupPlan, Group};
use crate::plan::namespaces::Namespaces;
use crate::sys::mount::attr;

/// Replaces every mount of type `cgroup` by the mounts that it stands for on this machine.
pub fn expand(
    mounts: Vec<Mount>,
    layout: &CgroupLayout,
    cgroup: &CgroupPlan,
    namespaces: &Namespaces,
) -> Result<Vec<Mount>, PlanError> {
    let mut expanded = Vec::with_capacity(mounts.len());
    for mount in mounts {
        if mount.source != Source::Cgroup {
            expanded.push(mount);
            continue;
        }
        let view = View {
            mount: &mount,
            cgroup,
            own_namespace: namespaces.has(LinuxNamespaceType::Cgroup),
        };
        match (&layout.v2, layout.v1.is_empty()) {
            (Some(v2), true) => {
                let mut whole = view.hierarchy(v2, true, mount.target.clone())?;
                whole.recursive = mount.recursive;
                whole.propagation.clone_from(&mount.propagation);
                expanded.push(whole);
            }
            (None, true) => {
                return Err(PlanError::unsupported(
                    mount.origin.clone(),
                    "a mount of type cgroup",
                    "no cgroup file system is mounted on this machine",
                ));
            }
            _ => view.folders(layout, &mut expanded)?,
        }
    }
    Ok(expanded)
}

struct View<'a> {
    mount: &'a Mount,
    cgroup: &'a CgroupPlan,
    own_namespace: bool,
}

impl View<'_> {
    /// A tmpfs with a folder for each hierarchy, and links for controllers that share one.
    fn folders(&self, layout: &CgroupLayout, into: &mut Vec<Mount>) -> Result<(), PlanError> {
        let target = &self.mount.target;
        into.push(Mount {
            source: Source::New {
                fstype: c"tmpfs".into(),
                source: c"tmpfs".into(),
            },
            flags: self.mount.flags & !MsFlags::MS_RDONLY,
            data: c"mode=755".into(),
            ..self.plain(target.clone())
        });
        let all = layout
            .v1
            .iter()
            .map(|hierarchy| (hierarchy, false))
            .chain(layout.v2.iter().map(|hierarchy| (hierarchy, true)));
        for (hierarchy, unified) in all {
            let name = hierarchy.mount.file_name().unwrap_or_default();
            into.push(self.hierarchy(hierarchy, unified, target.join(name))?);
            if unified || hierarchy.controllers.len() < 2 {
                continue;
            }
            for controller in &hierarchy.controllers {
                if Path::new(controller) != Path::new(name) {
                    into.push(Mount {
                        source: Source::Link(PathBuf::from(name)),
                        ..self.plain(target.join(controller))
                    });
                }
            }
        }
        if self.mount.flags.contains(MsFlags::MS_RDONLY) {
            into.push(Mount {
                source: Source::Remount(true),
                attributes: Attributes {
                    set: attr::RDONLY,
                    clear: 0,
                },
                recursive: self.mount.recursive,
                propagation: self.mount.propagation.clone(),
                ..self.plain(target.clone())
            });
        }
        Ok(())
    }

    /// One hierarchy: with a cgroup namespace a mount of its own, which begins at the container's
    /// cgroup, else a bind mount of that cgroup.
    fn hierarchy(
        &self,
        hierarchy: &Hierarchy,
        unified: bool,
        target: PathBuf,
    ) -> Result<Mount, PlanError> {
        if self.own_namespace {
            let (fstype, data) = if unified {
                (c"cgroup2", CString::default())
            } else {
                (c"cgroup", self.data(hierarchy)?)
            };
            return Ok(Mount {
                source: Source::New {
                    fstype: fstype.into(),
                    source: c"cgroup".into(),
                },
                flags: self.mount.flags,
                attributes: self.mount.attributes,
                data,
                ..self.plain(target)
            });
        }
        let group = self
            .cgroup
            .groups
            .iter()
            .find(|group| group.mount == hierarchy.mount);
        let path = group.map_or_else(|| hierarchy.mount.clone(), Group::dir);
        Ok(Mount {
            source: Source::Bind {
                path,
                recursive: false,
                idmap: None,
            },
            attributes: self.mount.attributes,
            ..self.plain(target)
        })
    }

    /// The options that name a v1 hierarchy; one without a controller must say so (cgroups(7)).
    fn data(&self, hierarchy: &Hierarchy) -> Result<CString, PlanError> {
        let mut data = hierarchy.controllers.join(",");
        if hierarchy
            .controllers
            .iter()
            .all(|controller| controller.starts_with("name="))
        {
            data.insert_str(0, "none,");
        }
        c_string(data.into_bytes(), &self.mount.origin)
    }

    fn plain(&self, target: PathBuf) -> Mount {
        Mount {
            target,
            source: Source::Cgroup,
            flags: MsFlags::empty(),
            data: CString::default(),
            attributes: Attributes::default(),
            recursive: Attributes::default(),
            propagation: Vec::new(),
            copy_up: false,
            origin: self.mount.origin.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Origin;

    fn hierarchy(mount: &str, controllers: &[&str]) -> Hierarchy {
        Hierarchy {
            mount: mount.into(),
            root: "/".into(),
            controllers: controllers.iter().map(ToString::to_string).collect(),
            own: None,
            writable: true,
            delegated: None,
        }
    }

    fn mount() -> Mount {
        Mount {
            target: "sys/fs/cgroup".into(),
            source: Source::Cgroup,
            flags: MsFlags::MS_RDONLY | MsFlags::MS_NOSUID,
            data: CString::default(),
            attributes: Attributes::default(),
            recursive: Attributes::default(),
            propagation: Vec::new(),
            copy_up: false,
            origin: Origin::at("/mounts/6"),
        }
    }

    fn own_namespace() -> Namespaces {
        Namespaces {
            create: crate::plan::namespaces::flag(LinuxNamespaceType::Cgroup),
            ..Namespaces::default()
        }
    }

    fn expanded(layout: &CgroupLayout, namespaces: &Namespaces) -> Vec<Mount> {
        expand(vec![mount()], layout, &CgroupPlan::default(), namespaces).expect("valid")
    }

    #[test]
    fn v2_is_one_mount() {
        let layout = CgroupLayout {
            v2: Some(hierarchy("/sys/fs/cgroup", &[])),
            ..CgroupLayout::default()
        };
        let mounts = expanded(&layout, &own_namespace());
        assert_eq!(mounts.len(), 1);
        assert!(
            matches!(&mounts[0].source, Source::New { fstype, .. } if fstype.as_c_str() == c"cgroup2")
        );
        assert_eq!(mounts[0].flags, mount().flags);
    }

    #[test]
    fn v1_is_a_folder_a_hierarchy_with_links_and_read_only_at_last() {
        let layout = CgroupLayout {
            v1: vec![
                hierarchy("/sys/fs/cgroup/cpu,cpuacct", &["cpu", "cpuacct"]),
                hierarchy("/sys/fs/cgroup/systemd", &["name=systemd"]),
            ],
            ..CgroupLayout::default()
        };
        let mounts = expanded(&layout, &own_namespace());
        let shown: Vec<_> = mounts
            .iter()
            .map(|mount| {
                (
                    mount.target.to_str().unwrap_or(""),
                    mount.data.to_str().unwrap_or(""),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("sys/fs/cgroup", "mode=755"),
                ("sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct"),
                ("sys/fs/cgroup/cpu", ""),
                ("sys/fs/cgroup/cpuacct", ""),
                ("sys/fs/cgroup/systemd", "none,name=systemd"),
                ("sys/fs/cgroup", ""),
            ]
        );
        assert_eq!(mounts[5].attributes.set, attr::RDONLY);
        assert!(!mounts[0].flags.contains(MsFlags::MS_RDONLY));
    }

    #[test]
    fn without_a_cgroup_namespace_the_containers_cgroup_is_bound() {
        let layout = CgroupLayout {
            v2: Some(hierarchy("/sys/fs/cgroup", &[])),
            ..CgroupLayout::default()
        };
        let mounts = expanded(&layout, &Namespaces::default());
        assert!(matches!(&mounts[0].source, Source::Bind { .. }));
    }
}
