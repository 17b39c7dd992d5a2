//! `--keep`: what a trial leaves for a look afterwards.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::drive::Outcome;
use crate::shell::quote;
use crate::trial::Trial;
use crate::verdict::{Check, Stop};

/// Keeps the bundle's config.json, the calls with what came of them, and a script that repeats
/// them by hand.
pub(super) fn keep(trial: &Trial, into: &Path) -> Check {
    let runtime = trial.runtime_itself().name.as_str();
    let dir = into.join(runtime).join(trial.case_id.replace('/', "."));
    let kept = (|| {
        fs::create_dir_all(&dir)?;
        let calls: Vec<Value> = trial.calls.borrow().iter().map(record).collect();
        fs::write(dir.join("calls.json"), serde_json::to_vec_pretty(&calls)?)?;
        fs::write(dir.join("repro.sh"), repro(trial))?;
        copy_tree(&trial.bundle(), &dir.join("bundle"))
    })();
    kept.map_err(|error: io::Error| Stop::broken(format!("keep {}", dir.display()), error))
}

fn record(outcome: &Outcome) -> Value {
    json!({
        "argv": outcome.argv,
        "exit": outcome.exit.to_string(),
        "timed_out": outcome.timed_out,
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "ms": outcome.elapsed.as_secs_f64() * 1000.0,
    })
}

/// The calls as a shell script that works beside the kept bundle.
fn repro(trial: &Trial) -> String {
    let dir = trial.dir().display().to_string();
    let mut script = String::from("#!/bin/sh -x\ncd \"$(dirname \"$0\")\" && mkdir -p root\n");
    for outcome in trial.calls.borrow().iter() {
        let words: Vec<String> = outcome
            .argv
            .iter()
            .map(|arg| match arg.strip_prefix(&dir) {
                Some(rest) => format!("\"$PWD\"{}", quote(rest)),
                None => quote(arg),
            })
            .collect();
        script.push_str(&words.join(" "));
        script.push('\n');
    }
    script
}

/// Copies directories, files and links; what else there is (devices, sockets) is left out.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            // Kept twice into the same directory: the older one stands.
            match std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
