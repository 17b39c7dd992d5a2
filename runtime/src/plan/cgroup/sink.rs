//! Collects settings into the group that has their controller.

use super::resources::Places;
use super::setting::{Group, Setting, Version};
use crate::plan::{Origin, PlanError};

/// Where planners of single subjects put their settings.
pub(super) struct Sink<'a> {
    pub(super) groups: &'a mut [Group],
    pub(super) places: &'a Places,
    /// Device rules that the kernel refuses for want of privilege only warn.
    pub(super) lenient: bool,
}

impl Sink<'_> {
    /// Who asked for the property at this path below `resources`.
    pub(super) fn at(&self, path: &str) -> Origin {
        self.places.at(path)
    }

    /// The version under which the controller is to be had.
    pub(super) fn version(&self, controller: &str, origin: &Origin) -> Result<Version, PlanError> {
        self.index(controller, origin)
            .map(|index| self.groups[index].version)
    }

    /// Adds a setting that is applied before the process is attached.
    pub(super) fn push(
        &mut self,
        controller: &str,
        origin: &Origin,
        setting: impl Into<Setting>,
    ) -> Result<(), PlanError> {
        self.group(controller, origin)?.before.push(setting.into());
        Ok(())
    }

    /// The group that has the controller, marked as needing it.
    pub(super) fn group(
        &mut self,
        controller: &str,
        origin: &Origin,
    ) -> Result<&mut Group, PlanError> {
        let index = self.index(controller, origin)?;
        let group = &mut self.groups[index];
        if group.version == Version::V2 {
            group
                .needs
                .entry(controller.to_owned())
                .or_insert_with(|| origin.clone());
        }
        Ok(group)
    }

    /// v1 comes first: on a hybrid machine a controller is in one hierarchy only.
    fn index(&self, controller: &str, origin: &Origin) -> Result<usize, PlanError> {
        let found = self.groups.iter().position(|group| group.has(controller));
        found.ok_or_else(|| {
            PlanError::unsupported(
                origin.clone(),
                format!("the cgroup controller {controller}"),
                "no cgroup hierarchy that this runtime may use has it",
            )
        })
    }
}

/// The error for a property of v1 that v2 has no equivalent of.
pub(super) fn v1_only(origin: Origin, what: &str) -> PlanError {
    PlanError::unsupported(origin, what, "cgroup v2 has no equivalent")
}

/// Checks a list such as `0-3,7`.
pub(super) fn check_list(origin: &Origin, what: &str, list: &str) -> Result<(), PlanError> {
    let valid = list.split(',').all(|part| range(part).is_some());
    if valid {
        return Ok(());
    }
    let what = format!("{what} {list:?}");
    Err(PlanError::invalid(
        origin.clone(),
        what,
        "not a list of numbers and ranges such as 0-3,7",
    ))
}

/// One part of a list: `7`, or `0-3` as its ends.
pub(super) fn range(part: &str) -> Option<(u32, u32)> {
    let (from, to) = part.split_once('-').unwrap_or((part, part));
    let ends = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (ends.0 <= ends.1).then_some(ends)
}
