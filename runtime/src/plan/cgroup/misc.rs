//! Huge pages, process counts, network tags, RDMA, and v2 files by name.
//! config-linux.md#huge-page-limits

use std::collections::HashMap;

use oci_spec::runtime::{LinuxHugepageLimit, LinuxNetwork, LinuxRdma};

use super::setting::{Version, Write};
use super::sink::{Sink, v1_only};
use crate::plan::PlanError;

/// config-linux.md#pids. The limit is set after the attach: with 0 the kernel admits nobody.
pub(super) fn pids(sink: &mut Sink, limit: i64) -> Result<(), PlanError> {
    let at = sink.at("pids/limit");
    let value = if limit < 0 {
        "max".to_owned()
    } else {
        limit.to_string()
    };
    let write = Write::new("pids.max", value, &at);
    sink.group("pids", &at)?.after.push(write.into());
    Ok(())
}

/// config-linux.md#huge-page-limits. Reservations are limited where the kernel can, and usage always.
pub(super) fn hugepages(
    sink: &mut Sink,
    limits: &[LinuxHugepageLimit],
    exact: &[u64],
) -> Result<(), PlanError> {
    for (index, limit) in limits.iter().enumerate() {
        let at = sink.at(&format!("hugepageLimits/{index}"));
        let size = limit.page_size();
        if !is_page_size(size) {
            let what = format!("hugepageLimits page size {size:?}");
            return Err(PlanError::invalid(
                at.child("pageSize"),
                what,
                "not of the form 64KB, 2MB, 1GB",
            ));
        }
        let bytes = exact
            .get(index)
            .copied()
            .unwrap_or_else(|| limit.limit() as u64);
        let (usage, reserved) = match sink.version("hugetlb", &at)? {
            Version::V1 => ("limit_in_bytes", "rsvd.limit_in_bytes"),
            Version::V2 => ("max", "rsvd.max"),
        };
        for (name, absent_ok) in [(usage, false), (reserved, true)] {
            let write = Write::new(format!("hugetlb.{size}.{name}"), bytes, &at);
            sink.push("hugetlb", &at, write.or_absent(absent_ok))?;
        }
    }
    Ok(())
}

fn is_page_size(size: &str) -> bool {
    let digits = size.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < size.len() && matches!(digits, "KB" | "MB" | "GB")
}

/// config-linux.md#network
pub(super) fn network(sink: &mut Sink, network: &LinuxNetwork) -> Result<(), PlanError> {
    let v1 = |sink: &Sink, name: &str| sink.groups.iter().any(|group| group.has(name));
    // 0 is no class: what a cgroup without the controller has.
    if let Some(class) = network.class_id()
        && (class != 0 || v1(sink, "net_cls"))
    {
        let at = sink.at("network/classID");
        if !v1(sink, "net_cls") {
            return Err(v1_only_or_missing(sink, &at, "net_cls", "network.classID"));
        }
        sink.push("net_cls", &at, Write::new("net_cls.classid", class, &at))?;
    }
    for (index, priority) in network.priorities().iter().flatten().enumerate() {
        let at = sink.at(&format!("network/priorities/{index}"));
        if !v1(sink, "net_prio") {
            return Err(v1_only_or_missing(
                sink,
                &at,
                "net_prio",
                "network.priorities",
            ));
        }
        let value = format!("{} {}", priority.name(), priority.priority());
        sink.push(
            "net_prio",
            &at,
            Write::new("net_prio.ifpriomap", value, &at),
        )?;
    }
    Ok(())
}

/// Names the right reason: on a machine with v1 the controller is missing from the kernel.
fn v1_only_or_missing(sink: &Sink, at: &crate::plan::Origin, name: &str, what: &str) -> PlanError {
    if sink.groups.iter().any(|group| group.version == Version::V1) {
        return match sink.version(name, at) {
            Err(error) => error,
            Ok(_) => v1_only(at.clone(), what),
        };
    }
    v1_only(at.clone(), what)
}

/// config-linux.md#rdma
pub(super) fn rdma(sink: &mut Sink, devices: &HashMap<String, LinuxRdma>) -> Result<(), PlanError> {
    let mut devices: Vec<_> = devices.iter().collect();
    devices.sort_by_key(|(name, _)| name.as_str());
    for (name, limits) in devices {
        let at = sink.at(&format!("rdma/{name}"));
        let mut value = name.clone();
        for (key, limit) in [
            ("hca_handle", limits.hca_handles()),
            ("hca_object", limits.hca_objects()),
        ] {
            if let Some(limit) = limit {
                value = format!("{value} {key}={limit}");
            }
        }
        if value == *name {
            let why = "it has neither hcaHandles nor hcaObjects";
            return Err(PlanError::invalid(at, format!("rdma device {name:?}"), why));
        }
        sink.push("rdma", &at, Write::new("rdma.max", value, &at))?;
    }
    Ok(())
}

/// config-linux.md#unified. Every key is the name of a file of the v2 cgroup.
pub(super) fn unified(sink: &mut Sink, files: &HashMap<String, String>) -> Result<(), PlanError> {
    let mut files: Vec<_> = files.iter().collect();
    files.sort();
    for (file, value) in files {
        let at = sink.at(&format!(
            "unified/{}",
            file.replace('~', "~0").replace('/', "~1")
        ));
        let what = format!("unified file {file:?}");
        let Some((controller, _)) = file.split_once('.').filter(|_| !file.contains('/')) else {
            let why = "not the name of a controller's file, such as memory.high";
            return Err(PlanError::invalid(at, what, why));
        };
        let Some(group) = sink
            .groups
            .iter_mut()
            .find(|group| group.version == Version::V2)
        else {
            return Err(PlanError::unsupported(
                at,
                what,
                "this machine has no cgroup v2 hierarchy",
            ));
        };
        // `cgroup.` is the core's prefix; the pressure files are the core's as well, by resource.
        let core = controller == "cgroup" || file.ends_with(".pressure");
        if !core && !group.has(controller) {
            let why = format!("the cgroup v2 hierarchy has no controller {controller}");
            return Err(PlanError::unsupported(at, what, why));
        }
        if !core {
            group
                .needs
                .entry(controller.to_owned())
                .or_insert_with(|| at.clone());
        }
        let late = file == "pids.max" || controller == "cgroup";
        // Files such as io.max take one device a write, hence a write for each line.
        for line in value
            .split('\n')
            .filter(|line| !line.is_empty() || value.is_empty())
        {
            let write = Write::new(file.clone(), line, &at);
            let list = if late {
                &mut group.after
            } else {
                &mut group.before
            };
            list.push(write.into());
        }
    }
    Ok(())
}
