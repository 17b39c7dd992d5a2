//! The directory of a run: one below the temporary directory, with one below it for each trial.
//!
//! A lock on it says that its runner lives. What a killed runner left is found and cleaned by the
//! next one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use plimsoll_fixtures::bundle::ProbeFile;

use super::base::base;
use super::cleanup::clean_run;
use crate::case::Case;
use crate::drive::Runtime;
use crate::observe::facts;
use crate::trial::{Limits, Place, Trial};
use crate::verdict::{Check, Stop};

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

/// The directory of a run. Dropping it ends what is left of the run and removes the directory.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
    /// Unique on this machine: part of every container id and cgroup of the run.
    token: String,
    /// The probe that all bundles link to.
    probe: ProbeFile,
    trials: AtomicU32,
    _lock: Flock<File>,
}

impl Scratch {
    /// Makes the directory, and cleans up after runners that were killed. The calling process
    /// becomes a subreaper, so that what runtimes leave behind is ours to wait for.
    pub fn new() -> Result<Self, ScratchError> {
        let base = std::env::temp_dir();
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| ScratchError { path, error }
        };
        nix::sys::prctl::set_child_subreaper(true).map_err(|errno| at(&base)(errno.into()))?;
        for stale in stale(&base).map_err(at(&base))? {
            clean_run(&stale);
        }
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .tempdir_in(&base)
            .map_err(at(&base))?
            .keep();
        let lock = dir.join(LOCK);
        let held = File::create(&lock).and_then(|file| {
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
        });
        let held = held.map_err(at(&lock))?;
        // Users of the containers must reach their bundles.
        open_to_all(&dir).map_err(at(&dir))?;
        let probe = ProbeFile::write_in(&dir)
            .map_err(io::Error::other)
            .map_err(at(&dir))?;
        let token = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            dir,
            token,
            probe,
            trials: AtomicU32::new(0),
            _lock: held,
        })
    }

    /// A trial for a case, its bundle written.
    pub(super) fn trial(&self, case: &Case, runtime: &Runtime, limits: Limits) -> Check<Trial> {
        let number = self.trials.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(number.to_string());
        let id = format!("{}-{number}", self.token);
        let bundle = dir.join("bundle");
        let made = (|| -> Result<(), Box<dyn std::error::Error>> {
            fs::create_dir(&dir)?;
            fs::create_dir(dir.join("root"))?;
            open_to_all(&dir)?;
            let minimal = base(facts(), runtime);
            let prepared = (case.bundle)(minimal);
            let mut config = prepared.spec().clone();
            Place::new(&dir, &id).fill_all(&mut config);
            prepared
                .set("", config)
                .write_linked(&bundle, &self.probe)?;
            Ok(())
        })();
        made.map_err(|error| Stop::broken(format!("make the bundle {}", bundle.display()), error))?;
        Ok(Trial::new(case, runtime, limits, dir, id))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        clean_run(&self.dir);
    }
}

fn open_to_all(dir: &Path) -> io::Result<()> {
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
