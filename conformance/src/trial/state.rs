//! The state of a container as the runtime prints it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A state document; what is absent is empty. [`State::raw`] is the document itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// `creating`, `created`, `running`, `stopped` or one of the runtime's own.
    #[serde(default)]
    pub status: String,
    /// The container's id.
    #[serde(default)]
    pub id: String,
    /// The process id of init; 0 where there is none.
    #[serde(default)]
    pub pid: i32,
    /// The bundle's path.
    #[serde(default)]
    pub bundle: String,
    /// The version of the specification that the document follows.
    #[serde(default)]
    pub oci_version: String,
    /// The document.
    #[serde(skip)]
    pub raw: Value,
}

impl State {
    /// Reads a state document; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(text).ok()?;
        let state = Self::deserialize(&raw).ok()?;
        Some(Self { raw, ..state })
    }
}
