//! A view of the machine that a runtime accepts: a private mount namespace without the part of
//! /sys/fs/cgroup that it refuses.
//!
//! A thread enters the view and stays in it; the processes and threads that it starts are born
//! there. So nothing stands between the runner and a runtime, and `unsafe` is not needed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Where a hybrid layout has its unified hierarchy.
const UNIFIED: &str = "/sys/fs/cgroup/unified";

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
        if !Path::new(UNIFIED).join("cgroup.procs").exists() {
            return Ok(None);
        }
        // On a thread of its own: the caller stays where it is.
        let made = thread::spawn(|| -> io::Result<File> {
            unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
            let nowhere = None::<&str>;
            // Slave: mounts that the host makes later still arrive, ours never leave.
            mount(
                nowhere,
                "/",
                nowhere,
                MsFlags::MS_REC | MsFlags::MS_SLAVE,
                nowhere,
            )?;
            umount2(UNIFIED, MntFlags::MNT_DETACH)?;
            File::open("/proc/thread-self/ns/mnt")
        })
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
