//! The lifecycle's stations: runtime.md#state, and `paused`, which runc added.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// `create` is at work.
    Creating,
    /// Waits for `start`.
    Created,
    /// The user's program has been executed and has not ended.
    Running,
    /// Running, with a frozen cgroup.
    Paused,
    /// The container process has ended.
    Stopped,
}

impl Status {
    /// The word used in the state JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
