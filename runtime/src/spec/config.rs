//! A configuration that was loaded and found valid.

use std::fmt;

use oci_spec::runtime::{Process, Spec};

use super::gaps::{Gaps, ProcessGaps};

/// A valid `config.json`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration as oci-spec understands it: some kilobytes, which no call's frame is to hold.
    pub spec: Box<Spec>,
    /// What oci-spec cannot hold; ask here rather than `spec` for the properties it names.
    pub gaps: Gaps,
    /// What the specification wants logged, but not refused.
    pub warnings: Vec<Warning>,
    /// The text that was read, for the copy kept in the state directory.
    pub text: String,
}

/// A valid `process` object, as `exec --process` takes it.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The process as oci-spec understands it.
    pub process: Process,
    /// What oci-spec cannot hold.
    pub gaps: ProcessGaps,
    /// What the specification wants logged, but not refused.
    pub warnings: Vec<Warning>,
}

/// Something to log that is no error (runtime.md#warnings).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// JSON pointer of the entry, such as `/process/capabilities/bounding/3`.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (config.json {})", self.message, self.pointer)
    }
}
