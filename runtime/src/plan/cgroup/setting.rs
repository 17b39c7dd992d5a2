//! What a cgroup plan consists of: groups, and what is written into their files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::devices::DeviceList;
use super::program::Instruction;
use crate::plan::Origin;

/// The version of a hierarchy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// A v1 hierarchy, of one or a few controllers.
    V1,
    /// The unified hierarchy.
    V2,
}

/// One directory of the container in one hierarchy, and its settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// The hierarchy's version.
    pub version: Version,
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
    /// The container's cgroup, relative to `mount`.
    pub path: PathBuf,
    /// The hierarchy's controllers; on v2 they are enabled on the way to the container's cgroup.
    pub controllers: Vec<String>,
    /// v2: the controllers that a setting needs, and who asked; the others may fail to be enabled.
    pub needs: BTreeMap<String, Origin>,
    /// Applied before the process is attached.
    pub before: Vec<Setting>,
    /// Applied after the process is attached.
    pub after: Vec<Setting>,
    /// Who asked for the directory.
    pub origin: Origin,
}

impl Group {
    /// The directory of the container's cgroup.
    pub fn dir(&self) -> PathBuf {
        // Not `join` alone: it would leave a trailing slash where the path is empty.
        if self.path.as_os_str().is_empty() {
            self.mount.clone()
        } else {
            self.mount.join(&self.path)
        }
    }

    /// Whether the hierarchy has the controller.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
    }
}

/// A value for a file of the container's cgroup.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// The file's name in the cgroup's directory.
    pub file: Cow<'static, str>,
    /// What is written, in one write(2).
    pub value: String,
    /// Who asked.
    pub origin: Origin,
    /// The value is what a kernel without this file does anyway.
    pub absent_ok: bool,
}

impl Write {
    /// A value that must be written.
    pub fn new(
        file: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
        origin: &Origin,
    ) -> Self {
        Self {
            file: file.into(),
            value: value.to_string(),
            origin: origin.clone(),
            absent_ok: false,
        }
    }

    /// A value that needs no file where the kernel has none.
    #[must_use]
    pub fn or_absent(mut self, absent_ok: bool) -> Self {
        self.absent_ok = absent_ok;
        self
    }
}

/// A step on the files of one cgroup.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Setting {
    /// A plain value.
    Write(Write),
    /// A number of bytes that some kernels take without effect, which counts as a refusal.
    Effective(Write),
    /// Values that bound each other, so that the order that the kernel accepts depends on what is
    /// there: what is refused with EINVAL is tried again after another one was accepted.
    Together(Vec<Write>),
    /// The first whose file exists; the files are alternatives of different kernels.
    FirstOf(Vec<Write>),
    /// v2 `cpu.max`: changes the period and keeps the quota.
    CpuPeriod {
        /// Microseconds.
        period: u64,
        /// Who asked.
        origin: Origin,
    },
    /// Refuses the plan where the file holds more than this many bytes.
    UsageAtMost {
        /// A file that holds a number of bytes.
        file: &'static str,
        /// The bound.
        bytes: u64,
        /// Who asked.
        origin: Origin,
    },
    /// v1: `devices.allow` and `devices.deny`.
    DeviceList {
        /// What the kernel's list has to hold afterwards.
        list: DeviceList,
        /// Who asked.
        origin: Origin,
        /// A refusal for want of privilege only warns.
        lenient: bool,
    },
    /// v2: a program of type BPF_PROG_TYPE_CGROUP_DEVICE, in place of the one before.
    DeviceProgram {
        /// The program.
        code: Vec<Instruction>,
        /// Who asked.
        origin: Origin,
        /// A refusal for want of privilege only warns.
        lenient: bool,
        /// It makes no difference to init when this comes: nodes of every kind may be made all the same.
        late: bool,
    },
}

impl Setting {
    /// Whether it may come when init has begun: a program for devices, which takes the kernel long to verify. v1's
    /// list may not: it is written entry by entry, and at first forbids everything.
    #[must_use]
    pub fn may_be_late(&self) -> bool {
        matches!(self, Self::DeviceProgram { late: true, .. })
    }
}

impl From<Write> for Setting {
    fn from(write: Write) -> Self {
        Self::Write(write)
    }
}
