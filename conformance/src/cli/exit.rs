//! The exit statuses, and the errors that lead to them.

use std::io;
use std::path::PathBuf;

use crate::coverage::Shortfall;
use crate::drive::{BadRuntime, Interrupted};
use crate::engine::ScratchError;
use crate::expect::ExpectError;
use crate::log::{LogError, Outcome};
use crate::merge::MergeError;
use crate::select::SelectError;
use crate::verdict::Stop;

/// Nothing that decides failed.
pub const OK: u8 = 0;
/// A runtime failed, an expectation is out of date, a saboteur survived, or too little is proved.
pub const FAILED: u8 = 1;
/// The command line asks for something that there is not.
pub const USAGE: u8 = 2;
/// The harness or the machine failed, or nothing can be judged on this machine.
pub const BROKEN: u8 = 3;
/// Everything was skipped.
pub const ONLY_SKIPS: u8 = 4;

/// Why a command ended before its end.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant")]
pub enum CliError {
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error("{source}{hint}")]
    Runtime { source: BadRuntime, hint: String },
    #[error("the runtime cannot be started: {0}")]
    Unstartable(Stop),
    #[error("there is no plimrun beside plimsoll ({path}): build it by `{command}`, or name a runtime by --runtime NAME=PATH", path = .path.display())]
    NoPlimrun {
        path: PathBuf,
        command: &'static str,
    },
    #[error("runtime {name:?} is named twice: give each a name by --runtime NAME=PATH")]
    SameName { name: String },
    #[error("{command} judges one runtime at a time")]
    OneRuntime { command: &'static str },
    #[error("{command} takes one runtime or two")]
    TwoRuntimes { command: &'static str },
    #[error(
        "only one format can go to standard output, {first} and {second} were asked for: write one by --format {second}=FILE"
    )]
    TwoOutputs {
        first: &'static str,
        second: &'static str,
    },
    #[error("nothing is called {name:?}{hint}")]
    UnknownName { name: String, hint: String },
    #[error(transparent)]
    Expect(#[from] ExpectError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    TooLittleProved(#[from] Shortfall),
    #[error(transparent)]
    Bench(#[from] crate::bench::Error),
    #[error(transparent)]
    Bundling(#[from] crate::bundling::Error),
    #[error("nothing can be judged on this machine: {0}")]
    Unfit(String),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error("the run broke off: {0}")]
    Engine(Stop),
    #[error("{by}{}", .notes.concat())]
    Interrupted { by: Interrupted, notes: Vec<String> },
    #[error("catch signals: {0}")]
    Signals(io::Error),
    #[error("make a folder for what is kept: {0}")]
    Keep(io::Error),
    #[error("write {path}: {source}", path = .path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("write to standard output: {0}")]
    Stdout(#[from] io::Error),
}

impl From<Stop> for CliError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Interrupted(by) => by.into(),
            stop => Self::Engine(stop),
        }
    }
}

impl From<Interrupted> for CliError {
    fn from(by: Interrupted) -> Self {
        let notes = Vec::new();
        Self::Interrupted { by, notes }
    }
}

impl CliError {
    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Bundling(error) if error.is_usage() => USAGE,
            Self::TooLittleProved(_) => FAILED,
            Self::Select(_)
            | Self::Runtime { .. }
            | Self::Unstartable(_)
            | Self::NoPlimrun { .. }
            | Self::SameName { .. }
            | Self::OneRuntime { .. }
            | Self::TwoRuntimes { .. }
            | Self::TwoOutputs { .. }
            | Self::UnknownName { .. }
            | Self::Expect(_)
            | Self::Log(_)
            | Self::Merge(_)
            | Self::Bench(crate::bench::Error::Document { .. }) => USAGE,
            Self::Bench(crate::bench::Error::Interrupted(by)) | Self::Interrupted { by, .. } => {
                by.status()
            }
            Self::Unfit(_)
            | Self::Bench(_)
            | Self::Bundling(_)
            | Self::Scratch(_)
            | Self::Engine(_)
            | Self::Signals(_)
            | Self::Keep(_)
            | Self::Output { .. }
            | Self::Stdout(_) => BROKEN,
        }
    }

    /// Notes formats that are not written of a run that a signal ended.
    pub(super) fn unwritten(mut self, formats: impl Iterator<Item = &'static str>) -> Self {
        if let Self::Interrupted { notes, .. } = &mut self {
            notes.extend(formats.map(|name| format!("; no {name} is written")));
        }
        self
    }

    /// Whether the reader of standard output went away, which is no error of ours.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The exit status of a judged run.
pub(super) fn of(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Passed => OK,
        Outcome::Failed => FAILED,
        Outcome::Broken => BROKEN,
        Outcome::OnlySkips => ONLY_SKIPS,
    }
}
