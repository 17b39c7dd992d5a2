//! Programs of the host, for what only they can look at or set up.

use std::process::Command;

use crate::verdict::{Check, Stop};

/// Runs a program of the host to its end and hands over its standard output. Where it fails, the
/// case is broken: it is no runtime.
pub fn host<A: AsRef<str>>(program: &str, args: &[A]) -> Check<String> {
    let words: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    let what = || format!("{program} {}", words.join(" "));
    let output = Command::new(program)
        .args(&words)
        .output()
        .map_err(|error| Stop::broken(what(), error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Stop::Broken(format!("{}: {}", what(), why.trim())))
}
