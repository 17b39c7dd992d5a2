//! Turns an entry of `mounts` into a [`Mount`].
//! config.md#mounts

use std::ffi::CString;
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use oci_spec::runtime::{self as oci, LinuxNamespaceType, Spec};

use super::options::{Meaning, RELATIME, attribute, meaning};
use super::over_proc;
use crate::host::Facts;
use crate::plan::namespaces::{self, Namespaces};
use crate::plan::{Origin, PlanError};
use crate::sys::mount::attr;

/// A change of attributes by mount_setattr(2), of `sys::mount::attr`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attributes {
    /// To set.
    pub set: u64,
    /// To clear.
    pub clear: u64,
}

impl Attributes {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Adds one; the last word on an attribute holds, as with mount(8).
    fn add(&mut self, set: bool, attribute: u64) {
        const ATIMES: u64 = attr::NOATIME | attr::STRICTATIME | RELATIME;
        if attribute & ATIMES != 0 {
            // The kernel wants the whole access time field cleared in order to change it; 0 is
            // relatime, its default.
            self.clear |= attr::ATIME;
            self.set &= !attr::ATIME;
            if set {
                self.set |= attribute & !RELATIME;
            }
        } else if set {
            self.set |= attribute;
            self.clear &= !attribute;
        } else {
            self.clear |= attribute;
            self.set &= !attribute;
        }
    }
}

/// The mapping of an id-mapped mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Idmap {
    /// The mount's own mapping; absent, that of the container's user namespace.
    pub map: Option<namespaces::IdMap>,
    /// Whether the mounts below are mapped too.
    pub recursive: bool,
}

/// Where a mount comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A file system of this type.
    New {
        /// The type.
        fstype: CString,
        /// The device, or a dummy.
        source: CString,
    },
    /// A part of the runtime's file system.
    Bind {
        /// Absolute, in the runtime's mount namespace.
        path: PathBuf,
        /// With the mounts below.
        recursive: bool,
        /// With other ids.
        idmap: Option<Idmap>,
    },
    /// What is already mounted there; `true` changes only the mount, not the file system.
    Remount(bool),
    /// The container's cgroups; [`super::expand`] puts real mounts in its place.
    Cgroup,
    /// No mount at all, but a symbolic link to this.
    Link(PathBuf),
}

/// One mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    /// Relative to the root of the container.
    pub target: PathBuf,
    /// From where.
    pub source: Source,
    /// For mount(2), where a file system is made or remounted.
    pub flags: MsFlags,
    /// The file system's own options.
    pub data: CString,
    /// For the mount itself, where it is bound.
    pub attributes: Attributes,
    /// For the mount and all below it.
    pub recursive: Attributes,
    /// Propagation types, in order.
    pub propagation: Vec<MsFlags>,
    /// Begin with a copy of what lies beneath.
    pub copy_up: bool,
    /// Who asked.
    pub origin: Origin,
}

/// Plans `mounts`, in the listed order.
pub fn plan(
    spec: &Spec,
    facts: &Facts,
    namespaces: &Namespaces,
    bundle: &Path,
) -> Result<Vec<Mount>, PlanError> {
    let label = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.mount_label().as_deref())
        .filter(|label| !label.is_empty());
    if label.is_some() && !facts.selinux {
        return Err(PlanError::unsupported(
            Origin::at("/linux/mountLabel"),
            "a mount label",
            "SELinux is not enabled on this machine",
        ));
    }
    spec.mounts()
        .iter()
        .flatten()
        .enumerate()
        .map(|(index, entry)| {
            let origin = Origin::item("/mounts", index);
            let mut mount = parse(entry, origin, bundle)?;
            check_idmap(&mount, namespaces)?;
            over_proc::check(&mount)?;
            if let (Some(label), Source::New { .. }) = (label, &mount.source) {
                mount.data = labelled(&mount, label)?;
            }
            Ok(mount)
        })
        .collect()
}

fn labelled(mount: &Mount, label: &str) -> Result<CString, PlanError> {
    let mut data = mount.data.as_bytes().to_vec();
    if !data.is_empty() {
        data.push(b',');
    }
    data.extend_from_slice(format!("context=\"{label}\"").as_bytes());
    c_string(data, &Origin::at("/linux/mountLabel"))
}

fn check_idmap(mount: &Mount, namespaces: &Namespaces) -> Result<(), PlanError> {
    if let Source::Bind {
        idmap: Some(Idmap { map: None, .. }),
        ..
    } = &mount.source
        && !namespaces.has(LinuxNamespaceType::User)
    {
        return Err(PlanError::invalid(
            mount.origin.child("options"),
            "an id-mapped mount",
            "it has no mappings and the container has no user namespace",
        ));
    }
    Ok(())
}

struct Parsed<'a> {
    flags: MsFlags,
    attributes: Attributes,
    recursive: Attributes,
    propagation: Vec<MsFlags>,
    bind: Option<bool>,
    remount: bool,
    copy_up: bool,
    idmap: Option<bool>,
    data: Vec<&'a str>,
}

impl<'a> Parsed<'a> {
    fn read(options: &'a [String]) -> Self {
        let mut parsed = Self {
            flags: MsFlags::empty(),
            attributes: Attributes::default(),
            recursive: Attributes::default(),
            propagation: Vec::new(),
            bind: None,
            remount: false,
            copy_up: false,
            idmap: None,
            data: Vec::new(),
        };
        for option in options {
            match meaning(option) {
                Some(Meaning::Set(flag)) => {
                    parsed.flags |= flag;
                    parsed.attributes.add(true, attribute(flag));
                }
                Some(Meaning::Clear(flag)) => {
                    parsed.flags &= !flag;
                    parsed.attributes.add(false, attribute(flag));
                }
                Some(Meaning::Recursive(set, attribute)) => parsed.recursive.add(set, attribute),
                Some(Meaning::Propagate(flags)) => parsed.propagation.push(flags),
                Some(Meaning::Bind(recursive)) => {
                    parsed.bind = Some(recursive || parsed.bind == Some(true));
                }
                Some(Meaning::Remount) => parsed.remount = true,
                Some(Meaning::CopyUp) => parsed.copy_up = true,
                Some(Meaning::Idmap(recursive)) => {
                    parsed.idmap = Some(recursive || parsed.idmap == Some(true));
                }
                Some(Meaning::Nothing) => {}
                None => parsed.data.push(option),
            }
        }
        parsed
    }
}

fn parse(entry: &oci::Mount, origin: Origin, bundle: &Path) -> Result<Mount, PlanError> {
    let options = entry.options().as_deref().unwrap_or_default();
    let parsed = Parsed::read(options);
    let fstype = entry.typ().as_deref().unwrap_or_default();
    let is_bind = parsed.bind.is_some() || (fstype == "bind" && !parsed.remount);
    let idmap = idmap(entry, &parsed, &origin)?;
    if idmap.is_some() && (!is_bind || parsed.remount) {
        return Err(PlanError::unsupported(
            origin,
            "an id mapping on a mount that is no bind mount",
            "only bind mounts are mapped",
        ));
    }
    let source = if parsed.remount {
        Source::Remount(parsed.bind.is_some())
    } else if is_bind {
        bind_source(entry, parsed.bind.unwrap_or(true), idmap, &origin, bundle)?
    } else if fstype == "cgroup" {
        Source::Cgroup
    } else {
        new_source(entry, fstype, &origin)?
    };
    if parsed.copy_up && fstype != "tmpfs" {
        return Err(PlanError::invalid(
            origin.child("options"),
            "tmpcopyup",
            "only a tmpfs can begin with a copy",
        ));
    }
    let target = relative(entry.destination());
    if target.as_os_str().is_empty() && !parsed.remount {
        return Err(PlanError::invalid(
            origin.child("destination"),
            format!("destination {}", entry.destination().display()),
            "the root itself cannot be mounted on",
        ));
    }
    Ok(Mount {
        target,
        source,
        flags: parsed.flags,
        data: c_string(parsed.data.join(",").into_bytes(), &origin.child("options"))?,
        attributes: parsed.attributes,
        recursive: parsed.recursive,
        propagation: parsed.propagation,
        copy_up: parsed.copy_up,
        origin,
    })
}

fn bind_source(
    entry: &oci::Mount,
    recursive: bool,
    idmap: Option<Idmap>,
    origin: &Origin,
    bundle: &Path,
) -> Result<Source, PlanError> {
    let Some(path) = entry
        .source()
        .as_ref()
        .filter(|path| !path.as_os_str().is_empty())
    else {
        return Err(PlanError::invalid(
            origin.child("source"),
            "a bind mount",
            "it has no source",
        ));
    };
    Ok(Source::Bind {
        path: bundle.join(path),
        recursive,
        idmap,
    })
}

fn new_source(entry: &oci::Mount, fstype: &str, origin: &Origin) -> Result<Source, PlanError> {
    if fstype.is_empty() {
        return Err(PlanError::invalid(
            origin.child("type"),
            "a mount",
            "it has no type and is no bind mount",
        ));
    }
    let source = entry
        .source()
        .as_ref()
        .map_or(fstype.as_bytes(), |source| {
            source.as_os_str().as_encoded_bytes()
        })
        .to_vec();
    Ok(Source::New {
        fstype: c_string(fstype.into(), &origin.child("type"))?,
        source: c_string(source, &origin.child("source"))?,
    })
}

fn idmap(
    entry: &oci::Mount,
    parsed: &Parsed<'_>,
    origin: &Origin,
) -> Result<Option<Idmap>, PlanError> {
    let uids = entry.uid_mappings().as_deref().unwrap_or_default();
    let gids = entry.gid_mappings().as_deref().unwrap_or_default();
    if uids.is_empty() != gids.is_empty() {
        return Err(PlanError::invalid(
            origin.child(if uids.is_empty() {
                "uidMappings"
            } else {
                "gidMappings"
            }),
            "the mappings of a mount",
            "uidMappings and gidMappings come together",
        ));
    }
    let map = (!uids.is_empty()).then(|| namespaces::IdMap {
        uids: namespaces::map_text(uids),
        gids: namespaces::map_text(gids),
    });
    if map.is_none() && parsed.idmap.is_none() {
        return Ok(None);
    }
    Ok(Some(Idmap {
        map,
        recursive: parsed.idmap == Some(true),
    }))
}

/// The path without its leading slashes: the executor resolves it beneath the root. A relative
/// destination is relative to `/`, so nothing else distinguishes them.
pub(crate) fn relative(path: &Path) -> PathBuf {
    path.components()
        .filter(|component| {
            !matches!(
                component,
                std::path::Component::RootDir | std::path::Component::CurDir
            )
        })
        .collect()
}

pub(crate) fn c_string(bytes: Vec<u8>, origin: &Origin) -> Result<CString, PlanError> {
    CString::new(bytes).map_err(|error| {
        PlanError::invalid(
            origin.clone(),
            String::from_utf8_lossy(&error.into_vec()).into_owned(),
            "it holds a NUL character",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(json: &str) -> Result<Vec<Mount>, PlanError> {
        let spec: Spec = serde_json::from_str(&format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"rootfs"}},"mounts":[{json}]}}"#
        ))
        .expect("the test's config is valid JSON");
        plan(
            &spec,
            &Facts::privileged(),
            &Namespaces::default(),
            Path::new("/bundle"),
        )
    }

    fn one(json: &str) -> Mount {
        mounts(json).expect(json).remove(0)
    }

    #[test]
    fn options_become_flags_and_the_rest_becomes_data() {
        let mount = one(
            r#"{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=65536k"]}"#,
        );
        assert_eq!(mount.flags, MsFlags::MS_NOSUID | MsFlags::MS_STRICTATIME);
        assert_eq!(mount.data.to_str(), Ok("mode=755,size=65536k"));
        assert_eq!(mount.target, Path::new("dev"));
    }

    #[test]
    fn the_last_word_on_an_option_holds() {
        let mount = one(
            r#"{"destination":"x","source":"s","options":["bind","ro","rw","noatime","relatime"]}"#,
        );
        assert_eq!(mount.attributes.set, 0);
        assert_eq!(mount.attributes.clear, attr::RDONLY | attr::ATIME);
    }

    #[test]
    fn a_bind_source_is_relative_to_the_bundle() {
        let mount = one(r#"{"destination":"/x","source":"data","options":["rbind","rro"]}"#);
        assert_eq!(
            mount.source,
            Source::Bind {
                path: "/bundle/data".into(),
                recursive: true,
                idmap: None
            }
        );
        assert_eq!(mount.recursive.set, attr::RDONLY);
    }

    #[test]
    fn contradictions_name_their_entry() {
        for (json, pointer) in [
            (
                r#"{"destination":"/x","options":["bind"]}"#,
                "/mounts/0/source",
            ),
            (r#"{"destination":"/x"}"#, "/mounts/0/type"),
            (
                r#"{"destination":"/x","source":"a","options":["bind","idmap"]}"#,
                "/mounts/0/options",
            ),
            (
                r#"{"destination":"/x","source":"a","type":"proc","options":["tmpcopyup"]}"#,
                "/mounts/0/options",
            ),
            (
                r#"{"destination":"/","type":"tmpfs"}"#,
                "/mounts/0/destination",
            ),
        ] {
            let error = mounts(json).expect_err(json).to_string();
            assert!(error.contains(pointer), "{error}");
        }
    }
}
