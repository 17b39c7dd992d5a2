//! What `state.json` holds: the state of runtime.md#state and what later commands need beside it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::process::{Process, are_alive};
use super::status::Status;
use super::store::{COPY_FILE, STATE_FILE};
use crate::read::{self, SideBySide};

/// The contents of `state.json`; valid against the specification's schema of the state. `C` is what is read of
/// the control groups: all, or just the [`Freezer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<C = CgroupRecord> {
    /// The version of the specification that this state complies with.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// The last station that was written down; [`Record::status`] says where the container is now.
    #[serde(rename = "status")]
    pub recorded: Status,
    /// PID of the container process, 0 until there is one.
    #[serde(default)]
    pub pid: i32,
    /// Absolute path of the bundle.
    pub bundle: PathBuf,
    /// Absolute path of the root file system.
    pub rootfs: PathBuf,
    /// When `create` began: RFC 3339 with nanoseconds, UTC.
    pub created: String,
    /// Effective user of `create`, by number.
    pub owner: u32,
    /// Annotations of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Start time that goes with `pid`, where there is no mark; see [`Process`].
    #[serde(default)]
    pub pid_start: u64,
    /// The mark that goes with `pid`; see [`Process`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_mark: Option<u64>,
    /// The process that runs `create`, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<Process>,
    /// Device and inode of the executable that init runs until it executes the user's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_exe: Option<(u64, u64)>,
    /// The container's control groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<C>,
    /// The container's group in resctrl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resctrl: Option<ResctrlRecord>,
    /// Whether the container has a PID namespace of its own; where not, `delete` ends every process
    /// of the cgroup.
    #[serde(default)]
    pub private_pid_namespace: bool,
    /// Whether `start` has nothing to look up in the configuration: there is a process, no poststart hook,
    /// and no listener of a filter.
    #[serde(default)]
    pub plain_start: bool,
    /// Whether `delete` has no hook to look up there.
    #[serde(default)]
    pub plain_delete: bool,
}

/// A group in resctrl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResctrlRecord {
    /// The folder of its class, which holds `schemata`.
    pub class: PathBuf,
    /// The folder that `create` made and `delete` removes: the class, or its monitoring group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<PathBuf>,
}

/// What `state` shows; runc's fields, in runc's order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View<'a> {
    oci_version: &'a str,
    id: &'a str,
    pid: i32,
    status: Status,
    bundle: &'a Path,
    rootfs: &'a Path,
    created: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    owner: &'static str,
}

/// Who makes the control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupDriver {
    /// plimrun itself, by mkdir.
    #[default]
    Cgroupfs,
    /// systemd, by a transient scope.
    Systemd,
}

/// The container's control groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CgroupRecord {
    /// Who makes them.
    #[serde(default)]
    pub driver: CgroupDriver,
    /// Absolute folder by controller; the unified hierarchy has the key `unified`, systemd's own v1
    /// hierarchy `name=systemd`.
    #[serde(default)]
    pub paths: BTreeMap<String, PathBuf>,
    /// The folders that `create` makes, from above to below; `delete` removes no others.
    #[serde(default)]
    pub made: Vec<PathBuf>,
    /// Name of the scope where systemd owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The scope is the user manager's, not the system's.
    #[serde(default)]
    pub user_manager: bool,
    /// Inode of the container's mount namespace, by which its processes are told from those that were
    /// in the cgroup before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_namespace: Option<u64>,
}

/// What is told of a container's control groups: whether they are frozen.
pub trait Freezes {
    /// Whether the container's processes are frozen. A cgroup that cannot be read is not.
    fn is_frozen(&self) -> bool;
}

/// What tells whether a container is paused: of twenty paths in its record the one or two that matter, for those
/// who read many.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Freezer {
    #[serde(default)]
    paths: FreezerPaths,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct FreezerPaths {
    freezer: Option<PathBuf>,
    unified: Option<PathBuf>,
}

impl Freezer {
    /// As [`Freezes::is_frozen`], by a way of reading many.
    fn is_frozen_by(&self, ways: &mut SideBySide) -> bool {
        let (freezer, unified) = (&self.paths.freezer, &self.paths.unified);
        is_frozen(freezer.as_deref(), unified.as_deref(), |dir, file, what| {
            ways.with_small(dir, file, what)
        })
    }
}

impl Freezes for Freezer {
    fn is_frozen(&self) -> bool {
        self.is_frozen_by(&mut SideBySide::default())
    }
}

impl Freezes for CgroupRecord {
    fn is_frozen(&self) -> bool {
        let path = |hierarchy| self.paths.get(hierarchy).map(PathBuf::as_path);
        is_frozen(path("freezer"), path("unified"), |dir, file, what| {
            read::with_small(dir.join(file), what)
        })
    }
}

/// Whether the cgroup is frozen, by its folder in v1's hierarchy of the freezer, or else in the unified one.
fn is_frozen(
    freezer: Option<&Path>,
    unified: Option<&Path>,
    mut read: impl FnMut(&Path, &str, fn(&[u8]) -> bool) -> io::Result<bool>,
) -> bool {
    let mut says = |dir: Option<&Path>, file, what| read(dir?, file, what).ok();
    says(freezer, "freezer.state", |state| {
        !state.starts_with(b"THAWED")
    })
    .or_else(|| says(unified, "cgroup.freeze", |freeze| freeze.starts_with(b"1")))
    .unwrap_or(false)
}

impl<C: Freezes> Record<C> {
    /// The container process; `None` while there is none.
    pub fn process(&self) -> Option<Process> {
        (self.pid > 0).then_some(Process {
            pid: self.pid,
            start: self.pid_start,
            mark: self.pid_mark,
        })
    }

    /// Sets the container process.
    pub fn set_process(&mut self, process: Process) {
        self.pid = process.pid;
        self.pid_start = process.start;
        self.pid_mark = process.mark;
    }

    /// Where the container is now, from the record and the machine.
    pub fn status(&self) -> Result<Status, StateError> {
        let alive = self.process().map_or(Ok(false), Process::is_alive);
        self.status_of(alive, C::is_frozen)
    }

    fn status_of(
        &self,
        alive: nix::Result<bool>,
        is_frozen: impl FnOnce(&C) -> bool,
    ) -> Result<Status, StateError> {
        let untold = |pid| move |source| StateError::Untold { pid, source };
        if let (Status::Creating, Some(creator)) = (self.recorded, self.creator)
            && creator.is_alive().map_err(untold(creator.pid))?
        {
            return Ok(Status::Creating);
        }
        let alive = alive.map_err(untold(self.pid))?;
        Ok(match self.recorded {
            _ if !alive => Status::Stopped,
            Status::Creating | Status::Stopped => Status::Stopped,
            Status::Created if !self.executed() => Status::Created,
            _ if self.cgroup.as_ref().is_some_and(is_frozen) => Status::Paused,
            _ => Status::Running,
        })
    }

    /// The PID to show for a container in this state: a stopped one has none.
    pub fn pid_in(&self, status: Status) -> i32 {
        if status == Status::Stopped {
            0
        } else {
            self.pid
        }
    }

    /// What `state` and `list` show: runtime.md#state, without what is plimrun's own.
    pub fn view(&self, status: Status) -> View<'_> {
        View {
            oci_version: &self.oci_version,
            id: &self.id,
            pid: self.pid_in(status),
            status,
            bundle: &self.bundle,
            rootfs: &self.rootfs,
            created: &self.created,
            annotations: &self.annotations,
            owner: "",
        }
    }

    /// [`Record::view`] as JSON, for hooks. An error is a path that is not UTF-8, which the store
    /// has refused before.
    pub fn to_state(&self, status: Status) -> serde_json::Result<String> {
        serde_json::to_string(&self.view(status))
    }

    /// Whether a container recorded as created has meanwhile executed the user's program: `start`
    /// may have been killed before it wrote that down.
    fn executed(&self) -> bool {
        let Some(recorded) = self.init_exe else {
            return false;
        };
        fs::metadata(format!("/proc/{}/exe", self.pid))
            .is_ok_and(|exe| (exe.dev(), exe.ino()) != recorded)
    }
}

impl Record {
    /// Reads the record in a container's folder.
    pub(super) fn read(dir: &Path) -> Result<Self, StateError> {
        Self::read_file(dir.join(STATE_FILE))
    }

    /// The copy of what has to be undone.
    pub(super) fn read_copy(dir: &Path) -> Result<Self, StateError> {
        Self::read_file(dir.join(COPY_FILE))
    }

    /// Whether undoing this container ends and removes the same as undoing the other.
    pub(super) fn is_undone_like(&self, other: &Self) -> bool {
        self.process() == other.process()
            && self.cgroup == other.cgroup
            && self.resctrl == other.resctrl
    }

    /// The text of `state.json`. An error is a path that is not UTF-8.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// Reads the records of one store after another, each as [`Record::glance`] does, with a short way to each file.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    records: SideBySide,
    freezers: SideBySide,
}

impl Reader {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            records: SideBySide::default(),
            freezers: SideBySide::default(),
        }
    }

    /// The record of the container with this id, which [`super::Store::ids`] has given.
    pub fn glance(&mut self, id: &str) -> Result<Record<Freezer>, StateError> {
        let root = self.root.as_os_str().as_bytes();
        let read = self
            .records
            .with_small_below(root, id.as_bytes(), STATE_FILE, parse);
        settle(read, || self.root.join(id).join(STATE_FILE))
    }

    /// [`Record::status`] of each. Best are as many at once as are cheap to have open.
    pub fn statuses(&mut self, records: &[Record<Freezer>]) -> Vec<Result<Status, StateError>> {
        // So many files are open at once of each kind, not of all.
        self.records.close();
        let processes: Vec<_> = records.iter().map(Record::process).collect();
        let alive = are_alive(&processes);
        let mut frozen = |freezer: &Freezer| freezer.is_frozen_by(&mut self.freezers);
        let each = records.iter().zip(alive);
        let statuses = each
            .map(|(record, alive)| record.status_of(alive, &mut frozen))
            .collect();
        self.freezers.close();
        statuses
    }
}

impl Record<Freezer> {
    /// As [`Record::read`], of what `state` and `list` show.
    pub(super) fn glance(dir: &Path) -> Result<Self, StateError> {
        Self::read_file(dir.join(STATE_FILE))
    }
}

impl<C: DeserializeOwned + Default> Record<C> {
    fn read_file(path: PathBuf) -> Result<Self, StateError> {
        settle(read::with_small(&path, parse), || path)
    }
}

fn parse<C: DeserializeOwned + Default>(text: &[u8]) -> serde_json::Result<Record<C>> {
    serde_json::from_slice(text)
}

/// One error for reading and parsing the file at `path`.
fn settle<T>(
    read: io::Result<serde_json::Result<T>>,
    path: impl FnOnce() -> PathBuf,
) -> Result<T, StateError> {
    match read {
        Ok(Ok(record)) => Ok(record),
        Ok(Err(source)) => Err(StateError::Corrupt {
            path: path(),
            source,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StateError::NotFound),
        Err(source) => Err(StateError::Io {
            action: "read",
            path: path(),
            source,
        }),
    }
}
