//! Notices that the kernel ran out of a container's memory.
//! Documentation/admin-guide/cgroup-v1/memory.rst (oom_control), cgroup-v2.rst (memory.events)

use std::fs;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::path::PathBuf;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::apply::write_file;
use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::state::CgroupRecord;

/// Waits for the kernel to run out of the container's memory.
#[derive(Debug)]
pub enum OomWatch {
    /// v1: an eventfd that `cgroup.event_control` tied to `memory.oom_control`.
    V1 {
        /// Counts the events.
        event: EventFd,
        /// The cgroup, whose removal is an event as well.
        dir: PathBuf,
    },
    /// v2: the counters of `memory.events`, which poll(2) reports when they change.
    V2 {
        /// The open file.
        file: fs::File,
        /// `oom_kill` as last read.
        seen: u64,
    },
    /// There is no memory controller, hence nothing to watch.
    None,
}

impl OomWatch {
    /// Begins to watch.
    pub fn new(record: &CgroupRecord) -> Result<Self, StepError> {
        let at = Origin::default();
        if let Some(dir) = record.paths.get("memory") {
            let action = || format!("watch {} for OOM events", dir.display());
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let event = EventFd::from_value_and_flags(0, flags).step(&at, action)?;
            let control = fs::File::open(dir.join("memory.oom_control")).step(&at, action)?;
            let tie = format!("{} {}", event.as_fd().as_raw_fd(), control.as_raw_fd());
            write_file(&dir.join("cgroup.event_control"), &tie).step(&at, action)?;
            return Ok(Self::V1 {
                event,
                dir: dir.clone(),
            });
        }
        let Some(path) = record
            .paths
            .get("unified")
            .map(|dir| dir.join("memory.events"))
        else {
            return Ok(Self::None);
        };
        match fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::None),
            result => {
                let mut file = result.step(&at, || format!("open {}", path.display()))?;
                let seen = oom_kills(&mut file).unwrap_or(0);
                Ok(Self::V2 { file, seen })
            }
        }
    }

    /// Waits for an event for so long. `Some(true)` is one, `Some(false)` is the end of the time,
    /// nothing is the end of the cgroup.
    pub fn wait(&mut self, patience: Duration) -> Option<bool> {
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let ready = |fd: &dyn AsFd, flags| {
            let mut fds = [PollFd::new(fd.as_fd(), flags)];
            poll(&mut fds, timeout).is_ok_and(|count| count > 0)
        };
        match self {
            Self::V1 { event, dir } => {
                let fired = ready(event, PollFlags::POLLIN) && event.read().is_ok();
                dir.exists().then_some(fired)
            }
            Self::V2 { file, seen } => {
                ready(file, PollFlags::POLLPRI);
                let now = oom_kills(file)?;
                let fired = now > *seen;
                *seen = now;
                Some(fired)
            }
            Self::None => {
                std::thread::sleep(patience);
                Some(false)
            }
        }
    }
}

fn oom_kills(file: &mut fs::File) -> Option<u64> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}
