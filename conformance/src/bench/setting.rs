//! What to run, in the form that each kind of contestant takes.

use std::path::{Path, PathBuf};

use plimsoll_fixtures::bundle::Bundle;
use serde_json::Value;

use super::Error;

/// A container for all contestants.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The bundle of runtimes, whose root file system serves the floor as well.
    pub(super) bundle: PathBuf,
    /// The floor's options for the same container.
    pub(super) floor: Vec<String>,
    /// Its program and arguments, which the floor is told.
    pub(super) payload: Vec<String>,
}

impl Setting {
    /// Writes `bundle` to `dir`; the floor makes the parts `only`, or all.
    pub(super) fn write(bundle: &Bundle, dir: &Path, only: Option<&[&str]>) -> Result<Self, Error> {
        bundle.write_to(dir)?;
        let spec = bundle.spec();
        let mut floor = Vec::new();
        for (option, list) in [
            ("--mask", "/linux/maskedPaths"),
            ("--read-only", "/linux/readonlyPaths"),
        ] {
            let paths = words(spec.pointer(list));
            if !paths.is_empty() {
                floor.extend([option.to_owned(), paths.join(",")]);
            }
        }
        if let Some(hook) = spec.pointer("/hooks/createRuntime/0/path") {
            let path = hook.as_str().unwrap_or_default();
            floor.extend(["--hook".to_owned(), path.to_owned()]);
        }
        if let Some(only) = only {
            floor.extend(["--only".to_owned(), only.join(",")]);
        }
        Ok(Self {
            bundle: dir.to_owned(),
            floor,
            payload: words(spec.pointer("/process/args")),
        })
    }
}

fn words(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
