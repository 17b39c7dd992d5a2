//! The probe that runs in a container, as a case talks with it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use plimsoll_fixtures::probe::{Asked, Client, Error, Refusal, Report};
use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::json;

use super::steps::{Step, Steps};
use super::trial::Trial;
use crate::drive::Deadline;
use crate::observe::{Mount, mount_at};
use crate::verdict::{Check, Stop};

/// The asking end of a probe's streams.
pub type Probe = Client<Output, Input>;

/// Our ends of a payload's standard streams. When the runner dies they close, and the probe ends.
pub(crate) enum Streams {
    /// Not talked to yet.
    Silent {
        /// The payload's standard input; closed by [`Trial::hang_up`].
        to: Option<File>,
        /// The payload's standard output.
        from: Output,
    },
    /// In the hands of a client.
    Talking(Probe),
}

impl Streams {
    /// Our ends, then the payload's standard input and output.
    pub(crate) fn new(deadline: Rc<Cell<Deadline>>) -> io::Result<(Self, OwnedFd, OwnedFd)> {
        let (stdin, to) = pipe_with(PipeFlags::CLOEXEC)?;
        let (from, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let from = Output::new(from, deadline);
        Ok((
            Self::Silent {
                to: Some(to.into()),
                from,
            },
            stdin,
            stdout,
        ))
    }
}

/// A payload's standard output, read with a deadline: past it, reading is `TimedOut`.
pub struct Output {
    file: File,
    deadline: Rc<Cell<Deadline>>,
    buffer: Vec<u8>,
    used: usize,
}

impl Output {
    pub(super) fn new(from: OwnedFd, deadline: Rc<Cell<Deadline>>) -> Self {
        Self {
            file: from.into(),
            deadline,
            buffer: Vec::new(),
            used: 0,
        }
    }
}

impl Read for Output {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let n = from.len().min(into.len());
        into[..n].copy_from_slice(&from[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Output {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            if !self.deadline.get().readable(self.file.as_fd())? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.buffer.resize(1 << 16, 0);
            let n = self.file.read(&mut self.buffer)?;
            self.buffer.truncate(n);
            self.used = 0;
        }
        Ok(&self.buffer[self.used..])
    }

    fn consume(&mut self, n: usize) {
        self.used += n;
    }
}

/// A payload's standard input; what is written to it is a step of the trial.
pub struct Input {
    file: File,
    steps: Steps,
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.steps.told(&String::from_utf8_lossy(&bytes[..count]));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The probe in a running container. It runs on when this is dropped; [`Trial::hang_up`] or
/// [`Agent::exit`] end it.
pub struct Agent<'t> {
    trial: &'t Trial,
    /// What it saw when it started.
    pub report: Report,
}

impl<'t> Agent<'t> {
    /// Waits for the report of a container that was started.
    pub(super) fn meet(trial: &'t Trial) -> Check<Self> {
        let streams = trial.streams.borrow_mut().take();
        let Some(Streams::Silent {
            to: Some(to),
            mut from,
        }) = streams
        else {
            return Err(Stop::Broken("there is no probe to talk to".into()));
        };
        await_output(trial, &mut from)?;
        trial.set_deadline();
        let steps = trial.steps.clone();
        let mut client = Client::new(from, Input { file: to, steps });
        let report = told(client.report(), "the program of the container reports")?;
        trial.steps.push(Step::Met);
        *trial.streams.borrow_mut() = Some(Streams::Talking(client));
        Ok(Self { trial, report })
    }

    fn talk<T>(&self, what: &str, talk: impl FnOnce(&mut Probe) -> Result<T, Error>) -> Check<T> {
        self.trial.set_deadline();
        match self.trial.streams.borrow_mut().as_mut() {
            Some(Streams::Talking(client)) => told(talk(client), what),
            _ => Err(Stop::Broken("the probe was hung up on".into())),
        }
    }

    /// Asks the probe, and hands over what the kernel answered to it.
    pub fn ask<T>(
        &self,
        question: impl FnOnce(&mut Probe) -> Asked<T>,
    ) -> Check<Result<T, Refusal>> {
        let answer = self.talk("the probe answers", question)?;
        self.trial.steps.answered(&answer);
        Ok(answer)
    }

    /// Asks for something that sets the scene: a refusal by the kernel stops the case.
    pub fn get<T>(&self, question: impl FnOnce(&mut Probe) -> Asked<T>) -> Check<T> {
        match self.ask(question)? {
            Ok(value) => Ok(value),
            Err(refusal) => Trial::spoilt(
                "the kernel lets the probe do it",
                "OK",
                name(refusal).into(),
            ),
        }
    }

    /// Asks for something to be done, and names what came of it: `OK`, `EROFS`, `signal 31`.
    pub fn attempt<T>(&self, question: impl FnOnce(&mut Probe) -> Asked<T>) -> Check<String> {
        Ok(match self.ask(question)? {
            Ok(_) => "OK".into(),
            Err(refusal) => name(refusal),
        })
    }

    /// The mount that is seen at a path now, which must be one for the case to go on.
    pub fn mount(&self, point: &str) -> Check<Mount> {
        let report = self.get(Probe::report_again)?;
        let lines = report.mountinfo.value().into_iter().flatten();
        match mount_at(lines, point) {
            Some(mount) => Ok(mount),
            None => Trial::spoilt(format!("a mount at {point}"), true, false.into()),
        }
    }

    /// The trapped signal that arrives; none within the time limit.
    pub fn signal(&self) -> Check<Option<i32>> {
        let limit = self.trial.limits.signal.milliseconds();
        Ok(self.ask(|p| p.wait_signal(limit))?.ok())
    }

    /// Ends the probe with this status.
    pub fn exit(&self, status: i32) -> Check {
        self.talk("the probe takes a command", |probe| probe.exit(status))
    }
}

/// A refusal by name.
fn name(refusal: Refusal) -> String {
    match refusal {
        Refusal::Errno(errno) => format!("{:?}", Errno::from_raw(errno)),
        Refusal::Signal(signal) => format!("signal {signal}"),
    }
}

/// Tells a container's fault from ours.
fn told<T>(answer: Result<T, Error>, what: &str) -> Check<T> {
    match answer {
        Ok(value) => Ok(value),
        Err(Error::Ended) => Trial::spoilt(what, "an answer", "its output ended".into()),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
            Trial::spoilt(what, "an answer", "nothing within the time limit".into())
        }
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Trial::spoilt(what, "a running program", "it has ended".into())
        }
        Err(error) => Err(Stop::broken(what, error)),
    }
}

/// Waits for the first output. A `start` that started nothing shows early: the container is then
/// still `created`, which no deadline need wait for.
fn await_output(trial: &Trial, from: &mut Output) -> Check {
    let early = Deadline::after(trial.limits.look)
        .readable(from.file.as_fd())
        .map_err(|error| Stop::broken("wait for the probe", error))?;
    if early {
        return Ok(());
    }
    let state = trial.state()?;
    if state.status == "created" {
        let what = "the program of the container reports";
        return Trial::spoilt(
            what,
            "a report after `start`",
            json!({ "state": state.raw }),
        );
    }
    Ok(())
}
