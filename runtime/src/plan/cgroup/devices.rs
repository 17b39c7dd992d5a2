//! The allowed device list.
//! config-linux.md#allowed-device-list
//!
//! The entries are turned into a default and rules that change it, in order. v1 takes them as the
//! kernel's list, which cannot hold every order; v2 takes them as a program.

use std::collections::BTreeMap;
use std::fmt;

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

use super::program;
use super::setting::{Setting, Version};
use super::sink::Sink;
use crate::plan::{Origin, PlanError};

/// What may be done with a device: bits of `BPF_DEVCG_ACC_*` (linux/bpf.h).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Access(pub u8);

impl Access {
    /// Make a node.
    pub const MKNOD: Self = Self(1);
    /// Read.
    pub const READ: Self = Self(2);
    /// Write.
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);

    /// Reads letters such as `rwm`.
    pub fn parse(letters: &str) -> Option<Self> {
        letters.bytes().try_fold(Self(0), |set, letter| {
            let bit = match letter {
                b'r' => Self::READ,
                b'w' => Self::WRITE,
                b'm' => Self::MKNOD,
                _ => return None,
            };
            Some(Self(set.0 | bit.0))
        })
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MKNOD, "m")] {
            if self.0 & bit.0 != 0 {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// Character or block; the discriminant is `BPF_DEVCG_DEV_*` (linux/bpf.h).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DeviceKind {
    /// A block device.
    Block = 1,
    /// A character device.
    Char = 2,
}

/// A device, or all with a major number, or all of a kind.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DevicePattern {
    /// The kind.
    pub kind: DeviceKind,
    /// The major number; none for all.
    pub major: Option<u32>,
    /// The minor number; none for all.
    pub minor: Option<u32>,
}

impl DevicePattern {
    fn covers(self, other: Self) -> bool {
        let number = |mine: Option<u32>, theirs| mine.is_none() || mine == theirs;
        self.kind == other.kind
            && number(self.major, other.major)
            && number(self.minor, other.minor)
    }

    fn overlaps(self, other: Self) -> bool {
        let number = |mine: Option<u32>, theirs: Option<u32>| {
            mine.is_none() || theirs.is_none() || mine == theirs
        };
        self.kind == other.kind
            && number(self.major, other.major)
            && number(self.minor, other.minor)
    }
}

impl fmt::Display for DevicePattern {
    /// As the files of v1 have it: `c 1:*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        let kind = match self.kind {
            DeviceKind::Block => 'b',
            DeviceKind::Char => 'c',
        };
        write!(f, "{kind} {}:{}", number(self.major), number(self.minor))
    }
}

/// One rule: it changes what the rules before it said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Rule {
    pub(super) allow: bool,
    pub(super) pattern: DevicePattern,
    pub(super) access: Access,
    pub(super) origin: Origin,
    /// Not listed, but added by us.
    pub(super) added: bool,
}

/// A default and what changes it, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Policy {
    pub(super) allow: bool,
    pub(super) rules: Vec<Rule>,
}

impl Policy {
    /// Whether nothing keeps a process from making nodes: either default lets it.
    pub(super) fn allows_every_node(&self) -> bool {
        let concerns = |rule: &Rule| rule.access.without(Access::MKNOD) != rule.access;
        !self.rules.iter().any(|rule| !rule.allow && concerns(rule))
    }
}

/// The v1 kernel's list: a default and its exceptions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceList {
    /// Whether what is not listed is allowed.
    pub allow: bool,
    /// What is otherwise.
    pub exceptions: BTreeMap<DevicePattern, Access>,
}

/// What engines rely on without asking: the devices that every container has, and nodes of any kind.
/// devices.txt of the kernel gives the numbers. Neighbours that are alike share tests in the program.
const DEFAULTS: [(DeviceKind, Option<u32>, Option<u32>, Access); 10] = [
    (DeviceKind::Block, None, None, Access::MKNOD),
    (DeviceKind::Char, None, None, Access::MKNOD),
    (DeviceKind::Char, Some(1), Some(3), Access::ALL), // null
    (DeviceKind::Char, Some(1), Some(5), Access::ALL), // zero
    (DeviceKind::Char, Some(1), Some(7), Access::ALL), // full
    (DeviceKind::Char, Some(1), Some(8), Access::ALL), // random
    (DeviceKind::Char, Some(1), Some(9), Access::ALL), // urandom
    (DeviceKind::Char, Some(136), None, Access::ALL),  // pts
    (DeviceKind::Char, Some(5), Some(0), Access::ALL), // tty
    (DeviceKind::Char, Some(5), Some(2), Access::ALL), // ptmx
];

/// The console is apart, since a terminal may be the host's own.
const CONSOLE: DevicePattern = DevicePattern {
    kind: DeviceKind::Char,
    major: Some(5),
    minor: Some(1),
};

pub(super) fn plan(sink: &mut Sink, entries: &[LinuxDeviceCgroup]) -> Result<(), PlanError> {
    // No entries, no rules: the cgroup keeps what its parent allows.
    if entries.is_empty() {
        return Ok(());
    }
    let origin = sink.at("devices");
    let policy = policy(entries, &origin)?;
    let (lenient, late) = (sink.lenient, policy.allows_every_node());
    if sink.groups.iter().any(|group| group.has("devices")) {
        let list = list(&policy)?;
        let setting = Setting::DeviceList {
            list,
            origin: origin.clone(),
            lenient,
        };
        return sink.push("devices", &origin, setting);
    }
    // The program is no controller's: every v2 cgroup takes one.
    let code = program::compile(&policy);
    match sink
        .groups
        .iter_mut()
        .find(|group| group.version == Version::V2)
    {
        Some(group) => group.before.push(Setting::DeviceProgram {
            code,
            origin,
            lenient,
            late,
        }),
        None if lenient => {}
        None => {
            let why = "no cgroup hierarchy that this runtime may use controls devices";
            return Err(PlanError::unsupported(origin, "resources.devices", why));
        }
    }
    Ok(())
}

/// Reads the entries in order. The defaults come right after the last entry that denies everything,
/// so that what is listed after it still has the last word.
pub(super) fn policy(entries: &[LinuxDeviceCgroup], origin: &Origin) -> Result<Policy, PlanError> {
    // A fresh cgroup allows what its parent does.
    let mut policy = Policy {
        allow: true,
        rules: Vec::new(),
    };
    for (index, entry) in entries.iter().enumerate() {
        let at = origin.child(index);
        let kinds: &[DeviceKind] = match entry.typ().unwrap_or_default() {
            LinuxDeviceType::A => &[DeviceKind::Block, DeviceKind::Char],
            LinuxDeviceType::B => &[DeviceKind::Block],
            LinuxDeviceType::C => &[DeviceKind::Char],
            other => {
                let what = format!("device type {:?}", other.as_str());
                return Err(PlanError::invalid(
                    at.child("type"),
                    what,
                    "not one of a, b and c",
                ));
            }
        };
        let major = number(entry.major(), &at, "major")?;
        let minor = number(entry.minor(), &at, "minor")?;
        let letters = entry.access().as_deref().unwrap_or("rwm");
        let access = Access::parse(letters)
            .filter(|access| !access.is_empty())
            .ok_or_else(|| {
                let what = format!("device access {letters:?}");
                PlanError::invalid(at.child("access"), what, "not a composition of r, w and m")
            })?;
        if kinds.len() == 2 && major.is_none() && minor.is_none() && access == Access::ALL {
            policy = Policy {
                allow: entry.allow(),
                rules: Vec::new(),
            };
            if !entry.allow() {
                policy.rules.extend(defaults(&at));
            }
            continue;
        }
        policy.rules.extend(kinds.iter().map(|&kind| Rule {
            allow: entry.allow(),
            pattern: DevicePattern { kind, major, minor },
            access,
            origin: at.clone(),
            added: false,
        }));
    }
    Ok(policy)
}

/// A number; absent and, as engines have it, -1 stand for all.
fn number(value: Option<i64>, at: &Origin, name: &str) -> Result<Option<u32>, PlanError> {
    match value {
        None | Some(-1) => Ok(None),
        Some(value) => u32::try_from(value).map(Some).map_err(|_| {
            let what = format!("device {name} number {value}");
            PlanError::invalid(at.child(name), what, "there is no such number")
        }),
    }
}

fn defaults(origin: &Origin) -> impl Iterator<Item = Rule> {
    let listed = DEFAULTS
        .into_iter()
        .map(|(kind, major, minor, access)| (DevicePattern { kind, major, minor }, access));
    let origin = origin.clone();
    listed
        .chain([(CONSOLE, Access::ALL)])
        .map(move |(pattern, access)| Rule {
            allow: true,
            pattern,
            access,
            origin: origin.clone(),
            added: true,
        })
}

/// The v1 kernel's list for a policy. The kernel matches an exception as a whole: one that a rule
/// cuts in two cannot be kept, and the kernel would take such a rule without a word. What is listed
/// comes before what we added, so an exception of ours goes entirely.
fn list(policy: &Policy) -> Result<DeviceList, PlanError> {
    let mut exceptions = BTreeMap::<DevicePattern, (Access, bool)>::new();
    for rule in &policy.rules {
        if rule.allow != policy.allow {
            let (access, added) = exceptions.entry(rule.pattern).or_insert((Access(0), true));
            access.0 |= rule.access.0;
            *added &= rule.added;
            continue;
        }
        for (pattern, (access, added)) in &mut exceptions {
            let left = access.without(rule.access);
            if rule.pattern.covers(*pattern) || (*added && rule.pattern.overlaps(*pattern)) {
                *access = left;
            } else if left != *access && rule.pattern.overlaps(*pattern) {
                let verb = if rule.allow { "allowing" } else { "denying" };
                let why = format!("cgroup v1 cannot take it out of the entry for {pattern}");
                let what = format!("{verb} {} of {}", rule.access, rule.pattern);
                return Err(PlanError::unsupported(rule.origin.clone(), what, why));
            }
        }
        exceptions.retain(|_, (access, _)| !access.is_empty());
    }
    let exceptions = exceptions
        .into_iter()
        .map(|(pattern, (access, _))| (pattern, access));
    Ok(DeviceList {
        allow: policy.allow,
        exceptions: exceptions.collect(),
    })
}

/// The policy as the kernel's list and as a program, for tests that compare them.
#[cfg(test)]
pub(super) fn both(entries: &[LinuxDeviceCgroup]) -> (Option<DeviceList>, Policy) {
    let policy = policy(entries, &Origin::at("/linux/resources/devices")).expect("valid entries");
    (list(&policy).ok(), policy)
}
