//! The directory of a benchmark, with its programs, and the stop-watch.

use std::fs::{self, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plimsoll_fixtures::floor::{EMPTY, FLOOR};

use super::measured::Measured;
use super::{Error, at};
use crate::drive::{Interrupt, Limits};
use crate::engine::{MARKER, RunDir};

/// The programs of a benchmark, in a directory of their own that ends with it, as does every container whose
/// id has its token.
pub(super) struct Tools {
    dir: RunDir,
    timeout: Duration,
    interrupt: Interrupt,
    outputs: AtomicUsize,
}

impl Tools {
    /// Writes the programs. Once `interrupt` has come, none of them is started any more.
    pub(super) fn new(timeout: Duration, interrupt: Interrupt) -> Result<Self, Error> {
        let dir = RunDir::new(Limits::default())?;
        let tools = Self {
            dir,
            timeout,
            interrupt,
            outputs: AtomicUsize::new(0),
        };
        for (path, program) in [(tools.floor(), FLOOR), (tools.empty(), EMPTY)] {
            at(
                format!("write {}", path.display()),
                fs::write(&path, program),
            )?;
            at(
                format!("make {} executable", path.display()),
                fs::set_permissions(&path, Permissions::from_mode(0o755)),
            )?;
        }
        Ok(tools)
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Part of the id of every container, by which the next run finds what this one leaves if it is killed.
    pub(super) fn token(&self) -> &str {
        self.dir.token()
    }

    /// Ends what is left of the benchmark where the calling thread sees it, and removes the directory.
    pub(super) fn clean(&self) {
        self.dir.clean();
    }

    /// The floor program.
    pub(super) fn floor(&self) -> PathBuf {
        self.dir.path().join("floor")
    }

    /// The empty program.
    pub(super) fn empty(&self) -> PathBuf {
        self.dir.path().join("empty")
    }

    /// Runs `argv` (its program by path) under the stop-watch.
    pub(super) fn measure(&self, argv: &[String]) -> Result<Measured, Error> {
        let output = self.output_file();
        let measured = self.measure_into(&output, argv);
        // What cannot be removed goes with the directory.
        let _ = fs::remove_file(output);
        measured
    }

    /// As [`Self::measure`], for a command whose container goes on writing to the file `output`.
    pub(super) fn measure_into(&self, output: &Path, argv: &[String]) -> Result<Measured, Error> {
        self.measure_fed(Stdio::null(), output, argv)
    }

    /// As [`Self::measure_into`], with a standard input that the container keeps.
    pub(super) fn measure_fed(
        &self,
        input: Stdio,
        output: &Path,
        argv: &[String],
    ) -> Result<Measured, Error> {
        let mut watch = Command::new(self.floor());
        watch
            .arg("measure")
            .arg(self.timeout.as_millis().to_string())
            .arg(output)
            .args(argv)
            .stdin(input);
        let watch = self.attend(&mut watch, || format!("measure {}", argv.join(" ")))?;
        let mut measured: Measured =
            serde_json::from_slice(&watch.stdout).map_err(|_| Error::StopWatch {
                command: argv.join(" "),
                said: String::from_utf8_lossy(&[watch.stdout.as_slice(), &watch.stderr].concat())
                    .into_owned(),
            })?;
        measured.output = read(output)?;
        Ok(measured)
    }

    /// A name for an output file.
    pub(super) fn output_file(&self) -> PathBuf {
        self.dir().join(format!(
            "out-{}",
            self.outputs.fetch_add(1, Ordering::Relaxed)
        ))
    }

    /// Waits until the process `pid`, which need not be a child, has ended; false at the time limit.
    pub(super) fn await_end(&self, pid: i32) -> Result<bool, Error> {
        let limit = self.timeout.as_millis().to_string();
        let mut watch = Command::new(self.floor());
        watch
            .args(["await", &pid.to_string(), &limit])
            .stdin(Stdio::null());
        let watch = self.attend(&mut watch, || format!("wait for process {pid}"))?;
        Ok(watch.status.success())
    }

    /// Waits so long, or fails as soon as a signal comes.
    pub(super) fn pause(&self, span: Duration) -> Result<(), Error> {
        at("pause", self.interrupt.pause(span))?;
        Ok(self.interrupt.check()?)
    }

    /// Runs the stop-watch to its end, or until a signal comes: the command that it is at ends then as well.
    fn attend(&self, watch: &mut Command, what: impl Fn() -> String) -> Result<Output, Error> {
        self.interrupt.check()?;
        // A group of its own, since a terminal sends its signals to the whole of ours: whoever ends the stop-watch
        // itself leaves the command.
        watch
            .process_group(0)
            .env(MARKER, self.token())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = at(what(), watch.spawn())?;
        if let Some(result) = &child.stdout {
            at(what(), self.interrupt.readable(result.as_fd()))?;
        }
        if let Err(signal) = self.interrupt.check() {
            // It sees that nobody waits for its result, ends the command, and then itself.
            drop(child.stdout.take());
            at(what(), child.wait())?;
            return Err(signal.into());
        }
        at(what(), child.wait_with_output())
    }
}

/// The text of an output file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let bytes = at(format!("read {}", path.display()), fs::read(path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
