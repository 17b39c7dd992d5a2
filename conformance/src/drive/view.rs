//! A view of the machine that a runtime accepts: a private mount namespace without the part of
//! /sys/fs/cgroup that it refuses.
//!
//! A thread enters the view and stays in it; the processes and threads that it starts are born
//! there. So nothing stands between the runner and a runtime, and `unsafe` is not needed.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

/// Where the hierarchies are mounted.
const ROOT: &str = "/sys/fs/cgroup";
/// The unified hierarchy of a hybrid layout, below it.
const UNIFIED: &str = "unified";

/// A private mount namespace.
#[derive(Debug)]
pub struct View {
    namespace: File,
    /// What is different in it, for the header and the user.
    pub difference: &'static str,
}

impl View {
    /// A pure cgroup v1 layout, made of a hybrid one by hiding its unified hierarchy; `None` where
    /// the layout is not a hybrid one.
    pub fn pure_v1() -> io::Result<Option<Self>> {
        if !Path::new(ROOT).join(UNIFIED).join("cgroup.procs").exists() {
            return Ok(None);
        }
        // On a thread of its own: the caller stays where it is.
        let made = thread::spawn(hide_unified)
            .join()
            .map_err(|_| io::Error::other("the thread that makes the cgroup view panicked"))?;
        Ok(Some(Self {
            namespace: made?,
            difference: "a private mount namespace with the cgroup v1 hierarchies only",
        }))
    }

    /// Moves the calling thread into the view, for good.
    pub fn enter(&self) -> io::Result<()> {
        // The root and working directory are shared between threads; setns(2) refuses that.
        unshare(CloneFlags::CLONE_FS)?;
        setns(&self.namespace, CloneFlags::CLONE_NEWNS)?;
        Ok(())
    }
}

/// Moves the calling thread into a new mount namespace. Mounts that the host makes later still arrive
/// there; its own never leave.
pub(crate) fn private_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_SLAVE,
        nothing,
    )?;
    Ok(())
}

/// Moves the calling thread into a new mount namespace, in which /sys/fs/cgroup has everything but
/// the unified hierarchy, not even its directory: crun takes that for a hybrid layout.
fn hide_unified() -> io::Result<File> {
    private_mounts()?;
    let nothing = None::<&str>;
    // Held open, since the tmpfs will hide them.
    let mut hierarchies = Vec::new();
    let mut links = Vec::new();
    for entry in fs::read_dir(ROOT)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_symlink() {
            links.push((name, fs::read_link(entry.path())?));
        } else if name != UNIFIED {
            hierarchies.push((name, File::open(entry.path())?));
        }
    }
    mount(
        Some("tmpfs"),
        ROOT,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=755"),
    )?;
    for (name, held) in hierarchies {
        let point = Path::new(ROOT).join(name);
        fs::create_dir(&point)?;
        let source = format!("/proc/self/fd/{}", held.as_raw_fd());
        mount(
            Some(source.as_str()),
            &point,
            nothing,
            MsFlags::MS_BIND,
            nothing,
        )?;
    }
    for (name, target) in links {
        symlink(target, Path::new(ROOT).join(name))?;
    }
    File::open("/proc/thread-self/ns/mnt")
}
