//! The seccomp agent: where a runtime sends a container's listener, with the container process
//! state (config-linux.md#the-container-process-state).

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::socket::read;
use super::steps::Step;
use super::trial::Trial;
use crate::drive::Deadline;
use crate::verdict::{Check, Stop};

/// A listening seccomp agent, at `{dir}/seccomp`.
pub struct SeccompAgent<'t> {
    trial: &'t Trial,
    listener: UnixListener,
}

/// What came over one connection.
#[derive(Debug)]
pub struct Delivery {
    /// The bytes as text.
    pub text: String,
    /// The descriptors.
    pub fds: Vec<OwnedFd>,
    /// The other side has closed the connection.
    pub closed: bool,
}

impl Delivery {
    /// What comes over a connection until its end, or the deadline.
    pub fn of(stream: &UnixStream, deadline: Deadline) -> io::Result<Self> {
        let (messages, closed) = read(stream, deadline)?;
        let mut bytes = Vec::new();
        let mut fds = Vec::new();
        for message in messages {
            bytes.extend(message.bytes);
            fds.extend(message.descriptors);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { text, fds, closed })
    }

    /// The container process state; null if what came is not one JSON document.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// Somebody who waits for one notification of a listener, and answers it.
pub struct Notified<'t> {
    trial: &'t Trial,
    process: Child,
}

impl Trial {
    /// Listens as a seccomp agent at `{dir}/seccomp`.
    pub fn seccomp_agent(&self) -> Check<SeccompAgent<'_>> {
        let path = self.dir().join("seccomp");
        let listener = UnixListener::bind(&path)
            .map_err(|error| Stop::broken(format!("listen on {}", path.display()), error))?;
        self.steps.push(Step::Listens(path, None));
        Ok(SeccompAgent {
            trial: self,
            listener,
        })
    }

    /// Waits aside for one notification of a seccomp listener. The system call that it tells of is
    /// then refused with this errno, or goes on if that is 0.
    pub fn notified(&self, listener: OwnedFd, errno: i32) -> Check<Notified<'_>> {
        let process = Command::new(self.probe_path())
            .args(["notified", &errno.to_string()])
            .stdin(listener)
            .stdout(Stdio::piped())
            // What is no listener is refused by the kernel; that nothing was told of shows it.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Stop::broken("start the probe", error))?;
        self.steps.notified(errno);
        Ok(Notified {
            trial: self,
            process,
        })
    }
}

impl SeccompAgent<'_> {
    /// Takes the next connection, and what comes over it until its end; one that stays open is
    /// given up at the deadline.
    pub fn take(&self) -> Check<Delivery> {
        let deadline = self.trial.deadline();
        let ready = deadline
            .readable(self.listener.as_fd())
            .map_err(|error| Stop::broken("wait for the runtime", error))?;
        if !ready {
            let what = "the runtime connects to the seccomp agent";
            return Trial::spoilt(what, "a connection", "none within the time limit".into());
        }
        let (stream, _) = self
            .listener
            .accept()
            .map_err(|error| Stop::broken("accept the runtime's connection", error))?;
        Delivery::of(&stream, deadline)
            .map_err(|error| Stop::broken("receive from the runtime", error))
    }
}

impl Notified<'_> {
    /// The number of the system call that was told of; none if nothing was within the time limit.
    pub fn syscall(mut self) -> Check<Option<i64>> {
        let broken = |error: io::Error| Stop::broken("read what the probe was told", error);
        let mut line = String::new();
        if let Some(stdout) = &mut self.process.stdout
            && self
                .trial
                .deadline()
                .readable(stdout.as_fd())
                .map_err(broken)?
        {
            stdout.read_to_string(&mut line).map_err(broken)?;
        }
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        Ok(told["syscall"].as_i64())
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        // It has ended already, or waits for a notification that no longer matters.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
