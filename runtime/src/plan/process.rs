//! What the container's process, or one that `exec` adds, is to be.
//! config.md#process

use std::ffi::CString;
use std::path::PathBuf;

use oci_spec::runtime::{self as oci, LinuxNamespaceType, PosixRlimitType};

use super::mounts::c_string;
use super::namespaces::Namespaces;
use super::{Origin, PlanError};
use crate::host::Facts;

/// The five sets of capabilities(7), one bit a capability.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// What can ever be gained.
    pub bounding: u64,
    /// What the kernel checks.
    pub effective: u64,
    /// What `effective` may hold.
    pub permitted: u64,
    /// What execve(2) keeps for files that ask for it.
    pub inheritable: u64,
    /// What execve(2) keeps for all others.
    pub ambient: u64,
}

/// One resource limit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rlimit {
    /// `RLIMIT_*` of getrlimit(2).
    pub resource: u32,
    /// Its name.
    pub name: String,
    /// The value enforced.
    pub soft: u64,
    /// The ceiling.
    pub hard: u64,
    /// Who asked.
    pub origin: Origin,
}

/// A terminal for the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terminal {
    /// Rows and columns, where config.json gives them.
    pub size: Option<(u16, u16)>,
}

/// A process, as finished values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Process {
    /// The vector; never empty.
    pub args: Vec<CString>,
    /// The environment.
    pub env: Vec<CString>,
    /// Absolute, inside the container.
    pub cwd: PathBuf,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// File creation mask, where it is to change.
    pub umask: Option<u32>,
    /// Capabilities; absent in config.json means none.
    pub capabilities: Capabilities,
    /// Whether execve(2) may no longer grant privileges.
    pub no_new_privileges: bool,
    /// Resource limits.
    pub rlimits: Vec<Rlimit>,
    /// The OOM killer's preference, where it is to change.
    pub oom_score_adj: Option<i32>,
    /// The terminal, if any.
    pub terminal: Option<Terminal>,
    /// AppArmor profile for the next execve(2).
    pub apparmor: Option<CString>,
    /// SELinux label for the next execve(2).
    pub selinux: Option<CString>,
    /// What could not be granted, for the log.
    pub warnings: Vec<String>,
}

impl Process {
    /// Whether a file of `/proc` has to be written to before it can be executed.
    #[must_use]
    pub fn writes_proc(&self) -> bool {
        self.oom_score_adj.is_some() || self.apparmor.is_some() || self.selinux.is_some()
    }
}

/// Plans a process. `origin` is where it stands: `/process`, or the empty pointer for the file
/// that `exec --process` reads.
pub fn plan(
    process: &oci::Process,
    facts: &Facts,
    namespaces: &Namespaces,
    origin: &Origin,
) -> Result<Process, PlanError> {
    let mut warnings = Vec::new();
    let args = strings(process.args().as_deref(), &origin.child("args"))?;
    if args.is_empty() {
        return Err(PlanError::invalid(
            origin.child("args"),
            "args",
            "at least one entry is required",
        ));
    }
    let umask = process.user().umask();
    if let Some(mask) = umask.filter(|mask| *mask > 0o777) {
        return Err(PlanError::invalid(
            origin.child("user/umask"),
            format!("umask {mask}"),
            "it lies above 511 (0777)",
        ));
    }
    let oom = process.oom_score_adj();
    if let Some(value) = oom.filter(|value| !(-1000..=1000).contains(value)) {
        return Err(PlanError::invalid(
            origin.child("oomScoreAdj"),
            format!("oomScoreAdj {value}"),
            "it lies outside of -1000 to 1000",
        ));
    }
    Ok(Process {
        args,
        env: strings(process.env().as_deref(), &origin.child("env"))?,
        cwd: process.cwd().clone(),
        uid: process.user().uid(),
        gid: process.user().gid(),
        groups: process.user().additional_gids().clone().unwrap_or_default(),
        umask,
        capabilities: capabilities(process, facts, namespaces, origin, &mut warnings),
        no_new_privileges: process.no_new_privileges().unwrap_or(false),
        rlimits: rlimits(process, origin)?,
        oom_score_adj: oom,
        terminal: process
            .terminal()
            .unwrap_or(false)
            .then(|| terminal(process, origin))
            .transpose()?,
        apparmor: label(
            process.apparmor_profile().as_deref(),
            facts.apparmor,
            "AppArmor",
            origin.child("apparmorProfile"),
        )?,
        selinux: label(
            process.selinux_label().as_deref(),
            facts.selinux,
            "SELinux",
            origin.child("selinuxLabel"),
        )?,
        warnings,
    })
}

fn strings(values: Option<&[String]>, origin: &Origin) -> Result<Vec<CString>, PlanError> {
    values
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(index, value)| c_string(value.clone().into_bytes(), &origin.child(index)))
        .collect()
}

fn terminal(process: &oci::Process, origin: &Origin) -> Result<Terminal, PlanError> {
    let size = process
        .console_size()
        .map(|size| {
            let narrow = |value: u64, key: &str| {
                u16::try_from(value).map_err(|_| {
                    PlanError::invalid(
                        origin.child("consoleSize").child(key),
                        format!("console size {value}"),
                        "it lies above 65535",
                    )
                })
            };
            Ok::<_, PlanError>((
                narrow(size.height(), "height")?,
                narrow(size.width(), "width")?,
            ))
        })
        .transpose()?;
    Ok(Terminal { size })
}

fn label(
    value: Option<&str>,
    enabled: bool,
    module: &str,
    origin: Origin,
) -> Result<Option<CString>, PlanError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if !enabled {
        return Err(PlanError::unsupported(
            origin,
            format!("label {value:?}"),
            format!("{module} is not enabled on this machine"),
        ));
    }
    c_string(value.into(), &origin).map(Some)
}

const HELD: &str = "the runtime does not hold it";

fn capabilities(
    process: &oci::Process,
    facts: &Facts,
    namespaces: &Namespaces,
    origin: &Origin,
    warnings: &mut Vec<String>,
) -> Capabilities {
    let Some(sets) = process.capabilities() else {
        return Capabilities::default();
    };
    // A new user namespace starts with every capability that the kernel knows.
    let grantable = if namespaces.has(LinuxNamespaceType::User) {
        u64::MAX
    } else {
        facts.bounding
    };
    let mut mask = |set: &Option<oci::Capabilities>, name: &str, limit: u64, why: &str| {
        let mut bits = 0;
        let mut names: Vec<_> = set.iter().flatten().collect();
        names.sort_by_key(ToString::to_string);
        for capability in names {
            let bit = capability_bit(*capability);
            if bit & limit == 0 {
                warnings.push(format!(
                    "capability {capability} cannot be granted: {why} ({})",
                    origin.child("capabilities").child(name)
                ));
            } else {
                bits |= bit;
            }
        }
        bits
    };
    let bounding = mask(sets.bounding(), "bounding", grantable, HELD);
    let permitted = mask(sets.permitted(), "permitted", grantable, HELD);
    let inheritable = mask(sets.inheritable(), "inheritable", grantable, HELD);
    Capabilities {
        bounding,
        permitted,
        inheritable,
        effective: mask(
            sets.effective(),
            "effective",
            permitted,
            "it is not permitted",
        ),
        // The kernel keeps only what is inheritable as well (capabilities(7)). That is no warning: engines
        // ask for it in every container, runc says nothing of it, and buildah shows its users each word.
        ambient: mask(sets.ambient(), "ambient", permitted, "it is not permitted") & inheritable,
    }
}

/// The bit of a capability; 0 where this runtime does not know its number.
fn capability_bit(capability: oci::Capability) -> u64 {
    let name = capability.to_string();
    let full = if name.starts_with("CAP_") {
        name
    } else {
        format!("CAP_{name}")
    };
    full.parse::<caps::Capability>()
        .map_or(0, |capability| 1 << capability.index())
}

fn rlimits(process: &oci::Process, origin: &Origin) -> Result<Vec<Rlimit>, PlanError> {
    let mut limits: Vec<Rlimit> = Vec::new();
    for (index, entry) in process.rlimits().iter().flatten().enumerate() {
        let origin = origin.child("rlimits").child(index);
        let resource = resource(entry.typ());
        let name = entry.typ().to_string();
        if limits.iter().any(|limit| limit.resource == resource) {
            return Err(PlanError::invalid(origin, name, "listed twice"));
        }
        if entry.soft() > entry.hard() {
            return Err(PlanError::invalid(
                origin,
                name,
                format!("soft {} lies above hard {}", entry.soft(), entry.hard()),
            ));
        }
        limits.push(Rlimit {
            resource,
            name,
            soft: entry.soft(),
            hard: entry.hard(),
            origin,
        });
    }
    Ok(limits)
}

/// asm-generic/resource.h. The C libraries differ in the type of these numbers.
fn resource(kind: PosixRlimitType) -> u32 {
    use PosixRlimitType as R;
    match kind {
        R::RlimitCpu => 0,
        R::RlimitFsize => 1,
        R::RlimitData => 2,
        R::RlimitStack => 3,
        R::RlimitCore => 4,
        R::RlimitRss => 5,
        R::RlimitNproc => 6,
        R::RlimitNofile => 7,
        R::RlimitMemlock => 8,
        R::RlimitAs => 9,
        R::RlimitLocks => 10,
        R::RlimitSigpending => 11,
        R::RlimitMsgqueue => 12,
        R::RlimitNice => 13,
        R::RlimitRtprio => 14,
        R::RlimitRttime => 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(json: &str) -> Result<Process, PlanError> {
        let process: oci::Process = serde_json::from_str(json).expect(json);
        plan(
            &process,
            &Facts::privileged(),
            &Namespaces::default(),
            &Origin::at("/process"),
        )
    }

    #[test]
    fn absent_capabilities_mean_none() {
        let process = process(r#"{"user":{},"cwd":"/","args":["x"]}"#).expect("valid");
        assert_eq!(process.capabilities, Capabilities::default());
        assert_eq!(process.umask, None);
        assert_eq!(process.oom_score_adj, None);
    }

    #[test]
    fn what_is_not_permitted_cannot_be_effective_and_warns() {
        let process = process(
            r#"{"user":{},"cwd":"/","args":["x"],"capabilities":{"effective":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL"]}}"#,
        )
        .expect("valid");
        assert_eq!(process.capabilities.effective, 1 << 5);
        assert_eq!(process.warnings.len(), 1);
        assert!(process.warnings[0].contains("/process/capabilities/effective"));
    }

    #[test]
    fn an_ambient_capability_that_is_not_inheritable_goes_without_a_word() {
        let process = process(
            r#"{"user":{},"cwd":"/","args":["x"],"capabilities":{"ambient":["CAP_KILL","CAP_CHOWN"],
                "permitted":["CAP_KILL","CAP_CHOWN"],"inheritable":["CAP_CHOWN"]}}"#,
        )
        .expect("valid");
        assert_eq!(process.capabilities.ambient, 1);
        assert_eq!(process.warnings, Vec::<String>::new());
    }

    #[test]
    fn contradictions_name_their_entry() {
        for (json, pointer) in [
            (r#"{"user":{},"cwd":"/","args":[]}"#, "/process/args"),
            (
                r#"{"user":{"umask":512},"cwd":"/","args":["x"]}"#,
                "/process/user/umask",
            ),
            (
                r#"{"user":{},"cwd":"/","args":["x"],"oomScoreAdj":1001}"#,
                "/process/oomScoreAdj",
            ),
            (
                r#"{"user":{},"cwd":"/","args":["x"],"rlimits":[{"type":"RLIMIT_CORE","soft":2,"hard":1}]}"#,
                "/process/rlimits/0",
            ),
            (
                r#"{"user":{},"cwd":"/","args":["x"],"apparmorProfile":"p"}"#,
                "/process/apparmorProfile",
            ),
        ] {
            let error = process(json).expect_err(json).to_string();
            assert!(error.contains(pointer), "{error}");
        }
    }
}
