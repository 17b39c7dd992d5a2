//! Why the store could not do what was asked.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use thiserror::Error;

use super::status::Status;

/// Why the store could not do what was asked. The texts for absent, duplicate and invalid ids are
/// runc's: clients match them.
#[derive(Debug, Error)]
pub enum StateError {
    /// No container has this id.
    #[error("container does not exist")]
    NotFound,
    /// The id is taken.
    #[error("container with given ID already exists")]
    Exists,
    /// The id has a character that ids must not have, or none at all.
    #[error("invalid container ID format: {0:?}")]
    InvalidId(String),
    /// A file of the store cannot be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// `state.json` does not hold a record.
    #[error("parse {}: {source}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// It cannot be told whether a process of the container lives.
    #[error("look for process {pid}: {source}")]
    Untold {
        /// The process.
        pid: i32,
        /// The kernel's answer.
        source: Errno,
    },
    /// Another command holds the container's lock for too long.
    #[error("container {id} is locked by another command")]
    Locked {
        /// The container.
        id: String,
    },
    /// The container is in a state in which this cannot be done; the text is runc's.
    #[error("{0}")]
    WrongState(WrongState),
}

/// What cannot be done in which state, in runc's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WrongState {
    /// `start` of a running container.
    #[error("cannot start an already running container")]
    StartRunning,
    /// `start` of a stopped container.
    #[error("cannot start a container that has stopped")]
    StartStopped,
    /// `start` of a paused container, or of one that is still being created.
    #[error("cannot start a container in the {0} state")]
    Start(Status),
    /// `delete` without force.
    #[error("cannot delete container {id} that is not stopped: {status}")]
    Delete {
        /// The container.
        id: String,
        /// What it is instead of stopped.
        status: Status,
    },
    /// `exec` in a stopped container.
    #[error("cannot exec in a stopped container")]
    ExecStopped,
    /// `exec` in a paused container.
    #[error("cannot exec in a paused container (use --ignore-paused to override)")]
    ExecPaused,
    /// `exec` in a container that is being created.
    #[error("cannot exec in a container in the {0} state")]
    Exec(Status),
    /// `resume` of a container that is not paused.
    #[error("container not paused")]
    NotPaused,
    /// `pause` and `kill` of a container that does not run.
    #[error("container not running")]
    NotRunning,
    /// `events` of a container that does not run.
    #[error("container with id {0} is not running")]
    IdNotRunning(String),
    /// `checkpoint`
    #[error("Container cannot be checkpointed in {0} state")]
    Checkpoint(Status),
}
