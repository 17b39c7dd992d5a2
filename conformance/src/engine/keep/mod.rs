//! `--keep`: what a trial leaves for a look afterwards, in a folder of its own: the bundle as it
//! was before the first call, the calls with what came of them, what /proc shows of the container,
//! and a script that repeats it all.

mod script;
mod snapshot;

use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::trial::{Made, Step, Trial};
use crate::verdict::{Check, Stop};

/// The folder of a trial whose remains are kept.
pub(super) struct Keep(PathBuf);

impl Keep {
    /// Makes the folder anew, with the bundle that nobody has used yet.
    pub(super) fn begin(trial: &Trial, into: &Path) -> Check<Self> {
        let runtime = trial.runtime_itself().name.as_str();
        let dir = into.join(runtime).join(trial.case_id.replace('/', "."));
        let begun = (|| {
            match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            copy_tree(&trial.bundle(), &dir.join("bundle"))?;
            copy_rest(trial.dir(), &dir.join("beside"))?;
            // Hooks call it by its path on the host.
            fs::copy(trial.probe_path(), dir.join("probe")).map(|_| ())
        })();
        begun.map_err(|error| failed(&dir, &error))?;
        Ok(Self(dir))
    }

    /// Keeps what the trial came to, before anything is cleaned up.
    pub(super) fn finish(&self, trial: &Trial) -> Check {
        let Self(dir) = self;
        let kept = (|| {
            let steps = trial.steps.all();
            let calls: Vec<Value> = steps.iter().flat_map(made).map(record).collect();
            fs::write(dir.join("calls.json"), serde_json::to_vec_pretty(&calls)?)?;
            let script = dir.join("repro.sh");
            fs::write(&script, script::of(trial, &steps))?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
            match trial.init.borrow().as_ref() {
                Some((pid, _)) => snapshot::take(*pid, &dir.join("proc")),
                None => Ok(()),
            }
        })();
        kept.map_err(|error: io::Error| failed(dir, &error))
    }
}

fn failed(dir: &Path, error: &io::Error) -> Stop {
    Stop::broken(format!("keep {}", dir.display()), error)
}

/// The calls of a step.
fn made(step: &Step) -> Vec<&Made> {
    match step {
        Step::Call(made) | Step::Begun(Some(made), _) => vec![made],
        Step::Together(calls) => calls.iter().collect(),
        _ => Vec::new(),
    }
}

fn record(made: &Made) -> Value {
    let outcome = &made.outcome;
    json!({
        "argv": outcome.argv,
        "cwd": made.cwd,
        "exit": outcome.exit.to_string(),
        "timed_out": outcome.timed_out,
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "ms": outcome.elapsed.as_secs_f64() * 1000.0,
    })
}

/// Copies what a bundle has beside itself.
fn copy_rest(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != "bundle" && name != "root" {
            copy_entry(&entry, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies directories, files and links; what else there is (devices, sockets) is left out.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_entry(&entry, &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy_entry(entry: &DirEntry, to: &Path) -> io::Result<()> {
    let (from, kind) = (entry.path(), entry.file_type()?);
    if kind.is_dir() {
        copy_tree(&from, to)
    } else if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)
    } else if kind.is_file() {
        fs::copy(from, to).map(|_| ())
    } else {
        Ok(())
    }
}
