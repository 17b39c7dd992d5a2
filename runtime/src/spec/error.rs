//! Why a configuration was refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a configuration was refused.
#[derive(Debug, Error)]
pub enum SpecError {
    /// The bundle folder or its configuration cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The text is not JSON, or nests too deeply.
    #[error("parse {file}: {source}")]
    Syntax {
        /// The name of the file, for the message.
        file: String,
        /// serde_json's message with line and column.
        source: serde_json::Error,
    },
    /// A value has the wrong type, is out of range or is unknown.
    #[error("{message} ({file}{}{pointer})", if pointer.is_empty() { "" } else { " " })]
    Invalid {
        /// The name of the file, for the message.
        file: String,
        /// JSON pointer of the offending entry; empty for the whole document.
        pointer: String,
        /// What is wrong, and what would be right.
        message: String,
    },
}
