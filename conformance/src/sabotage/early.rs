//! A program that begins too early.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use rustix::pipe::{PipeFlags, pipe_with};

use super::saboteur::{Next, Saboteur, wraps};
use crate::drive::{Call, Deadline, Outcome, Stdio};
use crate::verdict::{Check, Stop};

/// A runtime whose `create` starts the program too, and returns once that has begun.
pub fn starts_early() -> Saboteur {
    wraps("create: start the program", |call, next| {
        match (call.operation(), &call.stdout) {
            ("create", Stdio::Fd(stdout)) => create(call, stdout, next),
            _ => next(call),
        }
    })
}

/// The program's report shows that it has begun: its output comes by way of us, who read that
/// first.
fn create(call: &Call, stdout: &Arc<OwnedFd>, next: Next<'_>) -> Check<Outcome> {
    let broken = |error: io::Error| Stop::broken("relay a program's output", error);
    let (from, to) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| broken(errno.into()))?;
    let outcome = next(&call.clone().stdout(to))?;
    if !outcome.ok() {
        return Ok(outcome);
    }
    if !next(&call.aside(["start", call.id()]))?.ok() {
        return Ok(outcome);
    }
    let begun = Deadline::after(call.limit).readable(from.as_fd());
    if !begun.map_err(broken)? {
        return Ok(outcome);
    }
    let mut onward = File::from(stdout.try_clone().map_err(broken)?);
    let mut from = BufReader::new(File::from(from));
    let mut report = Vec::new();
    from.read_until(b'\n', &mut report).map_err(broken)?;
    onward.write_all(&report).map_err(broken)?;
    // Ends with the program; what a case that is over does not read any more is of no use.
    thread::spawn(move || io::copy(&mut from, &mut onward));
    Ok(outcome)
}
