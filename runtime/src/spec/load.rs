//! From text to a checked configuration.

use std::fs;
use std::path::Path;

use super::CONFIG_FILE;
use super::config::{Config, ProcessConfig};
use super::error::SpecError;
use super::gaps::{Gaps, ProcessGaps};

/// Loads and validates `config.json` of the bundle.
pub fn load(bundle: &Path) -> Result<Config, SpecError> {
    let path = bundle.join(CONFIG_FILE);
    let text = fs::read_to_string(&path).map_err(|source| SpecError::Read { path, source })?;
    from_str(text)
}

/// Validates the text of a `config.json`.
pub fn from_str(text: String) -> Result<Config, SpecError> {
    let spec = serde_json::from_str(&text).map_err(|source| SpecError::Syntax {
        file: CONFIG_FILE.to_owned(),
        source,
    })?;
    Ok(Config {
        spec,
        gaps: Gaps::default(),
        warnings: Vec::new(),
        text,
    })
}

/// Loads and validates a file that holds a `process` object.
pub fn load_process(path: &Path) -> Result<ProcessConfig, SpecError> {
    let text = fs::read_to_string(path).map_err(|source| SpecError::Read {
        path: path.to_owned(),
        source,
    })?;
    process_from_str(&text)
}

/// Validates the text of a `process` object.
pub fn process_from_str(text: &str) -> Result<ProcessConfig, SpecError> {
    let process = serde_json::from_str(text).map_err(|source| SpecError::Syntax {
        file: "process.json".to_owned(),
        source,
    })?;
    Ok(ProcessConfig {
        process,
        gaps: ProcessGaps::default(),
        warnings: Vec::new(),
    })
}
