//! A process named so that its PID can be trusted later.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::read;
use crate::sys::clone::{pidfd_open, pidfd_send_signal};
use crate::sys::file::Together;

/// `PID_FS_MAGIC` of linux/magic.h. Before Linux 6.9 a pidfd is no file of a file system of its own, and all
/// have the same inode number.
const PIDFS: FsType = FsType(0x5049_4446);

/// A PID with what tells the process from others that had it or will have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// PID as the runtime sees it.
    pub pid: i32,
    /// Where there is no mark: clock ticks between boot and the start of the process, field 22 of
    /// /proc/PID/stat, proc(5). With the PID it is unique until the machine is booted again.
    #[serde(default)]
    pub start: u64,
    /// The inode of the process's descriptors, mixed with the id of this boot: no other process has it. It is
    /// had for a tenth of what the kernel takes to make `stat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<u64>,
}

impl Process {
    /// The process that has this PID now; `None` where there is none, it has ended, or that cannot be told.
    pub fn find(pid: i32) -> Option<Self> {
        Self::behind(pid, &pidfd_open(Pid::from_raw(pid)).ok()?)
    }

    /// The process that a descriptor stands for, whose PID is known; `None` as of [`Process::find`].
    pub fn behind(pid: i32, pidfd: &OwnedFd) -> Option<Self> {
        match mark(pidfd) {
            Some(mark) => (has_ended(pidfd) == Ok(false)).then_some(Self {
                pid,
                start: 0,
                mark: Some(mark),
            }),
            None => Self::find_by_start(pid).ok()?,
        }
    }

    /// As [`Process::find`], for kernels whose descriptors tell nothing. An error is that it cannot be told.
    pub(super) fn find_by_start(pid: i32) -> nix::Result<Option<Self>> {
        let text = match read::small(format!("/proc/{pid}/stat")).map_err(errno) {
            Ok(text) => text,
            // proc(5): it ended before the file was opened, or before it was read.
            Err(Errno::ENOENT | Errno::ESRCH) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let (letter, start) = parse_stat(&text).ok_or(Errno::EBADMSG)?;
        Ok((!matches!(letter, b'Z' | b'X' | b'x')).then_some(Self {
            pid,
            start,
            mark: None,
        }))
    }

    /// The calling process.
    pub fn current() -> Option<Self> {
        Self::find(std::process::id() as i32)
    }

    /// Whether this very process still lives; a zombie does not. An error is that it cannot be told, as where
    /// no more descriptors are to be had.
    pub fn is_alive(self) -> nix::Result<bool> {
        match self.open() {
            Ok(_) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(errno) => Err(errno),
        }
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

    /// A descriptor of this very process; ESRCH where it has ended.
    pub fn open(self) -> nix::Result<OwnedFd> {
        let pidfd = self.open_even_ended()?;
        let lives = self.mark.is_none() || !has_ended(&pidfd)?;
        lives.then_some(pidfd).ok_or(Errno::ESRCH)
    }

    /// As [`Process::open`], also of one that has ended and was not reaped. The descriptor comes first: what is
    /// found afterwards, the PID's or its own, is of the process that it stands for.
    fn open_even_ended(self) -> nix::Result<OwnedFd> {
        if self.pid <= 0 {
            return Err(Errno::ESRCH);
        }
        let pidfd = pidfd_open(Pid::from_raw(self.pid)).map_err(|errno| match errno {
            // The PID is now that of a thread: pidfd_open(2), the second since Linux 6.14.
            Errno::EINVAL | Errno::ENOENT => Errno::ESRCH,
            other => other,
        })?;
        let same = match self.mark {
            Some(mark) => mark_by_inode(&pidfd)? == mark,
            None => Self::find_by_start(self.pid)? == Some(self),
        };
        same.then_some(pidfd).ok_or(Errno::ESRCH)
    }
}

/// [`Process::is_alive`] of many, by one look at them all.
pub(super) fn are_alive(processes: &[Option<Process>]) -> Vec<nix::Result<bool>> {
    let mut alive = vec![Ok(false); processes.len()];
    let mut pidfds = Together::default();
    let (mut opened, mut alone) = (Vec::with_capacity(processes.len()), Vec::new());
    for (at, process) in processes.iter().enumerate() {
        match process.map_or(Err(Errno::ESRCH), Process::open_even_ended) {
            Ok(pidfd) => {
                pidfds.add(pidfd);
                opened.push(at);
            }
            // There is room once the others are closed.
            Err(Errno::EMFILE | Errno::ENFILE) => alone.push(at),
            Err(Errno::ESRCH) => {}
            Err(errno) => alive[at] = Err(errno),
        }
    }
    let look = |pidfd| PollFd::new(pidfd, PollFlags::POLLIN);
    let mut fds: Vec<_> = pidfds.iter().map(look).collect();
    if poll(&mut fds, PollTimeout::ZERO).is_ok() {
        for (at, fd) in opened.iter().zip(&fds) {
            alive[*at] = Ok(fd.any() == Some(false));
        }
    } else {
        alone.extend(opened);
    }
    drop(fds);
    drop(pidfds);
    for at in alone {
        alive[at] = processes[at].map_or(Ok(false), Process::is_alive);
    }
    alive
}

/// The mark of the process that a descriptor stands for, where the kernel and this boot give one.
fn mark(pidfd: &OwnedFd) -> Option<u64> {
    static GIVES_MARKS: OnceLock<bool> = OnceLock::new();
    let gives = || fstatfs(pidfd).is_ok_and(|about| about.filesystem_type() == PIDFS);
    GIVES_MARKS
        .get_or_init(gives)
        .then(|| mark_by_inode(pidfd).ok())
        .flatten()
}

/// As [`mark`], to be compared with one: of a kernel that gives none it is that of no process.
fn mark_by_inode(pidfd: &OwnedFd) -> nix::Result<u64> {
    Ok(fstat(pidfd)?.st_ino ^ boot()?)
}

/// Half of the random id of this boot (random(4)), asked for once. Inodes of processes are counted anew from
/// each boot on, and a container's record may lie on a disk.
fn boot() -> nix::Result<u64> {
    static BOOT: OnceLock<u64> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(*boot);
    }
    let id = read::small_text("/proc/sys/kernel/random/boot_id").map_err(errno)?;
    let digits: String = id.chars().filter(|c| *c != '-').take(16).collect();
    let boot = u64::from_str_radix(&digits, 16).map_err(|_| Errno::EBADMSG)?;
    Ok(*BOOT.get_or_init(|| boot))
}

/// Whether the process of a descriptor has ended (pidfd_open(2): it is then readable), reaped or not.
fn has_ended(pidfd: &OwnedFd) -> nix::Result<bool> {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut fds, PollTimeout::ZERO) {
            // It looks for signals although it does not wait.
            Err(Errno::EINTR) => {}
            polled => return polled.map(|ready| ready > 0),
        }
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::try_from(error).unwrap_or(Errno::EIO)
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
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn a_command_name_may_hold_brackets_and_spaces() {
        let stat = b"42 (a) Z 1 (b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 3";
        assert_eq!(parse_stat(stat), Some((b'S', 987_654)));
        assert_eq!(parse_stat(b"42 (a"), None);
        assert_eq!(parse_stat(b"42 (a) S 1"), None);
    }

    /// A child that ends when it is killed.
    fn sleeper() -> std::process::Child {
        let mut sleep = std::process::Command::new("sleep");
        sleep.arg("60").spawn().expect("sleep runs")
    }

    fn by_start(pid: i32) -> Option<Process> {
        Process::find_by_start(pid).expect("/proc is mounted")
    }

    /// A process that has another's PID.
    fn other(process: Process) -> Process {
        Process {
            start: process.start + 1,
            mark: process.mark.map(|mark| mark + 1),
            ..process
        }
    }

    #[test]
    fn the_own_process_lives_and_one_of_another_time_does_not() {
        let own = Process::current().expect("/proc is mounted");
        let by_start = by_start(own.pid).expect("it lives");
        for process in [own, by_start] {
            assert_eq!(process.is_alive(), Ok(true), "{process:?}");
            assert_eq!(other(process).is_alive(), Ok(false), "{process:?}");
        }
        let none = Process { pid: 0, ..own };
        assert_eq!(none.is_alive(), Ok(false));
        let many = [none, own, other(own), by_start, other(by_start), own].map(Some);
        assert_eq!(
            are_alive(&many),
            [false, true, false, true, false, true].map(Ok)
        );
        assert_eq!(are_alive(&[None, Some(own)]), [false, true].map(Ok));
    }

    #[test]
    fn one_that_has_ended_is_gone_before_and_after_it_is_reaped() {
        let mut child = sleeper();
        let pid = child.id() as i32;
        let both = [Process::find(pid), by_start(pid)].map(|found| found.expect("it lives"));
        assert_eq!(both.map(Process::is_alive), [Ok(true); 2], "{both:?}");
        child.kill().expect("killed");
        let ended = both[0].wait(Duration::from_secs(10)).expect("waited for");
        assert!(ended, "{both:?}");
        for reaped in [false, true] {
            assert_eq!(
                both.map(Process::is_alive),
                [Ok(false); 2],
                "{both:?}, reaped: {reaped}"
            );
            let own = Process::current().expect("/proc is mounted");
            let many = [both[0], own, both[1]].map(Some);
            assert_eq!(
                are_alive(&many),
                [false, true, false].map(Ok),
                "{both:?}, reaped: {reaped}"
            );
            assert_eq!(both[0].signal(0), Err(Errno::ESRCH));
            assert_eq!(Process::find(pid), None);
            assert_eq!(by_start(pid), None);
            child.wait().expect("reaped");
        }
    }

    #[test]
    fn without_a_free_descriptor_nobody_is_taken_for_ended() {
        let own = Process::current().expect("/proc is mounted");
        let by_start = by_start(own.pid).expect("it lives");
        // As many are plenty for the other tests of this process.
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
        setrlimit(Resource::RLIMIT_NOFILE, soft.min(4096), hard).expect("a lower limit");
        let alone = std::thread::spawn(move || {
            // A table of its own, which nobody else needs.
            unshare(CloneFlags::CLONE_FILES).expect("a table of descriptors");
            let null = std::fs::File::open("/dev/null").expect("opened");
            let copies = std::iter::repeat_with(|| null.try_clone());
            let mut full: Vec<_> = copies.map_while(Result::ok).collect();
            for process in [own, by_start] {
                assert_eq!(process.is_alive(), Err(Errno::EMFILE), "{process:?}");
                assert_eq!(are_alive(&[Some(process)]), [Err(Errno::EMFILE)]);
                assert_eq!(process.signal(0), Err(Errno::EMFILE));
                let waited = process.wait(Duration::ZERO);
                assert_eq!(waited, Err(Errno::EMFILE));
            }
            full.pop();
            // One is enough for what the kernel marks; the other's start takes a second.
            assert_eq!(by_start.is_alive(), Err(Errno::EMFILE));
            let marked = own.mark.is_some().then_some(own);
            assert!(marked.is_none_or(|own| own.is_alive() == Ok(true)));
            full.pop();
            assert_eq!(are_alive(&[own, by_start].map(Some)), [Ok(true); 2]);
        });
        alone.join().expect("no assertion failed");
    }

    #[test]
    fn a_process_has_one_mark_and_each_another() {
        let own = Process::current().expect("/proc is mounted");
        assert_eq!(Process::current(), Some(own));
        let mut child = sleeper();
        let other = Process::find(child.id() as i32).expect("it lives");
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert!(
            own.mark.is_none() || own.mark != other.mark,
            "{own:?} {other:?}"
        );
    }
}
