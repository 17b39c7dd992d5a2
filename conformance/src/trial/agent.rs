//! The probe that runs in a container, as a case talks with it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::stand_in::probe::Report;
use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::{Value, json};

use super::trial::Trial;
use crate::drive::Deadline;
use crate::verdict::{Check, Stop};

/// Our ends of a payload's standard streams. When the runner dies they close, and the probe ends.
pub(crate) struct Pipes {
    to: Option<File>,
    from: File,
    buffer: Vec<u8>,
}

/// What came of waiting for a line.
enum Line {
    Text(String),
    End,
    Late,
}

impl Pipes {
    /// Our ends, then the payload's standard input and output.
    pub(crate) fn new() -> io::Result<(Self, OwnedFd, OwnedFd)> {
        let (stdin, to) = pipe_with(PipeFlags::CLOEXEC)?;
        let (from, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let pipes = Self {
            to: Some(to.into()),
            from: from.into(),
            buffer: Vec::new(),
        };
        Ok((pipes, stdin, stdout))
    }

    /// Closes the payload's standard input.
    pub(crate) fn hang_up(&mut self) {
        self.to = None;
    }

    fn line(&mut self, deadline: Deadline) -> io::Result<Line> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Line::Text(
                    String::from_utf8_lossy(&line[..end]).into_owned(),
                ));
            }
            if !deadline.readable(self.from.as_fd())? {
                return Ok(Line::Late);
            }
            let mut chunk = [0; 16384];
            match self.from.read(&mut chunk)? {
                0 => return Ok(Line::End),
                n => self.buffer.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

/// The probe in a running container.
pub struct Agent<'t> {
    trial: &'t Trial,
    /// What it saw when it started.
    pub report: Report,
    /// The same, as JSON.
    pub raw: Value,
    asked: RefCell<u32>,
}

impl<'t> Agent<'t> {
    /// Waits for the report.
    pub(super) fn meet(trial: &'t Trial) -> Check<Self> {
        let text = report_line(trial)?;
        let raw: Value = serde_json::from_str(&text)
            .map_err(|error| Stop::broken(format!("parse the probe's report {text:?}"), error))?;
        let report = serde_json::from_value(raw.clone())
            .map_err(|error| Stop::broken("read the probe's report", error))?;
        Ok(Self {
            trial,
            report,
            raw,
            asked: RefCell::new(0),
        })
    }

    /// Gives the probe a command, and returns its answer.
    pub fn ask(&self, command: &str) -> Check<Value> {
        *self.asked.borrow_mut() += 1;
        self.tell(command)?;
        let text = next_line(self.trial, &format!("the probe answers `{command}`"))?;
        serde_json::from_str(&text)
            .map_err(|error| Stop::broken(format!("parse the probe's answer {text:?}"), error))
    }

    /// Gives the probe a command that has no answer, such as `exit 3`.
    pub fn tell(&self, command: &str) -> Check {
        let mut pipes = self.trial.pipes.borrow_mut();
        let Some(to) = pipes.as_mut().and_then(|pipes| pipes.to.as_mut()) else {
            return Err(Stop::Broken("the probe's standard input is closed".into()));
        };
        match writeln!(to, "{command}") {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Trial::spoilt(
                format!("the program reads the command `{command}`"),
                "a running program",
                "it has ended".into(),
            ),
            Err(error) => Err(Stop::broken("write to the probe", error)),
        }
    }
}

/// The first line. A `start` that did not start anything shows early: the container is then still
/// `created`, which no deadline need wait for.
fn report_line(trial: &Trial) -> Check<String> {
    const EARLY: Duration = Duration::from_millis(300);
    if let Line::Text(text) = wait_line(trial, Deadline::after(EARLY))? {
        return Ok(text);
    }
    let what = "the program of the container reports";
    let state = trial.state()?;
    if state.status == "created" {
        return Trial::spoilt(
            what,
            "a report after `start`",
            json!({ "state": state.raw }),
        );
    }
    next_line(trial, what)
}

fn next_line(trial: &Trial, what: &str) -> Check<String> {
    match wait_line(trial, trial.deadline())? {
        Line::Text(text) => Ok(text),
        Line::End => Trial::spoilt(what, "a line", "it ended without one".into()),
        Line::Late => Trial::spoilt(what, "a line", "nothing within the time limit".into()),
    }
}

fn wait_line(trial: &Trial, deadline: Deadline) -> Check<Line> {
    let mut pipes = trial.pipes.borrow_mut();
    let Some(pipes) = pipes.as_mut() else {
        return Err(Stop::Broken(
            "the container was not created with pipes".into(),
        ));
    };
    pipes
        .line(deadline)
        .map_err(|error| Stop::broken("read from the probe", error))
}
