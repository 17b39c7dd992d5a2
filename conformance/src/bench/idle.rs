//! Containers that live on: for `exec`, for the crowd, for their memory.

use std::io::PipeWriter;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::contestant::Contestant;
use super::document::Kind;
use super::sample::{Miss, whole};
use super::setting::Setting;
use super::tools::Tools;
use super::{Error, at};

/// A container whose payload, the agent, lives on; it ends when this is dropped.
pub(super) struct Resident {
    pub(super) id: String,
    pub(super) pid: i32,
    _input: PipeWriter,
}

/// A container, and its first process.
pub(super) type Idle = (String, i32);

impl Contestant {
    /// Starts the container that `exec` enters; `setting` plays the agent.
    pub(super) fn settle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
    ) -> Result<Option<Miss>, Error> {
        if self.entrant.kind == Kind::Empty {
            return Ok(None);
        }
        let (input, kept) = at("make a pipe", std::io::pipe())?;
        Ok(match self.start_idle(tools, setting, input.into())? {
            Ok((id, pid)) => {
                self.resident = Some(Resident {
                    id,
                    pid,
                    _input: kept,
                });
                None
            }
            Err(miss) => Some(miss),
        })
    }

    /// Ends the resident container.
    pub(super) fn unsettle(&mut self, tools: &Tools) -> Result<(), Error> {
        match self.resident.take() {
            Some(Resident { id, .. }) => self.remove(tools, &id),
            None => Ok(()),
        }
    }

    /// Creates a container that keeps `input`, whose end ends its payload. Answers what is missing if that
    /// failed.
    pub(super) fn create_idle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
        input: Stdio,
    ) -> Result<Result<Idle, Miss>, Error> {
        let (id, output) = (self.next_id(), tools.output_file());
        let pid_file = output.with_extension("pid");
        let create =
            tools.measure_fed(input, &output, &self.create_call(setting, &id, &pid_file))?;
        match whole("create", &create) {
            Ok(_) => {
                let pid = self.pid_of(&id, &pid_file)?;
                Ok(Ok((id, pid)))
            }
            Err(miss) => {
                self.remove(tools, &id)?;
                Ok(Err(miss))
            }
        }
    }

    /// As [`Self::create_idle`], and starts it.
    pub(super) fn start_idle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
        input: Stdio,
    ) -> Result<Result<Idle, Miss>, Error> {
        let idle = match self.create_idle(tools, setting, input)? {
            Ok(idle) => idle,
            Err(miss) => return Ok(Err(miss)),
        };
        match whole("start", &tools.measure(&self.call_on("start", &idle.0))?) {
            Ok(_) => Ok(Ok(idle)),
            Err(miss) => {
                self.remove(tools, &idle.0)?;
                Ok(Err(miss))
            }
        }
    }

    /// Removes a container by force, whatever is left of it.
    pub(super) fn remove(&self, tools: &Tools, id: &str) -> Result<(), Error> {
        if self.is_runtime() {
            // A refusal is no news: the container may never have come to be.
            tools.measure(&self.call(&["delete", "--force", id]))?;
        } else if let Ok(pid @ 1..) = self.pid_of(id, std::path::Path::new("")) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            tools.await_end(pid)?;
            tools.measure(&self.call_on("delete", id))?;
        }
        Ok(())
    }
}
