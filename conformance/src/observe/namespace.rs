//! Namespaces: the identity of one, and new ones for containers to join.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::cgroup::facts;
use crate::need::Need;
use crate::trial::Trial;
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

/// The user namespace, which no thread of a program can make.
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

/// The types that the kernel makes for a thread of a program; [`USER`] and [`TIME`] take more.
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
    pub pid: u32,
    /// Its identity: `uts:[4026531838]`.
    pub identity: String,
}

/// A process of ours that waits in a namespace, and ends when this is dropped: after the
/// container's init was waited for, since the first process of a PID namespace ends last.
pub(crate) struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        // It is a child that nobody else waits for, so that neither can fail in a way that matters.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Trial {
    /// A new namespace for the container to join. A user namespace maps all ids to themselves; what
    /// is mounted in a mount namespace stays there.
    pub fn new_namespace(&self, kind: NamespaceKind) -> Check<NewNamespace> {
        needs_root()?;
        let probe = self.probe_path();
        let name = match kind {
            // The process that makes it stays where it is (time_namespaces(7)).
            TIME => "time_for_children",
            _ => kind.proc,
        };
        let holder = match kind {
            USER | TIME => holder_by_command(&probe, kind),
            // A thread of its own enters the namespace, and its child is born there.
            _ => thread::spawn(move || holder_by_birth(&probe, kind))
                .join()
                .map_err(|_| Stop::Broken("the thread that makes a namespace panicked".into()))?,
        };
        let holder = holder
            .map_err(|error| Stop::broken(format!("make a {} namespace", kind.config), error))?;
        let pid = holder.id();
        let path = format!("/proc/{pid}/ns/{name}");
        self.holders.borrow_mut().push(Holder(holder));
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

fn holder(probe: &Path) -> Command {
    let mut holder = Command::new(probe);
    holder
        .arg("agent")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    holder
}

/// A process born in a new namespace. The calling thread stays there, too.
fn holder_by_birth(probe: &Path, kind: NamespaceKind) -> io::Result<Child> {
    unshare(kind.flag)?;
    if kind.flag == CloneFlags::CLONE_NEWNS {
        let (nothing, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        mount(nothing, "/", nothing, private, nothing)?;
    }
    holder(probe).spawn()
}

/// A process that makes a new namespace itself.
fn holder_by_command(probe: &Path, kind: NamespaceKind) -> io::Result<Child> {
    let mut child = holder(probe).stdout(Stdio::piped()).spawn()?;
    if let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.as_mut()) {
        writeln!(stdin, "unshare {}", kind.flag.bits())?;
        let (mut lines, mut answer) = (BufReader::new(stdout), String::new());
        lines.read_line(&mut String::new())?;
        lines.read_line(&mut answer)?;
        if !answer.starts_with("{\"ok\"") {
            return Err(io::Error::other(answer));
        }
    }
    if kind == USER {
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{}/{map}", child.id()), "0 0 4294967295")?;
        }
    }
    Ok(child)
}

fn identity(path: &str) -> Check<String> {
    match fs::read_link(Path::new(path)) {
        Ok(target) => Ok(target.display().to_string()),
        Err(error) => Err(Stop::broken(format!("read {path}"), error)),
    }
}
