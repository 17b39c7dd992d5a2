//! Namespaces: the identity of one, and new ones for containers to join.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns};
use rustix::pipe::{PipeFlags, pipe_with};

use super::cgroup::facts;
use crate::drive::{Deadline, Limit, Pidfd};
use crate::need::Need;
use crate::trial::{Step, Trial};
use crate::verdict::{Check, Stop};

/// A type of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamespaceKind {
    /// Its name in config.json.
    pub config: &'static str,
    /// Its name below /proc/PID/ns.
    pub proc: &'static str,
    flag: CloneFlags,
}

/// The user namespace.
pub const USER: NamespaceKind = NamespaceKind {
    config: "user",
    proc: "user",
    flag: CloneFlags::CLONE_NEWUSER,
};

/// The time namespace.
pub const TIME: NamespaceKind = NamespaceKind {
    config: "time",
    proc: "time",
    // linux/sched.h CLONE_NEWTIME, which nix does not name.
    flag: CloneFlags::from_bits_retain(0x80),
};

/// The network namespace.
pub const NETWORK: NamespaceKind = NamespaceKind {
    config: "network",
    proc: "net",
    flag: CloneFlags::CLONE_NEWNET,
};

/// The mount namespace.
pub const MOUNT: NamespaceKind = NamespaceKind {
    config: "mount",
    proc: "mnt",
    flag: CloneFlags::CLONE_NEWNS,
};

/// The UTS namespace.
pub const UTS: NamespaceKind = NamespaceKind {
    config: "uts",
    proc: "uts",
    flag: CloneFlags::CLONE_NEWUTS,
};

/// The types that a container has by default; [`USER`] and [`TIME`] are the others.
pub const NAMESPACES: &[NamespaceKind] = &[
    NamespaceKind {
        config: "pid",
        proc: "pid",
        flag: CloneFlags::CLONE_NEWPID,
    },
    NETWORK,
    MOUNT,
    NamespaceKind {
        config: "ipc",
        proc: "ipc",
        flag: CloneFlags::CLONE_NEWIPC,
    },
    UTS,
    NamespaceKind {
        config: "cgroup",
        proc: "cgroup",
        flag: CloneFlags::CLONE_NEWCGROUP,
    },
];

/// A new namespace for a container to join. It lives as long as the trial.
#[derive(Debug, Clone)]
pub struct NewNamespace {
    /// Its path on the host, for config.json.
    pub path: String,
    /// The process that holds it.
    pub pid: i32,
    /// Its identity: `uts:[4026531838]`.
    pub identity: String,
}

/// A process that waits in a namespace, and ends when this is dropped: after the container's init
/// was waited for, since the first process of a PID namespace ends last.
pub(crate) struct Holder {
    process: Pidfd,
    gone: Limit,
    /// It ends with us, should we be killed.
    _input: OwnedFd,
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It is a child that nobody else waits for, so that neither can fail in a way that matters.
        let _ = self.process.kill();
        let _ = self.process.wait(Deadline::after(self.gone));
    }
}

impl Trial {
    /// A new namespace for the container to join. A user namespace maps all ids to themselves; what
    /// is mounted in a mount namespace stays there.
    pub fn new_namespace(&self, kind: NamespaceKind) -> Check<NewNamespace> {
        needs_root()?;
        let flags = kind.flag.bits();
        let (pid, holder) = hold(&self.probe_path(), flags, self.limits.gone)
            .map_err(|error| Stop::broken(format!("make a {} namespace", kind.config), error))?;
        self.holders.borrow_mut().push(holder);
        self.steps.push(Step::Held { pid, flags });
        let path = format!("/proc/{pid}/ns/{}", kind.proc);
        let identity = identity(&path)?;
        Ok(NewNamespace {
            path,
            pid,
            identity,
        })
    }

    /// The identity of a process's namespace, by its name below /proc/PID/ns; nothing where there is
    /// no such process.
    pub fn namespace_of(&self, pid: i32, name: &str) -> Option<String> {
        fs::read_link(format!("/proc/{pid}/ns/{name}"))
            .ok()
            .map(|target| target.display().to_string())
    }

    /// Skips what is to be seen of a process of which the kernel shows an ordinary user nothing: one in a
    /// user namespace that has not executed a program there yet (ptrace(2), access mode checking).
    pub fn can_look_at(&self, pid: i32) -> Check {
        match fs::read_link(format!("/proc/{pid}/ns/pid")) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Stop::Skip(
                "the kernel shows an ordinary user nothing of the container's process yet".into(),
            )),
            _ => Ok(()),
        }
    }

    /// The host name in a process's UTS namespace.
    pub fn host_name_of(&self, pid: i32) -> Check<String> {
        needs_root()?;
        let path = format!("/proc/{pid}/ns/uts");
        let attempt = format!("ask for the host name in {path}");
        // A thread of its own enters the namespace.
        let asked = thread::spawn(move || {
            setns(File::open(path)?, CloneFlags::CLONE_NEWUTS)?;
            let name = nix::unistd::gethostname()?;
            Ok::<_, io::Error>(name.to_string_lossy().into_owned())
        });
        match asked.join() {
            Ok(Ok(name)) => Ok(name),
            Ok(Err(error)) => Err(Stop::broken(attempt, error)),
            Err(_) => Err(Stop::Broken(format!("{attempt}: the thread panicked"))),
        }
    }

    /// The identity of the namespace that the runtime is in, as it is of the case's thread.
    pub fn runtime_namespace(&self, kind: NamespaceKind) -> Check<String> {
        identity(&format!("/proc/thread-self/ns/{}", kind.proc))
    }
}

/// An ordinary user makes and enters namespaces only through a user namespace, which the container
/// would have to join as well.
fn needs_root() -> Check {
    Need::Root.met(facts()).map_err(Stop::Skip)
}

/// Starts a process in new namespaces. The probe that makes them ends; what it leaves is ours, since
/// we are a subreaper.
fn hold(probe: &Path, flags: i32, gone: Limit) -> io::Result<(i32, Holder)> {
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
    let output = Command::new(probe)
        .args(["hold", &flags.to_string()])
        .stdin(theirs)
        .output()?;
    let pid = String::from_utf8_lossy(&output.stdout).trim().parse();
    let said = || io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    let pid = pid.map_err(|_| said())?;
    let process = Pidfd::open(pid)?.ok_or_else(said)?;
    let holder = Holder {
        process,
        gone,
        _input: ours,
    };
    Ok((pid, holder))
}

fn identity(path: &str) -> Check<String> {
    match fs::read_link(Path::new(path)) {
        Ok(target) => Ok(target.display().to_string()),
        Err(error) => Err(Stop::broken(format!("read {path}"), error)),
    }
}
