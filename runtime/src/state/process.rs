//! A process named so that its PID can be trusted later: with the time it started.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::read;
use crate::sys::clone::{pidfd_open, pidfd_send_signal};

/// A PID with its start time; the pair is unique until the machine is booted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// PID as the runtime sees it.
    pub pid: i32,
    /// Clock ticks between boot and the start of the process: field 22 of /proc/PID/stat, proc(5).
    pub start: u64,
}

impl Process {
    /// The process that has this PID now; `None` where there is none or it is a zombie.
    pub fn find(pid: i32) -> Option<Self> {
        let text = read::small(format!("/proc/{pid}/stat")).ok()?;
        let (letter, start) = parse_stat(&text)?;
        (!matches!(letter, b'Z' | b'X' | b'x')).then_some(Self { pid, start })
    }

    /// The calling process.
    pub fn current() -> Option<Self> {
        Self::find(std::process::id() as i32)
    }

    /// Whether this very process still lives; a zombie does not.
    pub fn is_alive(self) -> bool {
        self.pid > 0 && Self::find(self.pid) == Some(self)
    }

    /// Sends a signal to this very process: the descriptor is opened first, then it is checked that
    /// the PID is still the process's.
    pub fn signal(self, signal: i32) -> nix::Result<()> {
        pidfd_send_signal(self.open()?.as_fd(), signal)
    }

    /// Waits until the process has ended; false if that takes too long.
    pub fn wait(self, patience: Duration) -> nix::Result<bool> {
        let pidfd = match self.open() {
            Err(Errno::ESRCH) => return Ok(true),
            opened => opened?,
        };
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(
                &mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)],
                timeout,
            ) {
                Err(Errno::EINTR) => {}
                polled => return polled.map(|ready| ready > 0),
            }
        }
    }

    fn open(self) -> nix::Result<OwnedFd> {
        let pidfd = pidfd_open(Pid::from_raw(self.pid))?;
        if self.is_alive() {
            Ok(pidfd)
        } else {
            Err(Errno::ESRCH)
        }
    }
}

/// State letter and start time. The name of the command, in brackets, may hold anything.
fn parse_stat(stat: &[u8]) -> Option<(u8, u64)> {
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat.get(close + 2..)?.split(|&byte| byte == b' ');
    let letter = *fields.next()?.first()?;
    // Field 3 was the state; field 22 comes 19 later.
    let ticks = std::str::from_utf8(fields.nth(18)?).ok()?.parse().ok()?;
    Some((letter, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_hold_brackets_and_spaces() {
        let stat = b"42 (a) Z 1 (b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 3";
        assert_eq!(parse_stat(stat), Some((b'S', 987_654)));
        assert_eq!(parse_stat(b"42 (a"), None);
        assert_eq!(parse_stat(b"42 (a) S 1"), None);
    }

    #[test]
    fn the_own_process_lives_and_one_of_another_time_does_not() {
        let own = Process::current().expect("/proc is mounted");
        assert!(own.is_alive());
        assert!(
            !Process {
                start: own.start + 1,
                ..own
            }
            .is_alive()
        );
        assert!(!Process { pid: 0, start: 0 }.is_alive());
    }
}
