//! Hooks at the wrong moment: run by us, where the runtime would not.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::saboteur::{Next, Saboteur, drops, wraps};
use crate::drive::Call;
use crate::verdict::{Check, Stop};

/// When hooks are run, by an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before it does anything.
    Before,
    /// When it has done all else.
    Behind,
}

/// A runtime that runs the hooks of a kind at another moment: before or behind an operation, in
/// its own namespaces, and as part of it.
pub fn runs_hooks(kind: &'static str, moment: Moment, operation: &'static str) -> Saboteur {
    let when = match moment {
        Moment::Before => "before",
        Moment::Behind => "behind",
    };
    let run = wraps(
        format!("run the {kind} hooks {when} {operation}"),
        move |call, next| {
            if call.operation() != operation {
                return next(call);
            }
            if moment == Moment::Before {
                run_all(kind, call, next)?;
            }
            let outcome = next(call)?;
            if moment == Moment::Behind {
                run_all(kind, call, next)?;
            }
            Ok(outcome)
        },
    );
    drops(format!("/hooks/{kind}")).and(run)
}

fn run_all(kind: &str, call: &Call, next: Next<'_>) -> Check {
    let file = call.beside_root("bundle/config.json");
    let text =
        fs::read(&file).map_err(|error| Stop::broken(format!("read {}", file.display()), error))?;
    let config: Value = serde_json::from_slice(&text)
        .map_err(|error| Stop::broken(format!("parse {}", file.display()), error))?;
    let state = next(&call.aside(["state", call.id()]))?.stdout;
    for hook in config["hooks"][kind].as_array().into_iter().flatten() {
        run(hook, &state)?;
    }
    Ok(())
}

fn run(hook: &Value, state: &str) -> Check {
    let path = hook["path"].as_str().unwrap_or_default();
    let args: Vec<&str> = hook["args"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut command = Command::new(Path::new(path));
    if let Some((zero, rest)) = args.split_first() {
        command.arg0(zero).args(rest);
    }
    let mut run = || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(state.as_bytes())?;
        }
        child.wait()
    };
    run()
        .map(|_| ())
        .map_err(|error| Stop::broken(format!("run {path}"), error))
}
