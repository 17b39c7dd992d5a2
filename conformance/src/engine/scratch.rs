//! The directory of a run of cases, with one below it for each trial.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use plimsoll_fixtures::bundle::ProbeFile;

use super::base::base;
use super::run_dir::{RunDir, ScratchError, open_to_all};
use crate::case::Case;
use crate::drive::{Limits, Runtime};
use crate::observe::facts;
use crate::trial::{Place, Trial};
use crate::verdict::{Check, Stop};

/// The directory of a run of cases. Dropping it ends what is left of the run and removes the directory.
#[derive(Debug)]
pub struct Scratch {
    dir: RunDir,
    /// The probe that all bundles link to.
    probe: ProbeFile,
    trials: AtomicU32,
}

impl Scratch {
    /// Makes the directory, and cleans up after runners that were killed. The calling process
    /// becomes a subreaper, so that what runtimes leave behind is ours to wait for, within `limits`.
    pub fn new(limits: Limits) -> Result<Self, ScratchError> {
        nix::sys::prctl::set_child_subreaper(true)
            .map_err(|errno| ScratchError::at(&std::env::temp_dir())(errno.into()))?;
        let dir = RunDir::new(limits)?;
        let probe = ProbeFile::write_in(dir.path())
            .map_err(io::Error::other)
            .map_err(ScratchError::at(dir.path()))?;
        Ok(Self {
            dir,
            probe,
            trials: AtomicU32::new(0),
        })
    }

    /// A trial for a case, its bundle written.
    pub(super) fn trial(&self, case: &Case, runtime: &Runtime, limits: Limits) -> Check<Trial> {
        let number = self.trials.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.path().join(number.to_string());
        let id = format!("{}-{number}", self.dir.token());
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
