//! Signals that ask a command to end early: whatever it is at ends and is cleaned up, and its exit status tells.

use std::fs;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;

/// The signals.
const ASKED_BY: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];
/// Within so long the same signal again is the same request: timeout(1) sends it to the process, and then to its
/// group.
const ECHO: Duration = Duration::from_millis(500);

/// No signal has come yet.
const AT_WORK: i32 = 0;
/// There is nothing to clean up any more: a signal ends the process at once.
const OVER: i32 = -1;

/// A signal asked for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ended early by {}", self.signal())]
pub struct Interrupted(i32);

impl Interrupted {
    /// The signal's name.
    pub fn signal(self) -> &'static str {
        Signal::try_from(self.0).map_or("a signal", Signal::as_str)
    }

    /// The exit status of a shell's command that was ended by the signal.
    pub fn status(self) -> u8 {
        u8::try_from(128 + self.0).unwrap_or(u8::MAX)
    }
}

/// Whether a signal has asked for the end, for all threads. A second one ends the process where it stands.
///
/// The signals are caught, not blocked: programs that are started would inherit a mask, but no handler. A process
/// has its signals for as long as it lives, and so whoever waits can hold this.
#[derive(Debug, Clone, Copy)]
pub struct Interrupt(&'static Shared);

impl PartialEq for Interrupt {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

#[derive(Debug)]
struct Shared {
    /// [`AT_WORK`], [`OVER`], or the signal that came.
    state: AtomicI32,
    /// Hangs up when a signal comes.
    wake: PipeReader,
}

impl Interrupt {
    /// Catches the signals from now on, but those that whoever started this process had it ignore: nohup(1).
    pub fn watch() -> io::Result<Self> {
        let ignored = ignored(&fs::read_to_string("/proc/self/status")?);
        let heeded = ASKED_BY
            .iter()
            .filter(|signal| ignored & bit(**signal) == 0);
        let signals = Signals::new(heeded)?;
        let (interrupt, hang_up) = Self::new()?;
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || heed(signals, interrupt.0, hang_up))?;
        Ok(interrupt)
    }

    /// One that nobody asks yet.
    fn new() -> io::Result<(Self, PipeWriter)> {
        let (wake, hang_up) = io::pipe()?;
        let shared = Box::leak(Box::new(Shared {
            state: AtomicI32::new(AT_WORK),
            wake,
        }));
        Ok((Self(shared), hang_up))
    }

    /// Can be read from, or rather has hung up, once a signal has come.
    pub(super) fn wake(self) -> BorrowedFd<'static> {
        self.0.wake.as_fd()
    }

    /// Fails once a signal has come.
    pub fn check(self) -> Result<(), Interrupted> {
        match self.0.state.load(Ordering::SeqCst) {
            AT_WORK | OVER => Ok(()),
            signal => Err(Interrupted(signal)),
        }
    }

    /// Waits until `fd` can be read from or has hung up, or a signal comes.
    pub fn readable(self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.wait(Some(fd), None)
    }

    /// Waits so long, or until a signal comes.
    pub fn pause(self, span: Duration) -> io::Result<()> {
        self.wait(None, Some(Instant::now() + span))
    }

    fn wait(self, fd: Option<BorrowedFd<'_>>, until: Option<Instant>) -> io::Result<()> {
        let of = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut polled = vec![of(self.wake())];
        polled.extend(fd.map(of));
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = left.map(|left| Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            });
            match poll(&mut polled, timeout.as_ref()) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says that all is cleaned up: from now on a signal ends the process at once. Fails if one came before.
    pub fn over(self) -> Result<(), Interrupted> {
        match self.0.state.swap(OVER, Ordering::SeqCst) {
            AT_WORK | OVER => Ok(()),
            signal => Err(Interrupted(signal)),
        }
    }
}

/// Takes the signals as they come.
fn heed(mut signals: Signals, shared: &Shared, hang_up: PipeWriter) {
    let mut hang_up = Some(hang_up);
    let mut first = None;
    for signal in signals.forever() {
        match first {
            None if shared.ask(signal) => {
                first = Some((signal, Instant::now()));
                drop(hang_up.take());
            }
            Some((same, at)) if same == signal && at.elapsed() < ECHO => {}
            _ => exit(128 + signal),
        }
    }
}

impl Shared {
    /// Asks for the end; false where there is nothing to end any more.
    fn ask(&self, signal: i32) -> bool {
        let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
        self.state
            .compare_exchange(AT_WORK, signal, success, failure)
            .is_ok()
    }
}

/// The mask of the signals that are ignored, from /proc/PID/status: proc_pid_status(5).
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The bit of `signal` in a mask.
fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Interrupt {
        /// One that SIGTERM asks when the other part is called.
        pub(crate) fn by_hand() -> (Self, impl FnOnce()) {
            let (interrupt, hang_up) = Self::new().unwrap();
            let ask = move || {
                assert!(interrupt.0.ask(SIGTERM));
                drop(hang_up);
            };
            (interrupt, ask)
        }
    }

    #[test]
    fn a_signal_is_told_by_name_and_by_status() {
        let [hup, int, term] = ASKED_BY.map(Interrupted);
        assert_eq!([hup, int, term].map(Interrupted::status), [129, 130, 143]);
        assert_eq!(term.to_string(), "ended early by SIGTERM");
    }

    #[test]
    fn what_was_ignored_from_the_start_is_known() {
        // As nohup(1) starts a program: signal 1 is ignored.
        let mask = ignored("SigBlk:\t0000000000000006\nSigIgn:\t0000000000001001\nSigCgt:\t0\n");
        assert_eq!(
            ASKED_BY.map(|signal| mask & bit(signal) != 0),
            [true, false, false]
        );
        assert_eq!(ignored("Name:\tx\n"), 0);
    }
}
