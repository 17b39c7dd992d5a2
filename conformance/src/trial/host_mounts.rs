//! Mounts on the host, for cases about what a container sees of them: made in a mount namespace that
//! only this trial's calls run in, so that the machine never sees them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use super::trial::Trial;
use crate::observe::{Mount, mount_at};
use crate::verdict::{Check, Stop};

/// Where the case's thread was before it moved to a mount namespace of its own.
pub(crate) struct Left {
    namespace: File,
    directory: File,
}

/// The trial's own mount namespace: the host, for its container.
pub struct HostMounts<'t>(&'t Trial);

impl Trial {
    /// Moves the case's thread, and so all further calls of the runtime, to a mount namespace of the
    /// trial's own, in which all mounts are private. It ends with the trial.
    pub fn own_mounts(&self) -> Check<HostMounts<'_>> {
        let moved = (|| -> std::io::Result<Left> {
            let left = Left {
                namespace: File::open("/proc/thread-self/ns/mnt")?,
                directory: File::open(".")?,
            };
            unshare(CloneFlags::CLONE_NEWNS)?;
            Ok(left)
        })();
        let left =
            moved.map_err(|error| Stop::broken("move to a mount namespace of its own", error))?;
        *self.left.borrow_mut() = Some(left);
        change(Path::new("/"), MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
        Ok(HostMounts(self))
    }

    /// Moves the case's thread back to where it came from.
    pub(crate) fn leave_own_mounts(&self) -> Check {
        let Some(left) = self.left.borrow_mut().take() else {
            return Ok(());
        };
        setns(&left.namespace, CloneFlags::CLONE_NEWNS)
            .and_then(|()| nix::unistd::fchdir(&left.directory))
            .map_err(|error| Stop::broken("leave the trial's mount namespace", error))
    }
}

impl HostMounts<'_> {
    /// A path below the trial's directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.dir().join(path)
    }

    /// Mounts a tmpfs with these flags on a directory below the trial's, which is made.
    pub fn tmpfs(&self, path: &str, flags: MsFlags) -> Check {
        let point = self.path(path);
        let (shown, options) = (point.display().to_string(), option_words(flags));
        self.0.steps.host(&["mkdir", "-p", &shown]);
        let command = ["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &shown];
        self.0.steps.host(&command);
        fs::create_dir_all(&point)
            .and_then(|()| {
                let mode = Some("mode=755");
                Ok(mount(Some("tmpfs"), &point, Some("tmpfs"), flags, mode)?)
            })
            .map_err(|error| Stop::broken(format!("mount a tmpfs on {}", point.display()), error))
    }

    /// Changes the propagation of a mount, below the trial's directory or by its whole path: `MS_SHARED`, …, with `MS_REC`
    /// that of those below it, too.
    pub fn propagation(&self, path: &str, flags: MsFlags) -> Check {
        let point = self.path(path);
        let shown = point.display().to_string();
        let word = propagation_word(flags);
        self.0.steps.host(&["mount", word, &shown]);
        change(&point, flags)
    }

    /// Takes a mount below the trial's directory away.
    pub fn unmount(&self, path: &str) -> Check {
        let point = self.path(path);
        let shown = point.display().to_string();
        self.0.steps.host(&["umount", "-l", &shown]);
        umount2(&point, MntFlags::MNT_DETACH)
            .map_err(|error| Stop::broken(format!("unmount {}", point.display()), error))
    }

    /// The lines of the mount table.
    pub fn table(&self) -> Check<Vec<String>> {
        let text = self.0.read("/proc/thread-self/mountinfo")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The mount at a path below the trial's directory.
    pub fn at(&self, path: &str) -> Check<Option<Mount>> {
        Ok(mount_at(
            &self.table()?,
            &self.path(path).display().to_string(),
        ))
    }
}

/// The options of mount(8) for flags of a tmpfs.
fn option_words(flags: MsFlags) -> String {
    let words = [
        (MsFlags::MS_RDONLY, ",ro"),
        (MsFlags::MS_NOSUID, ",nosuid"),
        (MsFlags::MS_NODEV, ",nodev"),
        (MsFlags::MS_NOEXEC, ",noexec"),
    ];
    let set = words.iter().filter(|(flag, _)| flags.contains(*flag));
    std::iter::once("mode=755")
        .chain(set.map(|(_, word)| *word))
        .collect()
}

/// The option of mount(8) for a propagation.
fn propagation_word(flags: MsFlags) -> &'static str {
    let words = [
        (MsFlags::MS_SHARED, "--make-shared", "--make-rshared"),
        (MsFlags::MS_SLAVE, "--make-slave", "--make-rslave"),
        (
            MsFlags::MS_UNBINDABLE,
            "--make-unbindable",
            "--make-runbindable",
        ),
    ];
    let (_, one, all) = words
        .into_iter()
        .find(|(flag, ..)| flags.contains(*flag))
        .unwrap_or((MsFlags::MS_PRIVATE, "--make-private", "--make-rprivate"));
    if flags.contains(MsFlags::MS_REC) {
        all
    } else {
        one
    }
}

fn change(point: &Path, flags: MsFlags) -> Check {
    mount(None::<&str>, point, None::<&str>, flags, None::<&str>).map_err(|error| {
        Stop::broken(
            format!("change the propagation of {}", point.display()),
            error,
        )
    })
}
