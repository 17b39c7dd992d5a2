//! `--runtime [NAME=]'PATH [ARG]...'`: the runtimes that a command judges.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::exit::CliError;
use crate::declared::identify;
use crate::drive::Runtime;
use crate::engine::{Fit, Options, Scratch, fit_view};
use crate::event::RuntimeInfo;
use crate::index::{did_you_mean, near};
use crate::machine::Facts;
use crate::report::Repeat;
use crate::verdict::Stop;

/// A runtime as it was named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    name: String,
    argv: Vec<String>,
}

impl Call {
    /// Reads `NAME=PATH ARG...` or `PATH ARG...`, which is named for its file.
    fn parse(text: &str) -> Self {
        let (name, call) = match text.split_once('=') {
            Some((name, call)) if !name.is_empty() && !name.contains(['/', ' ']) => {
                (Some(name), call)
            }
            _ => (None, text),
        };
        let mut argv: Vec<String> = call.split_whitespace().map(str::to_owned).collect();
        let file = argv.first().and_then(|path| Path::new(path).file_name());
        let name = name
            .map(str::to_owned)
            .or(file.map(|file| file.to_string_lossy().into_owned()));
        if let Some(path) = argv.first_mut() {
            *path = resolve(path);
        }
        Self {
            name: name.unwrap_or_default(),
            argv,
        }
    }
}

/// The absolute path of a program: runtimes are called from other folders. A bare name that is no
/// file here is looked up on the PATH, as a shell does.
fn resolve(path: &str) -> String {
    let absolute = |path: PathBuf| {
        std::path::absolute(&path)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    if !path.contains('/')
        && !Path::new(path).is_file()
        && let Some(found) = crate::machine::program(path)
    {
        return absolute(found);
    }
    absolute(path.into())
}

/// The runtimes asked for, else the plimrun beside plimsoll.
pub(super) fn calls(runtimes: &[String]) -> Result<Vec<Call>, CliError> {
    if runtimes.is_empty() {
        let path = beside()?;
        return Ok(vec![Call {
            name: "plimrun".into(),
            argv: vec![path.display().to_string()],
        }]);
    }
    let calls: Vec<Call> = runtimes.iter().map(|text| Call::parse(text)).collect();
    let mut seen = BTreeSet::new();
    for call in &calls {
        if !seen.insert(&call.name) {
            return Err(CliError::SameName {
                name: call.name.clone(),
            });
        }
    }
    Ok(calls)
}

/// The plimrun that was built beside this program.
fn beside() -> Result<PathBuf, CliError> {
    let folder = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(Path::to_owned));
    let folder = folder.unwrap_or_default();
    let path = folder.join("plimrun");
    if path.is_file() {
        return Ok(path);
    }
    let debug = folder.file_name().is_some_and(|name| name == "debug");
    let command = if debug {
        "cargo build"
    } else {
        "cargo build --release"
    };
    Err(CliError::NoPlimrun { path, command })
}

/// A runtime ready to be judged.
pub(super) struct Subject {
    /// How it is called.
    pub(super) runtime: Runtime,
    /// What it says of itself.
    pub(super) info: RuntimeInfo,
    /// It makes the simplest container on this machine.
    pub(super) creates: bool,
}

impl Subject {
    /// The machine as the runtime sees it.
    pub(super) fn seen(&self, facts: &Facts) -> Facts {
        let facts = match self.info.view {
            Some(_) => facts.without_unified(),
            None => facts.clone(),
        };
        if self.runtime.systemd_driver() {
            facts.with_systemd_driver()
        } else {
            facts
        }
    }
}

/// Checks the paths, before anything is made.
pub(super) fn runtimes(calls: &[Call]) -> Result<Vec<Runtime>, CliError> {
    let check = |call: &Call| {
        Runtime::new(call.name.clone(), call.argv.clone()).map_err(|source| {
            let hint = call
                .argv
                .first()
                .map(|path| neighbours(Path::new(path)))
                .unwrap_or_default();
            CliError::Runtime { source, hint }
        })
    };
    calls.iter().map(check).collect()
}

/// The files beside a missing one that are called nearly so.
fn neighbours(path: &Path) -> String {
    let folder = path
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let (Some(folder), Some(name), false) = (folder, path.file_name(), path.exists()) else {
        return String::new();
    };
    let names: Vec<String> = folder
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    did_you_mean(&near(
        &name.to_string_lossy(),
        names.iter().map(String::as_str),
    ))
}

/// Gives each runtime a view of the machine that it accepts, and asks it who it is.
pub(super) fn subjects(
    runtimes: Vec<Runtime>,
    options: &Options,
    scratch: &Scratch,
) -> Result<Vec<Subject>, CliError> {
    let mut subjects = Vec::new();
    for runtime in runtimes {
        let info = identify(&runtime, options.limits.call).map_err(|stop| match stop {
            Stop::Interrupted(by) => by.into(),
            stop => CliError::Unstartable(stop),
        })?;
        let Fit {
            runtime,
            view,
            creates,
        } = fit_view(runtime, options, scratch)?;
        if let Some(view) = view {
            eprintln!(
                "note: {} refuses this machine's cgroup layout and is called in {view}",
                runtime.name
            );
        }
        let info = RuntimeInfo {
            view: view.map(str::to_owned),
            ..info
        };
        subjects.push(Subject {
            runtime,
            info,
            creates,
        });
    }
    Ok(subjects)
}

/// Where things are kept: the folder that was asked for, else a new one, which stays.
pub(super) fn folder(options: &mut Options, prefix: &str) -> Result<PathBuf, CliError> {
    let folder = match options.keep.take() {
        Some(folder) => folder,
        None => tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .map_err(CliError::Keep)?
            .keep(),
    };
    options.keep = Some(folder.clone());
    Ok(folder)
}

/// How the runtimes' cases are repeated by hand.
pub(super) fn repeat(calls: &[Call]) -> Repeat {
    let program = std::env::args().next().unwrap_or_else(|| "plimsoll".into());
    let runtimes = calls.iter().map(|call| {
        (
            call.name.clone(),
            format!("{}={}", call.name, call.argv.join(" ")),
        )
    });
    Repeat {
        program,
        runtimes: runtimes.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_has_a_name_a_path_and_options() {
        let call = Call::parse("mine=/usr/sbin/runc --debug --root=/x");
        assert_eq!(call.name, "mine");
        assert_eq!(call.argv, ["/usr/sbin/runc", "--debug", "--root=/x"]);
        assert_eq!(Call::parse("/usr/sbin/runc --root=/x").name, "runc");
        assert_eq!(Call::parse("/opt/a=b/runc").argv, ["/opt/a=b/runc"]);
    }

    #[test]
    fn paths_are_made_absolute_and_names_are_found() {
        assert!(Path::new(&resolve("./x")).is_absolute());
        assert!(resolve("sh").ends_with("/sh") && Path::new(&resolve("sh")).is_file());
    }

    #[test]
    fn a_missing_runtime_is_looked_for_beside_its_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plimrun"), "").unwrap();
        let path = folder.path().join("plimrn");
        assert_eq!(neighbours(&path), ": did you mean plimrun?");
        let error = runtimes(&[Call::parse(&path.display().to_string())]).unwrap_err();
        assert_eq!(error.status(), super::super::exit::USAGE);
    }

    #[test]
    fn two_runtimes_need_two_names() {
        let twice = ["/a/runc".to_owned(), "/b/runc".to_owned()];
        assert!(matches!(calls(&twice), Err(CliError::SameName { .. })));
    }
}
