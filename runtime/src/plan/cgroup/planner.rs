//! Puts a cgroup plan together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::path::{self, Place};
use super::properties::properties;
use super::request::Request;
use super::resources::Resources;
use super::setting::{Group, Setting, Version};
use super::sink::Sink;
use super::systemd::{self, Scope};
use super::{blkio, cpu, devices, memory, misc};
use crate::host::{CgroupLayout, Hierarchy};
use crate::plan::{Origin, PlanError};

/// What the command line says about cgroups.
#[derive(Clone, Copy, Debug, Default)]
pub struct CgroupOptions<'a> {
    /// The container's id.
    pub id: &'a str,
    /// `--systemd-cgroup`.
    pub systemd: bool,
    /// `--cgroup-manager disabled`: the container stays in the caller's cgroups.
    pub disabled: bool,
}

/// The container's cgroups.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CgroupPlan {
    /// One directory a hierarchy; v1 ones first.
    pub groups: Vec<Group>,
    /// The systemd unit that owns the cgroup; it takes a PID, so the directories come after the spawn.
    pub scope: Option<Scope>,
    /// Hands the v2 cgroup over to this user of the host.
    pub owner: Option<u32>,
    /// What is left undone for want of privilege.
    pub warnings: Vec<String>,
}

impl CgroupPlan {
    /// Takes it that not only the runtime's own processes enter the cgroups before they are complete.
    pub(in crate::plan) fn leave_nothing_late(&mut self) {
        for setting in self.groups.iter_mut().flat_map(|group| &mut group.before) {
            if let Setting::DeviceProgram { late, .. } = setting {
                *late = false;
            }
        }
    }
}

/// Plans the cgroups of a new container.
pub fn plan(
    request: &Request,
    layout: &CgroupLayout,
    options: CgroupOptions,
) -> Result<CgroupPlan, PlanError> {
    let origin = Origin::at("/linux/cgroupsPath");
    if options.disabled {
        return Ok(CgroupPlan::default());
    }
    let scope = options
        .systemd
        .then(|| systemd::scope(request, layout, options.id))
        .transpose()?;
    let place = match &scope {
        Some(scope) => Place::Below(scope.path()),
        None => path::parse(request.path, options.id)?,
    };
    let mut plan = CgroupPlan {
        groups: groups(layout, &place, &origin),
        ..CgroupPlan::default()
    };
    if let Some(resources) = &request.resources {
        settings(&mut plan.groups, resources, !layout.root)?;
        let asked = resources
            .spec
            .devices()
            .as_ref()
            .is_some_and(|list| !list.is_empty());
        if asked && plan.groups.is_empty() {
            plan.warnings
                .push("device rules are not applied without privilege".into());
        }
    }
    // Nothing of v1 may be given away safely, and on a hybrid machine v1 is what counts.
    plan.owner = request.owner.filter(|_| layout.v1.is_empty());
    plan.scope = scope.map(|mut scope| {
        let version = if layout.v1.is_empty() {
            Version::V2
        } else {
            Version::V1
        };
        let limits = request.resources.as_ref();
        // Annotations come last, so that they have the last word.
        let limits = limits
            .map(|limits| properties(limits, version))
            .unwrap_or_default();
        scope.properties.splice(0..0, limits);
        scope
    });
    Ok(plan)
}

/// Plans a change of the limits of a container whose cgroups are there.
pub fn update(
    groups: Vec<Group>,
    resources: &Resources,
    layout: &CgroupLayout,
) -> Result<CgroupPlan, PlanError> {
    let mut plan = CgroupPlan {
        groups,
        ..CgroupPlan::default()
    };
    settings(&mut plan.groups, resources, !layout.root)?;
    Ok(plan)
}

/// The groups of a container whose cgroups are there: each where the record has a directory.
pub fn groups_of(paths: &BTreeMap<String, PathBuf>, layout: &CgroupLayout) -> Vec<Group> {
    let v1 = layout
        .v1
        .iter()
        .map(|h| (h, Version::V1, h.controllers.first()));
    let v2 = layout.v2.iter().map(|h| (h, Version::V2, None));
    let found = v1.chain(v2).filter_map(|(hierarchy, version, key)| {
        let dir = paths.get(key.map_or("unified", String::as_str))?;
        let path = dir.strip_prefix(&hierarchy.mount).ok()?;
        group(
            hierarchy,
            version,
            &Place::Below(path.to_owned()),
            &Origin::default(),
        )
    });
    found.collect()
}

fn groups(layout: &CgroupLayout, place: &Place, origin: &Origin) -> Vec<Group> {
    let v1 = layout.v1.iter().map(|h| (h, Version::V1));
    let v2 = layout.v2.iter().map(|h| (h, Version::V2));
    v1.chain(v2)
        .filter_map(|(h, version)| group(h, version, place, origin))
        .collect()
}

fn group(hierarchy: &Hierarchy, version: Version, place: &Place, origin: &Origin) -> Option<Group> {
    Some(Group {
        version,
        mount: hierarchy.mount.clone(),
        path: path::within(place, hierarchy)?,
        controllers: hierarchy.controllers.clone(),
        needs: BTreeMap::default(),
        before: Vec::new(),
        after: Vec::new(),
        origin: origin.clone(),
    })
}

fn settings(groups: &mut [Group], resources: &Resources, lenient: bool) -> Result<(), PlanError> {
    let mut sink = Sink {
        groups,
        places: &resources.places,
        lenient,
    };
    let sink = &mut sink;
    let spec = resources.spec;
    if let Some(list) = spec.devices() {
        devices::plan(sink, list)?;
    }
    if let Some(cpu) = spec.cpu() {
        cpu::plan(sink, cpu)?;
    }
    if let Some(memory) = spec.memory() {
        memory::plan(sink, memory)?;
    }
    if let Some(io) = spec.block_io() {
        blkio::plan(sink, io)?;
    }
    if let Some(limits) = spec.hugepage_limits() {
        misc::hugepages(sink, limits, resources.hugepage_limits)?;
    }
    if let Some(network) = spec.network() {
        misc::network(sink, network)?;
    }
    if let Some(devices) = spec.rdma() {
        misc::rdma(sink, devices)?;
    }
    if let Some(limit) = resources.pids_limit {
        misc::pids(sink, limit)?;
    }
    if let Some(files) = spec.unified() {
        misc::unified(sink, files)?;
    }
    Ok(())
}
