//! The foreground: forwards signals and the terminal to the container's process until it ends.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, read, write};

use super::{CommandError, Context, Log};
use crate::exec::notify::Relay;
use crate::exec::{Context as _, StepError};
use crate::plan::Origin;
use crate::plan::process::Process;
use crate::sys::clone::pidfd_send_signal;
use crate::sys::entry::close_own_tree;
use crate::sys::tty;

/// While this lives, signals wait: one that comes between the start of a program and the moment when it is
/// attended to would end this process, and leave the program to nobody.
#[derive(Debug)]
pub(super) struct Held {
    before: SigSet,
}

impl Held {
    /// Begins before the program is started.
    pub(super) fn begin() -> Result<Self, StepError> {
        let mut before = SigSet::empty();
        sigprocmask(
            SigmaskHow::SIG_BLOCK,
            Some(&SigSet::all()),
            Some(&mut before),
        )
        .step(&Origin::default(), || "hold signals back")?;
        Ok(Self { before })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A mask that was in force before is no invalid one (sigprocmask(2)).
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

/// A child that is attended to.
#[derive(Debug)]
pub(super) struct Attended<'a> {
    pub(super) pid: Pid,
    pub(super) pidfd: &'a OwnedFd,
    /// Its terminal's master, where it has a terminal that is served here.
    pub(super) master: Option<OwnedFd>,
    /// Passes on that it is ready; this process stays the one that the service manager watches.
    pub(super) relay: Option<Relay>,
}

/// Attends to a child until it ends; its exit status, or 128 and its signal. What remains to be done may be
/// interrupted by signals again.
pub(super) fn attend(
    context: &Context,
    _held: Held,
    child: Attended<'_>,
) -> Result<u8, CommandError> {
    // The child is at work, and nobody waits for this process.
    close_own_tree();
    let pid = child.pid;
    Attendant::new(child, &context.log)
        .and_then(|mut attendant| attendant.run())
        .and_then(|()| reap(pid))
        .map_err(|errno| CommandError::io("attend to the container")(errno.into()))
}

/// Makes this process the parent of what outlives its parent in a container without a PID namespace
/// (PR_SET_CHILD_SUBREAPER(2const)), so that it can be reaped.
pub(super) fn adopt_orphans() -> Result<(), CommandError> {
    prctl::set_child_subreaper(true)
        .map_err(|errno| CommandError::io("adopt orphans")(errno.into()))
}

/// Reaps the adopted children that have ended, and leaves `pid` to its own turn.
fn reap_orphans(pid: Pid) -> nix::Result<()> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, look) {
            Ok(status) if status.pid().is_some_and(|ended| ended != pid) => {
                waitpid(status.pid(), None)?;
            }
            Ok(_) | Err(Errno::ECHILD) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// A terminal to be served here begins with the size of the caller's, where config.json gives none.
pub(super) fn size_as_callers(process: &mut Process) {
    if let Some(terminal) = &mut process.terminal
        && terminal.size.is_none()
    {
        terminal.size = tty::size(io::stdin().as_fd()).ok();
    }
}

fn reap(pid: Pid) -> nix::Result<u8> {
    loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(status as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

struct Attendant<'a> {
    pid: Pid,
    pidfd: &'a OwnedFd,
    signals: SignalFd,
    terminal: Option<Terminal>,
    readiness: Option<(Relay, &'a Log)>,
}

/// The two sides of the terminal.
struct Terminal {
    master: OwnedFd,
    /// The caller's terminal as it was, where standard input is one.
    before: Option<Termios>,
    input_open: bool,
    /// Read from standard input and not yet taken by the master.
    pending: Vec<u8>,
}

impl<'a> Attendant<'a> {
    fn new(child: Attended<'a>, log: &'a Log) -> nix::Result<Self> {
        Ok(Self {
            pid: child.pid,
            pidfd: child.pidfd,
            signals: SignalFd::with_flags(
                &SigSet::all(),
                SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
            )?,
            terminal: child.master.map(Terminal::new).transpose()?,
            readiness: child.relay.map(|relay| (relay, log)),
        })
    }

    fn run(&mut self) -> nix::Result<()> {
        loop {
            let mut fds = vec![
                PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let stdin = io::stdin();
            if let Some(terminal) = &self.terminal {
                terminal.watch(stdin.as_fd(), &mut fds);
            }
            let relay_at = fds.len();
            if let Some((relay, _)) = &self.readiness {
                fds.push(PollFd::new(relay.as_fd(), PollFlags::POLLIN));
            }
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                result => result?,
            };
            let ready = |index: usize| {
                fds.get(index)
                    .and_then(PollFd::revents)
                    .is_some_and(|events| !events.is_empty())
            };
            let (ended, signalled, told) = (ready(0), ready(1), ready(relay_at));
            let (output, input) = (relay_at > 2 && ready(2), relay_at > 3 && ready(3));
            drop(fds);
            if told || ended {
                self.pass_readiness_on();
            }
            if signalled {
                self.forward_signals()?;
            }
            if let Some(terminal) = &mut self.terminal {
                let goes_on = !output || terminal.relay_output()?;
                terminal.relay_input(stdin.as_fd(), input)?;
                if !goes_on {
                    self.terminal = None;
                }
            }
            if ended {
                if let Some(terminal) = &mut self.terminal {
                    terminal.drain()?;
                }
                self.terminal = None;
                return Ok(());
            }
        }
    }

    /// Goes on listening afterwards: a container must not wait for a socket that nobody reads.
    fn pass_readiness_on(&mut self) {
        if let Some((relay, log)) = &self.readiness
            && let Err(error) = relay.pass_on()
        {
            log.warn(error);
            self.readiness = None;
        }
    }

    fn forward_signals(&mut self) -> nix::Result<()> {
        while let Some(info) = self.signals.read_signal()? {
            match info.ssi_signo as i32 {
                libc::SIGCHLD => reap_orphans(self.pid)?,
                libc::SIGPIPE | libc::SIGURG => {}
                libc::SIGWINCH if self.terminal.is_some() => {
                    if let Some(terminal) = &self.terminal {
                        terminal.resize();
                    }
                }
                signal => match pidfd_send_signal(self.pidfd.as_fd(), signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(errno),
                },
            }
        }
        Ok(())
    }
}

impl Terminal {
    fn new(master: OwnedFd) -> nix::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            tcsetattr(&stdin, SetArg::TCSANOW, &raw)?;
        }
        let terminal = Self {
            master,
            before,
            input_open: true,
            pending: Vec::new(),
        };
        terminal.resize();
        Ok(terminal)
    }

    /// Takes over the caller's size; a caller without a terminal has none.
    fn resize(&self) {
        if let Ok((rows, columns)) = tty::size(io::stdin().as_fd()) {
            // A terminal that is gone needs no size.
            let _ = tty::resize(self.master.as_fd(), rows, columns);
        }
    }

    fn watch<'f>(&'f self, stdin: BorrowedFd<'f>, fds: &mut Vec<PollFd<'f>>) {
        let mut events = PollFlags::POLLIN;
        if !self.pending.is_empty() {
            events |= PollFlags::POLLOUT;
        }
        fds.push(PollFd::new(self.master.as_fd(), events));
        if self.input_open && self.pending.is_empty() {
            fds.push(PollFd::new(stdin, PollFlags::POLLIN));
        }
    }

    /// False when nobody holds the other end any more.
    fn relay_output(&mut self) -> nix::Result<bool> {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::ZERO)? == 0 {
            return Ok(true);
        }
        let mut buffer = [0u8; 4096];
        match read(&self.master, &mut buffer) {
            Ok(0) | Err(Errno::EIO) => Ok(false),
            Ok(count) => {
                let mut stdout = io::stdout().lock();
                // A caller that does not listen must not stop the container.
                let _ = stdout
                    .write_all(&buffer[..count])
                    .and_then(|()| stdout.flush());
                Ok(true)
            }
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    fn relay_input(&mut self, stdin: BorrowedFd<'_>, ready: bool) -> nix::Result<()> {
        if ready && self.pending.is_empty() {
            let mut buffer = [0u8; 4096];
            match read(stdin, &mut buffer) {
                Ok(0) | Err(Errno::EIO) => self.input_open = false,
                Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno),
            }
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut fds, PollTimeout::ZERO)? == 0 {
            return Ok(());
        }
        match write(&self.master, &self.pending) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(Errno::EIO) => self.pending.clear(),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Relays what the process wrote before it ended, and waits for no other.
    fn drain(&mut self) -> nix::Result<()> {
        loop {
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::ZERO)? == 0 || !self.relay_output()? {
                return Ok(());
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The caller's terminal may be gone; then there is nothing to restore.
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, before);
        }
    }
}
