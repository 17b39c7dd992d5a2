//! How a case ends, and why it stopped before its end.

use serde_json::Value;

use crate::drive::Interrupted;

/// The result of a case or of one step of it: `Err` stops the case at once.
pub type Check<T = ()> = Result<T, Stop>;

/// Why a case stopped.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Stop {
    /// The runtime is wrong.
    #[error("{}", .0.what)]
    Fail(Box<Failure>),
    /// The harness or the machine failed, which says nothing about the runtime.
    #[error("{0}")]
    Broken(String),
    /// The case cannot be judged here, for the reason given.
    #[error("{0}")]
    Skip(String),
    /// A signal asked for the end of the run: there is no verdict.
    #[error("{0}")]
    Interrupted(Interrupted),
}

impl Stop {
    /// An I/O error of the harness itself, with what was being tried.
    pub fn broken(attempt: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::Broken(format!("{attempt}: {error}"))
    }
}

/// What a runtime did wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The requirements that the failed assertion judges. Empty when a call that only sets the
    /// scene was refused or hung: the case then fails, but that proves nothing of its assertions.
    pub requirements: Vec<String>,
    /// What was looked at, or what was tried.
    pub what: String,
    /// What the specification makes us expect.
    pub expected: Value,
    /// What was there instead.
    pub observed: Value,
    /// A call of the runtime had to be killed at its time limit.
    pub timed_out: bool,
}

/// How a case ended on a runtime.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every assertion held.
    Pass,
    /// The runtime is wrong.
    Fail(Box<Failure>),
    /// The harness or the machine failed.
    Broken(String),
    /// Not judged, for the reason given.
    Skip(String),
}

impl From<Check> for Verdict {
    fn from(check: Check) -> Self {
        match check {
            Ok(()) => Self::Pass,
            Err(Stop::Fail(failure)) => Self::Fail(failure),
            Err(Stop::Broken(why)) => Self::Broken(why),
            Err(Stop::Skip(why)) => Self::Skip(why),
            // The engine gives no verdict then; whoever does has not judged the runtime.
            Err(Stop::Interrupted(signal)) => Self::Broken(signal.to_string()),
        }
    }
}
