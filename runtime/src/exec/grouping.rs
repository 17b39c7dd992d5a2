//! The cgroups of a container that is being made: recorded before they are there, entered by its first
//! process, limited after that.

use std::time::Duration;

use super::StepError;
use super::cgroup::{self, Prepared};
use super::create::CreateError;
use crate::plan::cgroup::CgroupPlan;
use crate::state::{CgroupRecord, Container};

/// How long the last processes of a failed container may take to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// The cgroups of a container that is being made.
#[derive(Debug)]
pub struct Grouping {
    plan: CgroupPlan,
    record: CgroupRecord,
    /// Absent where systemd makes them, once it is told of a process.
    prepared: Option<Prepared>,
    warnings: Vec<String>,
}

impl Grouping {
    /// Makes the cgroups that the container's record names. [`Grouping::load_late`] is to follow.
    pub(super) fn begin(plan: &CgroupPlan, container: &Container) -> Result<Self, CreateError> {
        let record = container.record().cgroup.clone().unwrap_or_default();
        let mut warnings = plan.warnings.clone();
        let prepared = match plan.scope {
            Some(_) => None,
            None => Some(cgroup::prepare_early(plan, &record, &mut warnings)?),
        };
        Ok(Self {
            plan: plan.clone(),
            record,
            prepared,
            warnings,
        })
    }

    /// Applies what may come when the first process has begun. What systemd makes is not there yet, and gets all
    /// of it then.
    pub(super) fn load_late(&mut self) -> Result<(), StepError> {
        match self.prepared {
            Some(_) => cgroup::load_late(&self.plan, &mut self.warnings),
            None => Ok(()),
        }
    }

    /// What a process needs in order to enter them by itself.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_ref()
    }

    /// Puts a process into them.
    pub(super) fn attach(
        &mut self,
        container: &mut Container,
        pid: i32,
    ) -> Result<(), CreateError> {
        if let Some(prepared) = &self.prepared {
            return Ok(prepared.attach(pid)?);
        }
        let prepared =
            cgroup::start_scope(&mut self.plan, &mut self.record, pid, &mut self.warnings)?;
        container.update(|all| all.cgroup = Some(self.record.clone()))?;
        Ok(prepared.attach(pid)?)
    }

    /// Sets the limits that would have kept the process out.
    pub(super) fn limit(&mut self) -> Result<(), StepError> {
        cgroup::after_attach(&self.plan, &mut self.warnings)
    }

    /// What is to be logged and is no error.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Ends and removes what [`Grouping::begin`] has made for a container that failed.
pub(super) fn remove_cgroups(container: &Container) {
    if let Some(record) = &container.record().cgroup {
        // The error that led here is the one to report.
        let _ = cgroup::destroy(record, PATIENCE, &mut Vec::new());
    }
}
