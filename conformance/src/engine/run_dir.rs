//! A directory of a run, below the temporary directory. A lock on it says that its runner lives: what a killed
//! runner left is found and cleaned by the next one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::cleanup::clean_run;
use crate::drive::Limits;

/// The start of the directories' names, and of the container ids and cgroups below them.
const PREFIX: &str = "plimsoll-";
const LOCK: &str = "lock";

/// Why a run has no place to work in.
#[derive(Debug, thiserror::Error)]
#[error("prepare {path}: {error}", path = .path.display())]
pub struct ScratchError {
    path: PathBuf,
    error: io::Error,
}

impl ScratchError {
    /// Names what could not be prepared.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self { path, error }
    }
}

/// The directory of a run. Dropping it ends what is left of the run and removes the directory.
#[derive(Debug)]
pub(crate) struct RunDir {
    dir: PathBuf,
    token: String,
    limits: Limits,
    _lock: Flock<File>,
}

impl RunDir {
    /// Makes the directory below the temporary directory, and cleans up after runners that were killed.
    /// What is killed for that may take as long to be gone as `limits` say.
    pub(crate) fn new(limits: Limits) -> Result<Self, ScratchError> {
        Self::new_in(&std::env::temp_dir(), limits)
    }

    fn new_in(base: &Path, limits: Limits) -> Result<Self, ScratchError> {
        let at = ScratchError::at;
        for stale in stale(base).map_err(at(base))? {
            clean_run(&stale, limits);
        }
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .tempdir_in(base)
            .map_err(at(base))?
            .keep();
        let lock = dir.join(LOCK);
        let held = File::create(&lock).and_then(|file| {
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
        });
        let held = held.map_err(at(&lock))?;
        // Users of the containers must reach their bundles.
        open_to_all(&dir).map_err(at(&dir))?;
        let token = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            dir,
            token,
            limits,
            _lock: held,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Unique on this machine: to be part of every container id and cgroup of the run.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Ends what is left of the run, as far as the calling thread sees it, and removes the directory.
    pub(crate) fn clean(&self) {
        clean_run(&self.dir, self.limits);
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        self.clean();
    }
}

pub(super) fn open_to_all(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

/// The directories whose runner is gone: nobody holds their lock.
fn stale(base: &Path) -> io::Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for entry in fs::read_dir(base)? {
        let dir = entry?.path();
        let ours = dir
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        // No lock yet: it may be in the making just now.
        let Some(lock) = ours.then(|| File::open(dir.join(LOCK)).ok()).flatten() else {
            continue;
        };
        match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
            Ok(_) => stale.push(dir),
            Err((_, Errno::EWOULDBLOCK)) => {}
            Err((_, errno)) => return Err(errno.into()),
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_runner_left_is_removed_and_what_a_living_one_has_is_not() {
        let base = tempfile::tempdir().unwrap();
        let dead = base.path().join("plimsoll-dead");
        fs::create_dir_all(dead.join("bundles/default")).unwrap();
        File::create(dead.join(LOCK)).unwrap();
        let foreign = base.path().join("other");
        fs::create_dir(&foreign).unwrap();
        File::create(foreign.join(LOCK)).unwrap();
        let making = base.path().join("plimsoll-without-lock");
        fs::create_dir(&making).unwrap();

        let living = RunDir::new_in(base.path(), Limits::default()).unwrap();
        assert!(!dead.exists());
        let second = RunDir::new_in(base.path(), Limits::default()).unwrap();
        assert!(living.path().exists() && foreign.exists() && making.exists());
        assert_ne!(living.token(), second.token());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }
}
