//! The resources that were asked for, and where each was asked.

use oci_spec::runtime::LinuxResources;

use crate::plan::Origin;

/// Names the place that asked for a property.
#[derive(Clone, Debug)]
pub struct Places {
    base: Origin,
    flags: Vec<(&'static str, &'static str)>,
}

impl Places {
    /// Properties of a JSON document below `base`.
    pub fn below(base: Origin) -> Self {
        Self {
            base,
            flags: Vec::new(),
        }
    }

    /// Properties that came as flags: pairs of a path below `resources` and the flag.
    pub fn flags(flags: Vec<(&'static str, &'static str)>) -> Self {
        Self {
            base: Origin::at("--resources"),
            flags,
        }
    }

    /// Who asked for the property at this path, such as `memory/limit`.
    pub fn at(&self, path: &str) -> Origin {
        match self.flags.iter().find(|(known, _)| *known == path) {
            Some((_, flag)) => Origin::at(flag),
            None => self.base.child(path),
        }
    }
}

/// `linux.resources`, with what oci-spec cannot hold beside it.
#[derive(Clone, Debug)]
pub struct Resources<'a> {
    /// As oci-spec reads it.
    pub spec: &'a LinuxResources,
    /// `pids.limit`; oci-spec reads an absent one as 0, which is a limit.
    pub pids_limit: Option<i64>,
    /// `hugepageLimits[i].limit`; oci-spec stops at `i64::MAX`.
    pub hugepage_limits: &'a [u64],
    /// Where each was asked.
    pub places: Places,
}
