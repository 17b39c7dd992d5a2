//! The console socket: where a runtime sends the terminal that it made for a container.

use std::fs::File;
use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use plimsoll_fixtures::probe::Report;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::steps::Step;
use super::trial::Trial;
use crate::drive::{Call, Outcome};
use crate::verdict::{Check, Stop};

/// A listening console socket.
pub struct Console<'t> {
    trial: &'t Trial,
    listener: UnixListener,
    path: PathBuf,
}

/// The master side of a container's terminal.
pub struct Terminal<'t> {
    trial: &'t Trial,
    master: File,
    descriptors: usize,
}

impl Trial {
    /// Listens for a terminal.
    pub fn console(&self) -> Check<Console<'_>> {
        let path = self.fresh_path("console");
        let listener = UnixListener::bind(&path)
            .map_err(|error| Stop::broken(format!("listen on {}", path.display()), error))?;
        self.steps.push(Step::Console(path.clone()));
        Ok(Console {
            trial: self,
            listener,
            path,
        })
    }
}

impl<'t> Console<'t> {
    /// Its path.
    pub fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Creates the trial's container with this console socket.
    pub fn try_create(&self) -> Check<Outcome> {
        self.try_create_by(self.trial.create_call())
    }

    /// As [`Console::try_create`], by a `create` of the case's own.
    pub fn try_create_by(&self, mut call: Call) -> Check<Outcome> {
        call.args
            .splice(1..1, ["--console-socket".to_owned(), self.path()]);
        let outcome = self.trial.call(&call)?;
        if outcome.ok() {
            self.trial.find_init()?;
        }
        Ok(outcome)
    }

    /// Creates the trial's container with this console socket, and takes the terminal.
    pub fn create(&self) -> Check<Terminal<'t>> {
        super::operations::accepted(&self.try_create()?)?;
        self.terminal()
    }

    /// Takes the terminal that a runtime sent.
    pub fn terminal(&self) -> Check<Terminal<'t>> {
        let broken = |error: &dyn std::fmt::Display| Stop::broken("take the terminal", error);
        let deadline = self.trial.deadline();
        let what = "the runtime sends a terminal to the console socket";
        if !deadline
            .readable(self.listener.as_fd())
            .map_err(|error| broken(&error))?
        {
            return Trial::spoilt(what, "a connection", "none within the time limit".into());
        }
        let (stream, _) = self.listener.accept().map_err(|error| broken(&error))?;
        if !deadline
            .readable(stream.as_fd())
            .map_err(|error| broken(&error))?
        {
            return Trial::spoilt(what, "a message", "none within the time limit".into());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        recvmsg(
            &stream,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
        .map_err(|error| broken(&error))?;
        let mut descriptors: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                descriptors.extend(fds);
            }
        }
        let count = descriptors.len();
        match descriptors.into_iter().next() {
            Some(fd) => Ok(Terminal {
                trial: self.trial,
                master: fd.into(),
                descriptors: count,
            }),
            None => Trial::spoilt(what, "a descriptor", "a message without one".into()),
        }
    }
}

impl Terminal<'_> {
    /// Types a line.
    pub fn type_line(&mut self, line: &str) -> Check {
        self.type_text(&format!("{line}\n"))
    }

    /// Types without ending the line: `\u{3}` is Ctrl-C.
    pub fn type_text(&mut self, text: &str) -> Check {
        self.trial.steps.push(Step::Typed(text.to_owned()));
        write!(self.master, "{text}").map_err(|error| Stop::broken("type", error))
    }

    /// Reads the report that the probe prints first.
    pub fn report(&mut self) -> Check<Report> {
        let seen = self.read_until("}\r\n")?;
        match serde_json::from_str(seen.trim()) {
            Ok(report) => Ok(report),
            Err(_) => Trial::spoilt("what the terminal shows", "a report", seen.into()),
        }
    }

    /// Reads what is printed, until it holds `text`; fails at the deadline or at the end. Line ends
    /// are as the terminal made them.
    pub fn read_until(&mut self, text: &str) -> Check<String> {
        use std::io::Read;
        let deadline = self.trial.deadline();
        let mut seen = String::new();
        self.trial.steps.push(Step::Shown(text.to_owned()));
        loop {
            if seen.contains(text) {
                return Ok(seen);
            }
            let ready = deadline
                .readable(self.master.as_fd())
                .map_err(|error| Stop::broken("wait for the terminal", error))?;
            let mut chunk = [0; 1 << 14];
            // EIO: nobody holds the other side any more.
            match if ready {
                self.master.read(&mut chunk)
            } else {
                Ok(0)
            } {
                Ok(n) if n > 0 => seen.push_str(&String::from_utf8_lossy(&chunk[..n])),
                _ => return Trial::spoilt("what the terminal shows", text, seen.into()),
            }
        }
    }

    /// How many descriptors the runtime's message had.
    pub fn descriptors(&self) -> usize {
        self.descriptors
    }

    /// The master side itself.
    pub fn master(&self) -> &File {
        &self.master
    }
}
