//! The event log: one JSON object a line, of which every report is a view.
//!
//! `header`, then a `case` (or, from `selftest`, a `sabotage`) event each, then `footer`. A log
//! without its footer is not a result; where a signal ended the run, `interrupted` stands in its place. As it is
//! written, a `begin` precedes what a case comes to, so that the log of a run that was killed says what it was at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the log's schema that this crate writes.
pub const SCHEMA: u32 = 1;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The first line: who ran what, where.
    Header(Header),
    /// A case begins; whole logs that are written again leave it out.
    Begin(BeginEvent),
    /// The verdict of one case on one runtime.
    Case(CaseEvent),
    /// The outcome of one saboteur of one case (`plimsoll selftest`).
    Sabotage(SabotageEvent),
    /// The last line: the counts.
    Footer(Footer),
    /// The last line of a run that a signal ended, in place of the footer.
    Interrupted(Interruption),
}

/// The first line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The version of plimsoll that wrote the log.
    pub plimsoll: String,
    /// Facts of the machine, as `plimsoll doctor --format json` prints them.
    pub host: Value,
    /// The same for each machine by name, in a log that `plimsoll merge` wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Value>,
    /// The runtimes judged, in the order of the command line.
    pub runtimes: Vec<RuntimeInfo>,
    /// How many cases were selected for each runtime.
    pub cases: usize,
}

/// One judged runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeInfo {
    /// The name given on the command line (NAME@MACHINE in a merged log).
    pub name: String,
    /// The path of its binary.
    pub path: String,
    /// The version that its `--version` names.
    pub version: String,
    /// SHA-256 of the binary, in hexadecimal.
    pub sha256: String,
    /// The newest version of the specification that it declares, if it declares one.
    pub oci_version_max: Option<String>,
    /// The program that its `--version` names, whatever it is called here: expectations go by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
    /// What is different in the view of the machine that it is called in, if it is not the
    /// machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

impl RuntimeInfo {
    /// The program that it is, as far as it says so; its name here otherwise.
    pub fn program(&self) -> &str {
        self.implementation.as_deref().unwrap_or(&self.name)
    }
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The runtime does what the requirement asks.
    Pass,
    /// The runtime is wrong.
    Fail,
    /// The harness or the machine failed; says nothing about the runtime.
    Broken,
    /// Not judged, for the reason given.
    Skip,
    /// Fails as an entry of the expectations says.
    Known,
    /// Passes although an entry of the expectations says that it fails: the entry is out of date.
    Xpass,
}

/// How strongly the specification asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// MAY and OPTIONAL: reported only.
    May,
    /// SHOULD, SHOULD NOT, RECOMMENDED: reported, decides with `--strict`.
    Should,
    /// MUST, MUST NOT, REQUIRED: decides the exit status.
    Must,
}

impl Level {
    /// The levels, the strongest first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Should, Self::May];

    /// The word, as the specification and the log write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl Status {
    /// How bad news it is, to choose among several verdicts of a case.
    pub fn badness(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Skip => 1,
            Self::Known => 2,
            Self::Xpass => 3,
            Self::Fail => 4,
            Self::Broken => 5,
        }
    }

    /// The word, as the log writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Broken => "broken",
            Self::Skip => "skip",
            Self::Known => "known",
            Self::Xpass => "xpass",
        }
    }
}

/// A case that begins, and what the log is to say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginEvent {
    /// The runtime's name.
    pub runtime: String,
    /// The case's id.
    pub case: String,
    /// The ids of the requirements that the case covers.
    pub covers: Vec<String>,
    /// The strongest level of what it covers.
    pub level: Level,
    /// How many events it comes to: of a run one, of `selftest` one a saboteur and requirement.
    pub events: usize,
}

/// The verdict of one case on one runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseEvent {
    /// The runtime's name.
    pub runtime: String,
    /// The case's id, `<chapter>/<subject>/<fact>`.
    pub case: String,
    /// The ids of the requirements that the case covers.
    pub covers: Vec<String>,
    /// The strongest level of what it covers; of a failure the level of the requirement that
    /// failed.
    pub level: Level,
    /// The verdict.
    pub status: Status,
    /// Why: always for skip, known, broken and fail.
    pub reason: Option<String>,
    /// The requirement whose assertion failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// What the failed assertion expected.
    #[serde(default)]
    pub expected: Value,
    /// What it saw instead.
    #[serde(default)]
    pub observed: Value,
    /// How long the case took, in milliseconds.
    pub ms: f64,
}

impl CaseEvent {
    /// The requirements that the verdict is about: the one whose assertion failed, else all.
    pub fn judged(&self) -> &[String] {
        self.requirement
            .as_ref()
            .map_or(self.covers.as_slice(), std::slice::from_ref)
    }
}

/// The outcome of one saboteur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SabotageEvent {
    /// The case.
    pub case: String,
    /// The saboteur, as text: `drop /hostname`.
    pub saboteur: String,
    /// The requirement whose assertion the saboteur must turn red.
    pub requirement: String,
    /// The outcome.
    pub status: SabotageStatus,
    /// The verdict of the case on the honest runtime, with what it saw.
    pub honest: Value,
    /// The verdict of the case on the sabotaged runtime, with what it saw.
    pub sabotaged: Value,
    /// Why, where it was not killed.
    pub reason: Option<String>,
    /// The machine's name.
    pub machine: String,
}

/// How a saboteur ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SabotageStatus {
    /// Green on the honest runtime, `fail` on the sabotaged one, on the named requirement.
    Killed,
    /// The case did not notice.
    Survived,
    /// The case is skipped on this machine.
    Skip,
    /// The sabotage changes nothing that can be seen, for the reason given.
    Equivalent,
}

/// The last line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    /// The counts by runtime.
    pub runtimes: BTreeMap<String, Counts>,
    /// How long the run took, in seconds.
    pub seconds: f64,
}

/// The last line of the log of a run that a signal ended: what it came to is no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interruption {
    /// The signal's name.
    pub by: String,
    /// The cases that ran then: they have no verdict.
    pub running: Vec<Unfinished>,
    /// How many verdicts the whole run would have had besides, of saboteurs in a log of `selftest`.
    pub missing: usize,
    /// The counts of what was judged before.
    #[serde(flatten)]
    pub before: Footer,
}

/// A case that ran when a signal came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The runtime's name.
    pub runtime: String,
    /// The case's id.
    pub case: String,
}

/// How many cases ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the names of `Status`")]
pub struct Counts {
    pub pass: usize,
    pub fail: usize,
    pub broken: usize,
    pub skip: usize,
    pub known: usize,
    pub xpass: usize,
}

impl Counts {
    /// Counts one more verdict.
    pub fn add(&mut self, status: Status) {
        match status {
            Status::Pass => self.pass += 1,
            Status::Fail => self.fail += 1,
            Status::Broken => self.broken += 1,
            Status::Skip => self.skip += 1,
            Status::Known => self.known += 1,
            Status::Xpass => self.xpass += 1,
        }
    }
}
