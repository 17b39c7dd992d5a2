//! Warnings and errors: to the log file, to standard error, or both.
//!
//! Two clients read the file: podman wants it to hold exactly one object after a failure, containerd
//! takes the last error. So warnings wait until the command has succeeded; a failure writes only
//! itself. An error goes to standard error as well, as a plain line.

use std::cell::RefCell;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::error::CommandError;
use super::time;

/// Where warnings and errors go.
#[derive(Debug)]
pub struct Log {
    file: Option<File>,
    json: bool,
    debug: bool,
    warnings: RefCell<Vec<String>>,
}

impl Log {
    /// Opens the log file, if one is wanted.
    pub(super) fn open(path: Option<&Path>, json: bool, debug: bool) -> Result<Self, CommandError> {
        let file = path
            .map(|path| {
                OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(path)
                    .map_err(CommandError::io(format!(
                        "open log file {}",
                        path.display()
                    )))
            })
            .transpose()?;
        Ok(Self {
            file,
            json,
            debug,
            warnings: RefCell::default(),
        })
    }

    /// The open file, if one is wanted.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Remembers a warning until the command has succeeded.
    pub fn warn(&self, message: impl Display) {
        self.warnings.borrow_mut().push(message.to_string());
    }

    /// Whether `--debug` asks for what is being done.
    pub fn debugs(&self) -> bool {
        self.debug
    }

    /// Writes what is being done, if `--debug` asks for it.
    pub fn debug(&self, message: impl Display) {
        if self.debug {
            self.write("debug", &message.to_string());
        }
    }

    /// The command has succeeded: its warnings are written.
    pub(super) fn finish(&self) {
        for warning in self.warnings.take() {
            self.write("warning", &warning);
        }
    }

    /// The command has failed.
    pub(super) fn fail(&self, error: &CommandError) {
        let message = error.to_string();
        if self.file.is_some() {
            self.write("error", &message);
        }
        eprintln!("{message}");
    }

    fn write(&self, level: &str, message: &str) {
        let time = time::rfc3339(std::time::SystemTime::now());
        let line = if self.json {
            serde_json::json!({"level": level, "msg": message, "time": time}).to_string()
        } else {
            format!("time=\"{time}\" level={level} msg={message:?}")
        };
        match self.file.as_ref() {
            // A log that cannot be written must not fail a command that has done its work.
            Some(mut file) => drop(file.write_all((line + "\n").as_bytes())),
            None => eprintln!("{line}"),
        }
    }
}
