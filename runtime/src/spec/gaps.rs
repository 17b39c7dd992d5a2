//! What oci-spec 0.10 cannot hold or refuses though it is valid; the one place for such work-arounds.
//!
//! | property | oci-spec 0.10 | here |
//! |---|---|---|
//! | `linux.resources.pids.limit` | an absent one is 0 | picked up |
//! | `linux.resources.hugepageLimits[].limit` | int64 | uint64, picked up |
//! | `process.scheduler.flags` | two names are wrong | picked up |
//! | `process.execCPUAffinity` | refuses `""` and blanks; compiles a regular expression | picked up |
//! | `process.capabilities` | refuses unknown names, takes names without `CAP_` | unknown ones warn |
//! | `process.user` | required | may be absent |
//! | other platforms' properties | typed | ignored |

use serde_json::Value;

use super::config::Warning;
use super::pointer::Problem;
use super::ranges;
use super::shape::Slot;
use super::survey::{Scalar, Survey, Taken};

/// Properties of a whole configuration that oci-spec loses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// `linux.resources.pids.limit`; oci-spec reads an absent limit as 0, which is a real limit.
    pub pids_limit: Option<i64>,
    /// `linux.resources.hugepageLimits[i].limit`; oci-spec stops at `i64::MAX`.
    pub hugepage_limits: Vec<u64>,
    /// What is lost of `process`.
    pub process: ProcessGaps,
}

/// Properties of a process that oci-spec loses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessGaps {
    /// `process.scheduler.flags`; oci-spec refuses two of them by their right names.
    pub scheduler_flags: Vec<SchedulerFlag>,
    /// `process.execCPUAffinity`; oci-spec refuses an empty list.
    pub exec_cpu_affinity: Option<Affinity>,
}

/// `process.execCPUAffinity`: lists of CPUs such as `0-3,7`; an empty list counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Before the process moves to the container's cgroup.
    pub initial: Option<String>,
    /// After it moved there.
    pub last: Option<String>,
}

/// A flag of sched_setattr(2); the discriminant is the kernel's (include/uapi/linux/sched.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum SchedulerFlag {
    /// `SCHED_FLAG_RESET_ON_FORK`
    ResetOnFork = 0x01,
    /// `SCHED_FLAG_RECLAIM`
    Reclaim = 0x02,
    /// `SCHED_FLAG_DL_OVERRUN`
    DlOverrun = 0x04,
    /// `SCHED_FLAG_KEEP_POLICY`
    KeepPolicy = 0x08,
    /// `SCHED_FLAG_KEEP_PARAMS`
    KeepParams = 0x10,
    /// `SCHED_FLAG_UTIL_CLAMP_MIN`
    UtilClampMin = 0x20,
    /// `SCHED_FLAG_UTIL_CLAMP_MAX`
    UtilClampMax = 0x40,
}

impl SchedulerFlag {
    /// Names of sched_setattr(2), as config.md#linux-process lists them.
    const NAMES: [(&'static str, Self); 7] = [
        ("SCHED_FLAG_RESET_ON_FORK", Self::ResetOnFork),
        ("SCHED_FLAG_RECLAIM", Self::Reclaim),
        ("SCHED_FLAG_DL_OVERRUN", Self::DlOverrun),
        ("SCHED_FLAG_KEEP_POLICY", Self::KeepPolicy),
        ("SCHED_FLAG_KEEP_PARAMS", Self::KeepParams),
        ("SCHED_FLAG_UTIL_CLAMP_MIN", Self::UtilClampMin),
        ("SCHED_FLAG_UTIL_CLAMP_MAX", Self::UtilClampMax),
    ];

    /// The flag's name in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, flag)| *flag == self)
            .map_or("", |(name, _)| name)
    }

    /// The flag of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, flag)| *flag)
    }
}

/// Every capability that the kernel knows up to 6.18, in the order of their numbers
/// (include/uapi/linux/capability.h), without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Whether a string is a capability's name as capabilities(7) spells it.
fn is_capability(name: &str) -> bool {
    name.strip_prefix("CAP_")
        .is_some_and(|name| CAPABILITIES.contains(&name))
}

/// The names of all capabilities, for `features`.
pub fn capability_names() -> impl Iterator<Item = String> {
    CAPABILITIES.iter().map(|name| format!("CAP_{name}"))
}

/// What came of the values picked up.
#[derive(Debug, Default)]
pub(super) struct Closed {
    /// The values.
    pub(super) gaps: Gaps,
    /// Capabilities that are unknown.
    pub(super) warnings: Vec<Warning>,
    /// Whether oci-spec would refuse the text, or do something slow, so that [`rewrite`] must come
    /// before it.
    pub(super) must_rewrite: bool,
}

/// Reads the values picked up.
pub(super) fn close(survey: &Survey) -> Result<Closed, Problem> {
    let no_user = survey
        .absent
        .iter()
        .any(|pointer| pointer.ends_with("/user"));
    let mut closed = Closed {
        must_rewrite: no_user,
        ..Closed::default()
    };
    for taken in &survey.taken {
        match taken.slot {
            Slot::Platform => {}
            Slot::Foreign => closed.must_rewrite = true,
            Slot::Capability => closed.capability(taken)?,
            Slot::SchedulerFlag => closed.scheduler_flag(taken)?,
            Slot::AffinityInitial | Slot::AffinityFinal => closed.affinity(taken)?,
            Slot::PidsLimit => closed.pids_limit(taken)?,
            Slot::HugepageLimit => closed.hugepage_limit(taken)?,
        }
    }
    Ok(closed)
}

impl Taken {
    fn wrong(&self, message: impl Into<String>) -> Problem {
        Problem::at(self.pointer.as_str(), message)
    }

    fn text(&self) -> Result<&str, Problem> {
        match &self.scalar {
            Scalar::Text(text) => Ok(text),
            _ => Err(self.wrong("invalid type: expected a string")),
        }
    }

    fn number<T: TryFrom<i128>>(&self) -> Result<T, Problem> {
        match self.scalar {
            Scalar::Number(number) => {
                T::try_from(number).map_err(|_| self.wrong(format!("{number} is out of range")))
            }
            _ => Err(self.wrong("invalid type: expected a whole number")),
        }
    }
}

impl Closed {
    fn capability(&mut self, taken: &Taken) -> Result<(), Problem> {
        let name = taken.text()?;
        if !is_capability(name) {
            self.must_rewrite = true;
            self.warnings.push(Warning {
                pointer: taken.pointer.clone(),
                message: format!("unknown capability {name:?} is ignored"),
            });
        }
        Ok(())
    }

    fn scheduler_flag(&mut self, taken: &Taken) -> Result<(), Problem> {
        let name = taken.text()?;
        let flag = SchedulerFlag::from_name(name)
            .ok_or_else(|| taken.wrong(format!("unknown scheduler flag {name:?}")))?;
        self.must_rewrite = true;
        self.gaps.process.scheduler_flags.push(flag);
        Ok(())
    }

    fn affinity(&mut self, taken: &Taken) -> Result<(), Problem> {
        if taken.scalar == Scalar::Null {
            return Ok(());
        }
        let list = taken.text()?;
        if !ranges::is_list(list) {
            return Err(taken.wrong(format!("{list:?} is no list of CPUs such as 0-3,7")));
        }
        self.must_rewrite = true;
        let list = Some(list.replace([' ', '\n'], "")).filter(|list| !list.is_empty());
        let affinity = self.gaps.process.exec_cpu_affinity.get_or_insert_default();
        match taken.slot {
            Slot::AffinityInitial => affinity.initial = list,
            _ => affinity.last = list,
        }
        Ok(())
    }

    fn pids_limit(&mut self, taken: &Taken) -> Result<(), Problem> {
        if taken.scalar == Scalar::Null {
            self.must_rewrite = true;
        } else {
            self.gaps.pids_limit = Some(taken.number()?);
        }
        Ok(())
    }

    fn hugepage_limit(&mut self, taken: &Taken) -> Result<(), Problem> {
        let limit: u64 = taken.number()?;
        self.must_rewrite |= i64::try_from(limit).is_err();
        self.gaps.hugepage_limits.push(limit);
        Ok(())
    }
}

/// Takes out of a process what oci-spec would refuse; [`Closed`] has it.
pub(super) fn rewrite_process(process: &mut Value) {
    let Some(process) = process.as_object_mut() else {
        return;
    };
    process.remove("execCPUAffinity");
    process.remove("commandLine");
    let user = process
        .entry("user")
        .or_insert_with(|| serde_json::json!({"uid": 0, "gid": 0}));
    if let Some(user) = user.as_object_mut() {
        user.remove("username");
    }
    if let Some(scheduler) = process.get_mut("scheduler").and_then(Value::as_object_mut) {
        scheduler.remove("flags");
    }
    let sets = process
        .get_mut("capabilities")
        .and_then(Value::as_object_mut);
    for set in sets
        .into_iter()
        .flatten()
        .filter_map(|(_, set)| set.as_array_mut())
    {
        set.retain(|name| name.as_str().is_none_or(is_capability));
    }
}

/// Takes out of a configuration what oci-spec would refuse; [`Closed`] has it.
pub(super) fn rewrite(config: &mut Value) {
    if let Some(process) = config.get_mut("process") {
        rewrite_process(process);
    }
    let Some(top) = config.as_object_mut() else {
        return;
    };
    for foreign in [
        "solaris",
        "windows",
        "vm",
        "zos",
        "uidMappings",
        "gidMappings",
    ] {
        top.remove(foreign);
    }
    let Some(resources) = config.pointer_mut("/linux/resources") else {
        return;
    };
    if let Some(pids) = resources.get_mut("pids").and_then(Value::as_object_mut) {
        pids.remove("limit");
    }
    let pages = resources
        .get_mut("hugepageLimits")
        .and_then(Value::as_array_mut);
    for limit in pages
        .into_iter()
        .flatten()
        .filter_map(|page| page.get_mut("limit"))
    {
        if limit.as_i64().is_none() {
            *limit = i64::MAX.into();
        }
    }
}

/// Each test fails when oci-spec closes the gap: then the work-around can go.
#[cfg(test)]
mod tests {
    use super::super::{from_str, process_from_str};
    use super::*;
    use oci_spec::runtime::{Process, Spec};
    use serde_json::json;

    fn config(linux: &Value) -> String {
        json!({"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "linux": linux}).to_string()
    }

    fn process(more: &Value) -> String {
        let mut process = json!({"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}});
        let object = process.as_object_mut().expect("an object");
        object.extend(more.as_object().expect("an object").clone());
        process.to_string()
    }

    #[test]
    fn an_absent_pids_limit_is_not_0() {
        let text = config(&json!({"resources": {"pids": {}}}));
        let upstream: Spec = serde_json::from_str(&text).expect("accepted");
        let resources = upstream
            .linux()
            .as_ref()
            .and_then(|linux| linux.resources().clone());
        assert_eq!(resources.and_then(|r| *r.pids()).expect("pids").limit(), 0);
        assert_eq!(from_str(text).expect("valid").gaps.pids_limit, None);
        let zero = config(&json!({"resources": {"pids": {"limit": 0}}}));
        assert_eq!(from_str(zero).expect("valid").gaps.pids_limit, Some(0));
    }

    #[test]
    fn a_huge_page_limit_is_unsigned() {
        let page = json!({"pageSize": "2MB", "limit": u64::MAX});
        let text = config(&json!({"resources": {"hugepageLimits": [page]}}));
        assert!(serde_json::from_str::<Spec>(&text).is_err());
        assert_eq!(
            from_str(text).expect("valid").gaps.hugepage_limits,
            [u64::MAX]
        );
    }

    #[test]
    fn every_scheduler_flag_of_the_specification_is_taken() {
        for (name, flag) in SchedulerFlag::NAMES {
            let scheduler = json!({"policy": "SCHED_BATCH", "flags": [name]});
            let text = process(&json!({"scheduler": scheduler}));
            let refused = ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"].contains(&name);
            assert_eq!(
                serde_json::from_str::<Process>(&text).is_err(),
                refused,
                "{name}"
            );
            let loaded = process_from_str(&text).expect("valid");
            assert_eq!(loaded.gaps.scheduler_flags, [flag]);
            assert_eq!(flag.name(), name);
        }
        let wrong = json!({"policy": "SCHED_BATCH", "flags": ["SCHED_RESET_ON_FORK"]});
        assert!(process_from_str(&process(&json!({"scheduler": wrong}))).is_err());
    }

    #[test]
    fn an_empty_affinity_is_valid() {
        let text = process(&json!({"execCPUAffinity": {"initial": "0-1, 3", "final": ""}}));
        assert!(serde_json::from_str::<Process>(&text).is_err());
        let affinity = process_from_str(&text)
            .expect("valid")
            .gaps
            .exec_cpu_affinity;
        assert_eq!(
            affinity,
            Some(Affinity {
                initial: Some("0-1,3".to_owned()),
                last: None
            })
        );
        for bad in ["3-1", "a", "1,,2", "-1", "1-", "0-99999999999"] {
            let text = process(&json!({"execCPUAffinity": {"initial": bad}}));
            assert!(process_from_str(&text).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_capability_warns() {
        let text =
            process(&json!({"capabilities": {"bounding": ["CAP_KILL", "CAP_FLY", "chown"]}}));
        assert!(serde_json::from_str::<Process>(&text).is_err());
        let loaded = process_from_str(&text).expect("valid");
        let places: Vec<_> = loaded
            .warnings
            .iter()
            .map(|warning| &*warning.pointer)
            .collect();
        assert_eq!(
            places,
            ["/capabilities/bounding/1", "/capabilities/bounding/2"]
        );
        let kept = loaded
            .process
            .capabilities()
            .as_ref()
            .and_then(|sets| sets.bounding().clone());
        assert_eq!(kept.expect("the set is there").len(), 1);
    }

    #[test]
    fn every_capability_here_is_one_upstream() {
        for name in capability_names() {
            let text = process(&json!({"capabilities": {"ambient": [name]}}));
            assert!(serde_json::from_str::<Process>(&text).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_process_may_have_no_user() {
        let text = json!({"cwd": "/", "args": ["sh"]}).to_string();
        assert!(serde_json::from_str::<Process>(&text).is_err());
        assert_eq!(
            process_from_str(&text).expect("valid").process.user().uid(),
            0
        );
    }

    #[test]
    fn other_platforms_may_say_what_they_like() {
        let text = json!({
            "ociVersion": "1.3.0", "root": {"path": "rootfs"},
            "solaris": 1, "windows": [], "vm": "x", "zos": {"namespaces": 3}, "freebsd": 0,
            "uidMappings": 5,
        })
        .to_string();
        assert!(serde_json::from_str::<Spec>(&text).is_err());
        from_str(text).expect("valid");
    }
}
