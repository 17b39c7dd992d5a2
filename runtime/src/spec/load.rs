//! From text to a checked configuration.

use std::fs;
use std::path::Path;

use oci_spec::runtime::Process;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CONFIG_FILE;
use super::config::{Config, ProcessConfig};
use super::error::SpecError;
use super::gaps::{self, Closed};
use super::pointer::Problem;
use super::shape::{CONFIG, PROCESS, Shape, Slot};
use super::survey::{Survey, survey};
use super::{refused, upgrade, validate};

/// What messages call the file of `exec --process`.
const PROCESS_FILE: &str = "process.json";

/// Loads and validates `config.json` of the bundle.
pub fn load(bundle: &Path) -> Result<Config, SpecError> {
    from_str(read(&bundle.join(CONFIG_FILE))?)
}

/// Validates the text of a `config.json`.
pub fn from_str(text: String) -> Result<Config, SpecError> {
    let (spec, survey, closed) = parse(&text, CONFIG_FILE, &CONFIG, gaps::rewrite)?;
    validate::config(&spec, &closed.gaps, &survey.absent, &text)
        .map_err(|problem| problem.in_file(CONFIG_FILE))?;
    Ok(Config {
        spec,
        gaps: closed.gaps,
        warnings: closed.warnings,
        text,
    })
}

/// The configuration of a container that was made from it, by the copy in its folder: `create` has validated it.
pub fn stored(text: String) -> Result<Config, SpecError> {
    let (spec, _, closed) = parse(&text, CONFIG_FILE, &CONFIG, gaps::rewrite)?;
    Ok(Config {
        spec,
        gaps: closed.gaps,
        warnings: closed.warnings,
        text,
    })
}

/// Loads and validates a file that holds a `process` object.
pub fn load_process(path: &Path) -> Result<ProcessConfig, SpecError> {
    process_from_str(&read(path)?)
}

/// Validates the text of a `process` object.
pub fn process_from_str(text: &str) -> Result<ProcessConfig, SpecError> {
    let (process, _, closed) =
        parse::<Process>(text, PROCESS_FILE, &PROCESS, gaps::rewrite_process)?;
    validate::process(&process, text).map_err(|problem| problem.in_file(PROCESS_FILE))?;
    Ok(ProcessConfig {
        process: *process,
        gaps: closed.gaps.process,
        warnings: closed.warnings,
    })
}

/// Reads a file whole; bytes that are not UTF-8 are a mistake in the JSON, not of the machine.
fn read(path: &Path) -> Result<String, SpecError> {
    let bytes = fs::read(path).map_err(|source| SpecError::Read {
        path: path.to_owned(),
        source,
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .split(|&byte| byte == b'\n')
            .count();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Problem::at("", format!("invalid UTF-8 at byte {valid}, line {line}")).in_file(&file)
    })
}

/// The survey first, since it finds the mistakes that oci-spec overlooks; then oci-spec, on the text
/// itself if it can, else on a copy without what it refuses.
fn parse<T: DeserializeOwned>(
    text: &str,
    file: &str,
    shape: &'static Shape,
    rewrite: fn(&mut Value),
) -> Result<(Box<T>, Survey, Closed), SpecError> {
    let syntax = |source| SpecError::Syntax {
        file: file.to_owned(),
        source,
    };
    let survey = survey(text, shape).map_err(syntax)?;
    let platform = survey
        .taken
        .iter()
        .any(|taken| taken.slot == Slot::Platform);
    if (platform || !survey.problems.is_empty())
        && let Some(problem) = upgrade::refuse_old(text)
    {
        return Err(problem.in_file(file));
    }
    if let Some(problem) = survey.problems.first() {
        return Err(problem.clone().in_file(file));
    }
    let closed = gaps::close(&survey).map_err(|problem| problem.in_file(file))?;
    let rewritten;
    let accepted = if closed.must_rewrite {
        let mut value: Value = serde_json::from_str(text).map_err(syntax)?;
        rewrite(&mut value);
        rewritten = value.to_string();
        &rewritten
    } else {
        text
    };
    match deserialize(accepted) {
        Ok(parsed) => Ok((parsed, survey, closed)),
        Err(error) => {
            if error.is_syntax() {
                // Such as half of a character, which the survey passes over.
                serde_json::from_str::<Value>(text).map_err(syntax)?;
            }
            Err(refused::problem(accepted, &error).in_file(file))
        }
    }
}

/// Deserialises in a frame of its own: that of [`parse`] would hold the value several times, while all else runs above it.
#[inline(never)]
fn deserialize<T: DeserializeOwned>(text: &str) -> serde_json::Result<Box<T>> {
    serde_json::from_str(text).map(Box::new)
}
