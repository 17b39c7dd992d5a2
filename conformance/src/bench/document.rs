//! The result of a benchmark, as it is written and read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;

/// The version of this format.
pub const SCHEMA: u32 = 2;

/// A result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of plimsoll that measured.
    pub plimsoll: String,
    /// The machine and its load.
    pub conditions: Conditions,
    /// Rounds of each part.
    pub rounds: usize,
    /// Who was measured, in the order of the command line, the floor first.
    pub contestants: Vec<Entrant>,
    /// Every sample.
    pub series: Vec<Series>,
    /// Containers a second.
    pub scaling: Vec<Throughput>,
    /// Memory of idle containers.
    pub memory: Vec<Memory>,
    /// What went wrong, in words.
    pub notes: Vec<String>,
}

/// What must be known of the machine to believe a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// uname(2): the kernel's release.
    pub kernel: String,
    /// uname(2): the architecture.
    pub arch: String,
    /// Processors online.
    pub cpus: usize,
    /// The model of the first processor.
    pub cpu_model: String,
    /// `v1`, `v2` or `hybrid`, as the contestants saw it.
    pub cgroups: String,
    /// The kernel's clock source.
    pub clock_source: String,
    /// The load average over one minute at the start.
    pub load_before: f64,
    /// The same at the end.
    pub load_after: f64,
}

impl Conditions {
    /// A warning where others used the processors when the benchmark began.
    pub fn load_warning(&self) -> Option<String> {
        (self.load_before > self.cpus as f64 * 0.5).then(|| {
            format!(
                "the machine was busy (load {:.1} on {} processors): compare ratios, not times",
                self.load_before, self.cpus
            )
        })
    }
}

/// One who is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrant {
    /// Its name in reports.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How it was called.
    pub command: String,
    /// What it says of its version.
    pub version: String,
}

/// What a contestant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A runtime.
    Runtime,
    /// The floor: the kernel's work alone.
    Bare,
    /// The floor with what every honest runtime must add.
    Equipped,
    /// An empty program.
    Empty,
}

/// The samples of one phase of one contestant, in the order of the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What was varied: `default`, `ladder/NN-NAME`, `resident/N/RUNTIME`.
    pub group: String,
    /// The pause between starts, in milliseconds.
    pub pause_ms: u64,
    /// Who.
    pub contestant: String,
    /// What of it.
    pub phase: Phase,
    /// Wall-clock milliseconds; null where the round failed.
    pub ms: Vec<Option<f64>>,
    /// Milliseconds of CPU in user mode, where they are known.
    pub user_ms: Vec<Option<f64>>,
    /// Milliseconds of CPU in the kernel, where they are known.
    pub system_ms: Vec<Option<f64>>,
    /// Context switches, where they are known.
    pub switches: Vec<Option<u64>>,
    /// The largest resident set of the command or its children, in KiB.
    pub max_rss_kib: Option<u64>,
    /// Rounds that failed.
    pub failed: usize,
    /// Rounds that were killed at the time limit.
    pub timed_out: usize,
}

impl Series {
    /// A series without samples.
    pub fn new(group: &str, pause_ms: u64, contestant: &str, phase: Phase) -> Self {
        Self {
            group: group.to_owned(),
            pause_ms,
            contestant: contestant.to_owned(),
            phase,
            ms: Vec::new(),
            user_ms: Vec::new(),
            system_ms: Vec::new(),
            switches: Vec::new(),
            max_rss_kib: None,
            failed: 0,
            timed_out: 0,
        }
    }

    /// Whether it was measured under the same conditions as `other`, round by round.
    fn beside(&self, other: &Self) -> bool {
        (&self.group, self.pause_ms) == (&other.group, other.pause_ms)
    }

    /// CPU of both kinds, where it is known.
    pub fn cpu_ms(&self) -> Vec<Option<f64>> {
        let pairs = self.user_ms.iter().zip(&self.system_ms);
        pairs
            .map(|(user, system)| Some((*user)? + (*system)?))
            .collect()
    }
}

/// A step of a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The program's own start and end: `--version`.
    Process,
    /// `run`, to the payload's first instruction.
    First,
    /// `run`, from the payload's first instruction to the command's end.
    ExitSeen,
    /// `run`, whole.
    Run,
    /// `create`.
    Create,
    /// `start`, to the payload's first instruction.
    StartFirst,
    /// `start`, whole.
    Start,
    /// `state` of a created container.
    State,
    /// `delete` of a stopped container.
    Delete,
    /// `exec`, to the payload's first instruction.
    ExecFirst,
    /// `exec`, whole.
    Exec,
    /// `list`.
    List,
}

impl Phase {
    /// All, in the order of reports, with how reports call them.
    pub const NAMES: [(Self, &'static str); 12] = [
        (Self::Process, "process start"),
        (Self::First, "run to first instruction"),
        (Self::ExitSeen, "exit seen and cleaned up"),
        (Self::Run, "run, whole"),
        (Self::Create, "create"),
        (Self::StartFirst, "start to first instruction"),
        (Self::Start, "start, whole"),
        (Self::State, "state"),
        (Self::Delete, "delete"),
        (Self::ExecFirst, "exec to first instruction"),
        (Self::Exec, "exec, whole"),
        (Self::List, "list"),
    ];

    /// How reports call it.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(phase, _)| *phase == self)
            .map_or("", |(_, name)| name)
    }

    /// What a runtime's figure is measured against.
    pub fn reference(self) -> Kind {
        match self {
            Self::Process | Self::State | Self::List => Kind::Empty,
            _ => Kind::Equipped,
        }
    }
}

/// Containers started and ended a second, so many at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Who.
    pub contestant: String,
    /// How many at once.
    pub at_once: usize,
    /// Containers a second, the median of the bursts.
    pub per_second: f64,
    /// Containers a second of each burst.
    pub bursts: Vec<f64>,
    /// Containers that failed.
    pub failed: usize,
}

/// Memory of one idle created container, all its processes together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Who.
    pub contestant: String,
    /// Proportional set size in KiB.
    pub pss_kib: u64,
    /// Pages of its own in KiB, clean and dirty.
    pub private_kib: u64,
    /// Processes that stay.
    pub processes: usize,
}

impl Document {
    /// Reads a result.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Document {
            path: path.display().to_string(),
            reason,
        };
        let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let document: Self =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if document.schema == SCHEMA {
            Ok(document)
        } else {
            Err(wrong(format!(
                "its schema is {}, this plimsoll reads {SCHEMA}",
                document.schema
            )))
        }
    }

    /// The series of `contestant` that pairs with `series`: the same phase under the same conditions.
    pub fn counterpart(&self, series: &Series, contestant: &str) -> Option<&Series> {
        self.find(series, contestant, series.phase)
    }

    /// The series that `series` is measured against, unless it is that itself.
    pub fn reference(&self, series: &Series) -> Option<&Series> {
        let kind = series.phase.reference();
        let phase = match kind {
            // It does nothing but start.
            Kind::Empty => Phase::Process,
            _ => series.phase,
        };
        let name = self.of_kind(kind)?;
        self.find(series, name, phase)
            .filter(|_| name != series.contestant)
    }

    fn find(&self, beside: &Series, contestant: &str, phase: Phase) -> Option<&Series> {
        self.series.iter().find(|other| {
            other.contestant == contestant && other.phase == phase && other.beside(beside)
        })
    }

    /// The names of the runtimes, as they were given.
    pub fn runtimes(&self) -> Vec<&str> {
        self.contestants
            .iter()
            .filter(|entrant| entrant.kind == Kind::Runtime)
            .map(|entrant| entrant.name.as_str())
            .collect()
    }

    /// The name of the contestant of `kind`.
    pub fn of_kind(&self, kind: Kind) -> Option<&str> {
        self.contestants
            .iter()
            .find(|entrant| entrant.kind == kind)
            .map(|entrant| entrant.name.as_str())
    }
}
