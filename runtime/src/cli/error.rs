//! Why a command failed.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use thiserror::Error;

use crate::exec::StepError;
use crate::plan::PlanError;
use crate::spec::SpecError;
use crate::state::{StateError, WrongState};

/// A command line that cannot be understood.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UsageError {
    /// No such command; runc's text and exit status.
    #[error("No help topic for '{0}'")]
    UnknownCommand(String),
    /// No such flag.
    #[error("flag provided but not defined: {0}")]
    UnknownFlag(String),
    /// The flag's value is missing; podman looks for this text.
    #[error("flag needs an argument: {0}")]
    MissingValue(String),
    /// The flag's value cannot be understood.
    #[error("invalid value {value:?} for flag --{flag}: {expected}")]
    InvalidValue {
        /// The flag.
        flag: String,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Too few or too many positional arguments.
    #[error(
        "{command}: expected {expected} argument(s), got {got}; usage: {}",
        format!("plimrun {command} {args}").trim_end()
    )]
    Arity {
        /// The command.
        command: &'static str,
        /// How many there must be.
        expected: String,
        /// How many there are.
        got: usize,
        /// As help shows them.
        args: &'static str,
    },
    /// An argument is not UTF-8.
    #[error("argument is not valid UTF-8: {0:?}")]
    NotUtf8(std::ffi::OsString),
    /// There is no completion script for the shell.
    #[error("no completion for {0:?}: expected one of {1}")]
    UnknownShell(String, String),
    /// No such signal.
    #[error("unknown signal {0:?}")]
    UnknownSignal(String),
}

impl UsageError {
    /// The exit status that goes with it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownCommand(_) => super::UNKNOWN_COMMAND,
            _ => super::FAILURE,
        }
    }
}

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The command line cannot be understood.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The configuration was refused.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The configuration cannot be applied on this machine.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A step of a plan failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The store could not do it.
    #[error(transparent)]
    State(#[from] StateError),
    /// The container is in the wrong state for it.
    #[error(transparent)]
    WrongState(#[from] WrongState),
    /// A file or descriptor failed.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted, on what.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// `spec` overwrites nothing; runc's text.
    #[error("File {} exists. Remove it first", .0.display())]
    ConfigExists(PathBuf),
    /// A signal could not be sent; clients look for "no such process".
    #[error("send signal {signal}: {}", if *.errno == Errno::ESRCH { "no such process" } else { .errno.desc() })]
    Signal {
        /// The signal's number.
        signal: i32,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A process was killed and does not end.
    #[error("process {pid} has not ended {seconds} s after it was killed")]
    Survives {
        /// PID as the runtime sees it.
        pid: i32,
        /// How long was waited.
        seconds: u64,
    },
    /// The container was made without control groups.
    #[error("{action} needs the container's cgroup, and it has none")]
    NoCgroup {
        /// The command.
        action: &'static str,
    },
}

impl From<crate::exec::create::CreateError> for CommandError {
    fn from(error: crate::exec::create::CreateError) -> Self {
        use crate::exec::create::CreateError;
        match error {
            CreateError::Step(error) => error.into(),
            CreateError::State(error) => error.into(),
        }
    }
}

/// Flags of `exec` whose values are numbers to runc's parser.
const PARSED: [&str; 2] = ["additional-gids", "preserve-fds"];

impl CommandError {
    /// The exit status of a command that failed so.
    pub fn exit_code(&self, command: &str) -> u8 {
        match self {
            // runc's parser finds these itself, before it knows the command's own statuses.
            Self::Usage(UsageError::InvalidValue { flag, .. }) if PARSED.contains(&&**flag) => {
                super::FAILURE
            }
            _ if command == "exec" => super::EXEC_FAILURE,
            Self::Usage(error) => error.exit_code(),
            _ => super::FAILURE,
        }
    }

    /// A [`CommandError::Signal`].
    pub fn signal(signal: i32, errno: Errno) -> Self {
        Self::Signal { signal, errno }
    }

    /// A [`CommandError::Io`], for `map_err`.
    pub fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action: action.into(),
            source,
        }
    }
}
