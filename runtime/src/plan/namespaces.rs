//! Which namespaces are made, joined and left alone, and how ids are mapped.
//! config-linux.md#namespaces, #user-namespace-mappings, #offset-for-time-namespace

use std::fmt::Write as _;
use std::path::PathBuf;

use nix::libc;
use oci_spec::runtime::{LinuxIdMapping, LinuxNamespaceType, Spec};

use super::{Origin, PlanError};

/// `CLONE_NEWTIME` of linux/sched.h, as clone3(2), unshare(2) and setns(2) take it.
pub const NEWTIME: u64 = 0x80;

/// A namespace to join by path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Join {
    /// Its `CLONE_NEW*` flag.
    pub flag: u64,
    /// Its file in the runtime's mount namespace.
    pub path: PathBuf,
    /// Who asked.
    pub origin: Origin,
}

/// The mappings of a new user namespace, in the form of `/proc/PID/uid_map`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdMap {
    /// user_namespaces(7), uid_map.
    pub uids: String,
    /// user_namespaces(7), gid_map.
    pub gids: String,
}

/// What becomes of the eight namespaces.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Namespaces {
    /// `CLONE_NEW*` of those to make. Of these, the cgroup namespace is unshared only after init is
    /// in its cgroup, since that is where the new namespace is rooted.
    pub create: u64,
    /// Those to join.
    pub join: Vec<Join>,
    /// How to map ids, where a user namespace is made.
    pub idmap: Option<IdMap>,
    /// The lines of `/proc/self/timens_offsets`; empty where nothing is offset.
    pub time_offsets: String,
}

/// The namespace types, their flags, and the names that setns(2) errors use.
pub const TYPES: [(LinuxNamespaceType, u64, &str); 8] = [
    (LinuxNamespaceType::User, libc::CLONE_NEWUSER as u64, "user"),
    (LinuxNamespaceType::Pid, libc::CLONE_NEWPID as u64, "pid"),
    (
        LinuxNamespaceType::Network,
        libc::CLONE_NEWNET as u64,
        "network",
    ),
    (LinuxNamespaceType::Ipc, libc::CLONE_NEWIPC as u64, "ipc"),
    (LinuxNamespaceType::Uts, libc::CLONE_NEWUTS as u64, "uts"),
    (
        LinuxNamespaceType::Cgroup,
        libc::CLONE_NEWCGROUP as u64,
        "cgroup",
    ),
    (LinuxNamespaceType::Time, NEWTIME, "time"),
    (LinuxNamespaceType::Mount, libc::CLONE_NEWNS as u64, "mount"),
];

/// The flag of a namespace type.
pub fn flag(kind: LinuxNamespaceType) -> u64 {
    TYPES
        .iter()
        .find(|(candidate, ..)| *candidate == kind)
        .map_or(0, |(_, flag, _)| *flag)
}

/// The name of a flag's namespace type.
pub fn name(flag: u64) -> &'static str {
    TYPES
        .iter()
        .find(|(_, candidate, _)| *candidate == flag)
        .map_or("unknown", |(.., name)| *name)
}

impl Namespaces {
    /// Whether a namespace of this kind is made.
    pub fn creates(&self, kind: LinuxNamespaceType) -> bool {
        self.create & flag(kind) != 0
    }

    /// Whether a namespace of this kind is joined by path.
    pub fn joins(&self, kind: LinuxNamespaceType) -> bool {
        self.join.iter().any(|join| join.flag == flag(kind))
    }

    /// Whether the container's namespace of this kind is not the runtime's.
    pub fn has(&self, kind: LinuxNamespaceType) -> bool {
        self.creates(kind) || self.joins(kind)
    }

    /// Whether a process must join or unshare something before init can be cloned from it: a PID
    /// namespace or a time namespace with offsets takes only children, and namespaces that are to
    /// belong to a joined user namespace must be made from within it.
    pub fn needs_intermediate(&self) -> bool {
        self.joins(LinuxNamespaceType::Pid)
            || self.joins(LinuxNamespaceType::User)
            || !self.time_offsets.is_empty()
    }
}

/// Plans the namespaces.
pub fn plan(spec: &Spec) -> Result<Namespaces, PlanError> {
    let mut plan = Namespaces::default();
    let Some(linux) = spec.linux() else {
        return Ok(plan);
    };
    for (index, namespace) in linux.namespaces().iter().flatten().enumerate() {
        let origin = Origin::item("/linux/namespaces", index);
        let flag = flag(namespace.typ());
        if plan.create & flag != 0 || plan.join.iter().any(|join| join.flag == flag) {
            return Err(PlanError::invalid(
                origin,
                format!("namespace {}", name(flag)),
                "listed twice",
            ));
        }
        match namespace.path() {
            Some(path) if !path.as_os_str().is_empty() => plan.join.push(Join {
                flag,
                path: path.clone(),
                origin: origin.child("path"),
            }),
            _ => plan.create |= flag,
        }
    }
    plan.idmap = idmap(
        &plan,
        linux.uid_mappings().as_deref(),
        linux.gid_mappings().as_deref(),
    )?;
    plan.time_offsets = time_offsets(&plan, spec)?;
    Ok(plan)
}

fn idmap(
    plan: &Namespaces,
    uids: Option<&[LinuxIdMapping]>,
    gids: Option<&[LinuxIdMapping]>,
) -> Result<Option<IdMap>, PlanError> {
    let uids = uids.unwrap_or_default();
    let gids = gids.unwrap_or_default();
    let mapped = !uids.is_empty() || !gids.is_empty();
    if !plan.creates(LinuxNamespaceType::User) {
        if mapped && !plan.joins(LinuxNamespaceType::User) {
            return Err(PlanError::invalid(
                Origin::at("/linux/uidMappings"),
                "id mappings",
                "there is no user namespace to map",
            ));
        }
        return Ok(None);
    }
    for (mappings, origin) in [
        (uids, Origin::at("/linux/uidMappings")),
        (gids, Origin::at("/linux/gidMappings")),
    ] {
        if mappings.is_empty() {
            return Err(PlanError::invalid(
                origin,
                "a new user namespace",
                "it needs both uidMappings and gidMappings",
            ));
        }
    }
    Ok(Some(IdMap {
        uids: map_text(uids),
        gids: map_text(gids),
    }))
}

/// Mappings in the form of user_namespaces(7): inside, outside, count.
pub fn map_text(mappings: &[LinuxIdMapping]) -> String {
    mappings.iter().fold(String::new(), |mut text, mapping| {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} {} {}",
            mapping.container_id(),
            mapping.host_id(),
            mapping.size()
        );
        text
    })
}

fn time_offsets(plan: &Namespaces, spec: &Spec) -> Result<String, PlanError> {
    let offsets = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.time_offsets().as_ref());
    let mut clocks: Vec<_> = offsets.into_iter().flatten().collect();
    clocks.sort_by_key(|(clock, _)| clock.as_str());
    let mut text = String::new();
    for (clock, offset) in clocks {
        let origin = Origin::item("/linux/timeOffsets", clock);
        if !plan.creates(LinuxNamespaceType::Time) {
            return Err(PlanError::invalid(
                origin,
                "a time offset",
                "there is no new time namespace to offset",
            ));
        }
        if !matches!(clock.as_str(), "monotonic" | "boottime") {
            return Err(PlanError::invalid(
                origin,
                format!("clock {clock:?}"),
                "only monotonic and boottime can be offset",
            ));
        }
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{clock} {} {}",
            offset.secs().unwrap_or(0),
            offset.nanosecs().unwrap_or(0)
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(linux: &str) -> Spec {
        serde_json::from_str(&format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"rootfs"}},"linux":{linux}}}"#
        ))
        .expect("the test's config is valid JSON")
    }

    #[test]
    fn a_namespace_with_a_path_is_joined_and_one_without_is_made() {
        let plan = plan(&spec(
            r#"{"namespaces":[{"type":"pid","path":"/proc/7/ns/pid"},{"type":"mount"}]}"#,
        ))
        .expect("valid");
        assert!(plan.joins(LinuxNamespaceType::Pid));
        assert!(plan.creates(LinuxNamespaceType::Mount));
        assert!(!plan.has(LinuxNamespaceType::Network));
        assert!(plan.needs_intermediate());
        assert_eq!(plan.join[0].origin.as_str(), "/linux/namespaces/0/path");
    }

    #[test]
    fn contradictions_name_their_entry() {
        for (linux, pointer) in [
            (
                r#"{"namespaces":[{"type":"uts"},{"type":"uts"}]}"#,
                "/linux/namespaces/1",
            ),
            (
                r#"{"namespaces":[{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}"#,
                "/linux/gidMappings",
            ),
            (
                r#"{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}"#,
                "/linux/uidMappings",
            ),
            (
                r#"{"timeOffsets":{"boottime":{"secs":1}}}"#,
                "/linux/timeOffsets/boottime",
            ),
        ] {
            let error = plan(&spec(linux)).expect_err(linux).to_string();
            assert!(error.contains(pointer), "{error}");
        }
    }

    #[test]
    fn offsets_are_lines_of_timens_offsets() {
        let plan = plan(&spec(
            r#"{"namespaces":[{"type":"time"}],"timeOffsets":{"monotonic":{"secs":-5},"boottime":{"nanosecs":7}}}"#,
        ))
        .expect("valid");
        assert_eq!(plan.time_offsets, "boottime 0 7\nmonotonic -5 0\n");
    }
}
