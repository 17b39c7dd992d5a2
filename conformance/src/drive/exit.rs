//! Waiting for the end of a process by its pidfd, with a deadline.

use std::array;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::interrupt::Interrupt;
use super::limit::Limit;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It ended, but it was not ours to wait for.
    Unknown,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::Unknown => f.write_str("ended"),
        }
    }
}

/// A moment after which waiting is given up. Where a signal ends its limit, it comes with the signal.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    interrupt: Option<Interrupt>,
}

impl Deadline {
    /// So long from now.
    pub fn after(limit: Limit) -> Self {
        Self {
            at: Instant::now() + limit.span(),
            interrupt: limit.interrupt(),
        }
    }

    /// Now: what is not so yet is not waited for.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            interrupt: None,
        }
    }

    /// What is left of it.
    pub fn left(self) -> Duration {
        if self.interrupt.is_some_and(|one| one.check().is_err()) {
            return Duration::ZERO;
        }
        self.at.saturating_duration_since(Instant::now())
    }

    /// Waits until a descriptor can be read from (or has hung up); false at the deadline.
    pub fn readable(self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        self.either_readable([fd]).map(|[ready]| ready)
    }

    /// As [`Deadline::readable`], for any of several: which of them can be read from.
    pub fn either_readable<const N: usize>(
        self,
        fds: [BorrowedFd<'_>; N],
    ) -> io::Result<[bool; N]> {
        let of = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut polled: Vec<_> = fds.into_iter().map(of).collect();
        polled.extend(self.interrupt.map(|one| of(one.wake())));
        loop {
            let left = self.left();
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut polled, Some(&timeout)) {
                Ok(_) => return Ok(array::from_fn(|at| !polled[at].revents().is_empty())),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A process, held so that its id cannot come to mean another one.
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

impl Pidfd {
    /// The process with this id, or `None` if there is none.
    pub fn open(pid: i32) -> io::Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(pid) else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self(fd))),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for its end; false at the deadline.
    pub fn ended(&self, deadline: Deadline) -> io::Result<bool> {
        deadline.readable(self.0.as_fd())
    }

    /// It has not ended yet.
    pub fn alive(&self) -> io::Result<bool> {
        self.ended(Deadline::now()).map(|ended| !ended)
    }

    /// Kills it; no error if it has ended already.
    pub fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.0, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for its end and takes its status, where it is a child of ours (an init that its
    /// runtime left is: the runner is a subreaper); `None` at the deadline.
    pub fn wait(&self, deadline: Deadline) -> io::Result<Option<Exit>> {
        if !self.ended(deadline)? {
            return Ok(None);
        }
        Ok(Some(
            match waitid(
                Id::PIDFd(self.0.as_fd()),
                WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG,
            ) {
                Ok(WaitStatus::Exited(_, code)) => Exit::Code(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => Exit::Signal(signal as i32),
                Ok(_) | Err(_) => Exit::Unknown,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::limit::Limits;
    use super::*;

    #[test]
    fn a_signal_is_the_deadline_of_what_it_ends() {
        let (silent, _writer) = io::pipe().unwrap();
        let (ready, writer) = io::pipe().unwrap();
        drop(writer);
        let (interrupt, ask) = Interrupt::by_hand();
        let limits = Limits::stretched(1000.0).ended_by(interrupt);
        let deadline = Deadline::after(limits.event);
        assert!(!deadline.left().is_zero());
        assert!(deadline.readable(ready.as_fd()).unwrap());
        let waiting = thread::spawn(move || deadline.readable(silent.as_fd()).unwrap());
        ask();
        assert!(!waiting.join().unwrap());
        assert!(deadline.left().is_zero());
        let both = deadline.either_readable([ready.as_fd(), interrupt.wake()]);
        assert_eq!(both.unwrap(), [true, true]);
        assert!(!Deadline::after(limits.gone).left().is_zero());
    }
}
