//! A runtime under judgement, and the one place that calls it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::fs::{MemfdFlags, memfd_create};

use super::call::{Call, Stdio};
use super::exit::{Deadline, Exit, Pidfd};
use super::limit::Limit;
use super::outcome::Outcome;
use super::view::View;
use crate::sabotage::Saboteur;
use crate::verdict::{Check, Stop};

/// Why a runtime cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum BadRuntime {
    /// No path was given.
    #[error("runtime {0:?} has no path")]
    NoPath(String),
    /// There is no such file.
    #[error("runtime {path}: {error}", path = .path.display())]
    Missing {
        /// The path given.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// It is no program.
    #[error("runtime {path} is not an executable file", path = .0.display())]
    NotExecutable(PathBuf),
}

/// A runtime under judgement.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The name that reports give it.
    pub name: String,
    /// Its path and the options that precede all others.
    pub argv: Vec<String>,
    /// The cgroup view that its calls are made in; the machine's own if absent.
    pub view: Option<Arc<View>>,
    saboteur: Option<Saboteur>,
}

impl Runtime {
    /// A runtime by its name and argument vector, checked to be an executable file.
    pub fn new(name: impl Into<String>, argv: Vec<String>) -> Result<Self, BadRuntime> {
        let name = name.into();
        let Some(path) = argv.first().map(PathBuf::from) else {
            return Err(BadRuntime::NoPath(name));
        };
        match std::fs::metadata(&path) {
            Err(error) => return Err(BadRuntime::Missing { path, error }),
            Ok(meta) if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 => {
                return Err(BadRuntime::NotExecutable(path));
            }
            Ok(_) => {}
        }
        Ok(Self {
            name,
            argv,
            view: None,
            saboteur: None,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        Path::new(&self.argv[0])
    }

    /// Whether it is called to let systemd make the containers' cgroups.
    pub fn systemd_driver(&self) -> bool {
        self.argv.iter().any(|word| word == "--systemd-cgroup")
    }

    /// The same runtime, called in a view of the machine.
    #[must_use]
    pub fn viewing(self, view: View) -> Self {
        Self {
            view: Some(Arc::new(view)),
            ..self
        }
    }

    /// The same runtime made wrong.
    #[must_use]
    pub fn sabotaged(&self, saboteur: &Saboteur) -> Self {
        Self {
            saboteur: Some(saboteur.clone()),
            ..self.clone()
        }
    }

    /// Makes one call, through the saboteur if there is one.
    pub fn call(&self, call: &Call) -> Check<Outcome> {
        match &self.saboteur {
            Some(saboteur) => saboteur.interpose(call, &|call| self.call_honestly(call)),
            None => self.call_honestly(call),
        }
    }

    /// Makes one call of the runtime as it is; for cleaning up, too. After a signal that ends its limit it is not
    /// begun, or killed.
    pub fn call_honestly(&self, call: &Call) -> Check<Outcome> {
        call.limit.check().map_err(Stop::Interrupted)?;
        let argv: Vec<String> = call
            .through
            .iter()
            .chain(&self.argv)
            .chain(&call.globals)
            .chain(&call.args)
            .cloned()
            .collect();
        let outcome = run(&argv, call)
            .map_err(|error| Stop::broken(format!("run {}", argv.join(" ")), error))?;
        // What was killed for the signal did not take too long.
        call.limit.check().map_err(Stop::Interrupted)?;
        Ok(outcome)
    }
}

/// Runs a program to its end or its limit.
fn run(argv: &[String], call: &Call) -> io::Result<Outcome> {
    // A container made by the call keeps its streams open, so that a pipe would not end with the
    // call: memory files do.
    let stdout = Sink::new(&call.stdout)?;
    let stderr = Sink::new(&call.stderr)?;
    let mut command = Command::new(&argv[0]);
    command
        .args(&argv[1..])
        .process_group(0)
        .stdout(stdout.end()?)
        .stderr(stderr.end()?);
    // Whoever runs the runner as a service has these of his own; a runtime would take them for the container's.
    for name in [
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
    ] {
        command.env_remove(name);
    }
    command.envs(call.env.iter().map(|(name, value)| (name, value)));
    match &call.stdin {
        Stdio::Kept => command.stdin(std::process::Stdio::null()),
        Stdio::Fd(fd) => command.stdin(fd.try_clone()?),
    };
    if let Some(dir) = &call.cwd {
        command.current_dir(dir);
    }
    let begun = Instant::now();
    let mut child = command.spawn()?;
    // Our copies of the descriptors go here, so that only the container holds its end of a pipe.
    drop(command);
    let timed_out = !ended(&child, call.limit)?;
    if timed_out {
        // ESRCH: it ended just now, after all.
        let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    }
    let exit = Exit::from(child.wait()?);
    Ok(Outcome {
        argv: argv.to_vec(),
        exit,
        stdout: stdout.text()?,
        stderr: stderr.text()?,
        elapsed: begun.elapsed(),
        timed_out,
    })
}

/// Waits for a child within a limit.
fn ended(child: &Child, limit: Limit) -> io::Result<bool> {
    match Pidfd::open(child.id() as i32)? {
        Some(pidfd) => pidfd.ended(Deadline::after(limit)),
        None => Ok(true),
    }
}

/// Where an output stream goes.
enum Sink {
    Memory(File),
    Given(Arc<OwnedFd>),
}

impl Sink {
    fn new(stdio: &Stdio) -> io::Result<Self> {
        Ok(match stdio {
            Stdio::Kept => Self::Memory(memfd_create("plimsoll", MemfdFlags::CLOEXEC)?.into()),
            Stdio::Fd(fd) => Self::Given(Arc::clone(fd)),
        })
    }

    fn end(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Memory(file) => file.as_fd().try_clone_to_owned(),
            Self::Given(fd) => fd.try_clone(),
        }
    }

    /// What was written so far. Read by position: the offset is the writers'.
    fn text(&self) -> io::Result<String> {
        let Self::Memory(file) = self else {
            return Ok(String::new());
        };
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
        let read = file.read_at(&mut bytes, 0)?;
        Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
    }
}
