//! Namespaces: the identity of one, and new ones for containers to join.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, unshare};

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

/// The types that the kernel makes for a thread of a program; user and time namespaces take more.
pub const NAMESPACES: &[NamespaceKind] = &[
    NamespaceKind {
        config: "pid",
        proc: "pid",
        flag: CloneFlags::CLONE_NEWPID,
    },
    NamespaceKind {
        config: "network",
        proc: "net",
        flag: CloneFlags::CLONE_NEWNET,
    },
    NamespaceKind {
        config: "mount",
        proc: "mnt",
        flag: CloneFlags::CLONE_NEWNS,
    },
    NamespaceKind {
        config: "ipc",
        proc: "ipc",
        flag: CloneFlags::CLONE_NEWIPC,
    },
    NamespaceKind {
        config: "uts",
        proc: "uts",
        flag: CloneFlags::CLONE_NEWUTS,
    },
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
    /// A new namespace for the container to join.
    pub fn new_namespace(&self, kind: NamespaceKind) -> Check<NewNamespace> {
        let probe = self.probe_path();
        // A thread of its own enters the namespace, and its child is born there.
        let holder = thread::spawn(move || {
            unshare(kind.flag)?;
            Command::new(probe)
                .arg("agent")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        })
        .join()
        .map_err(|_| Stop::Broken("the thread that makes a namespace panicked".into()))?
        .map_err(|error| Stop::broken(format!("make a {} namespace", kind.config), error))?;
        let path = format!("/proc/{}/ns/{}", holder.id(), kind.proc);
        self.holders.borrow_mut().push(Holder(holder));
        let identity = identity(&path)?;
        Ok(NewNamespace { path, identity })
    }

    /// The identity of a process's namespace, by its name below /proc/PID/ns; nothing where there is
    /// no such process.
    pub fn namespace_of(&self, pid: i32, name: &str) -> Option<String> {
        fs::read_link(format!("/proc/{pid}/ns/{name}"))
            .ok()
            .map(|target| target.display().to_string())
    }

    /// The identity of the namespace that the runtime is in, as it is of the case's thread.
    pub fn runtime_namespace(&self, kind: NamespaceKind) -> Check<String> {
        identity(&format!("/proc/thread-self/ns/{}", kind.proc))
    }
}

fn identity(path: &str) -> Check<String> {
    match fs::read_link(Path::new(path)) {
        Ok(target) => Ok(target.display().to_string()),
        Err(error) => Err(Stop::broken(format!("read {path}"), error)),
    }
}
