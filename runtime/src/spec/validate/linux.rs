//! config-linux.md: the chapters with a rule or two.

use std::collections::{HashMap, HashSet};

use oci_spec::runtime::{Linux, LinuxIntelRdt, LinuxNetDevice};

use super::rules::{all_absolute, range_list, require};
use super::{Checked, devices};
use crate::spec::pointer::child;

/// What `rootfsPropagation` may be: the specification's four, and their recursive forms, which
/// engines write.
const PROPAGATIONS: [&str; 8] = [
    "shared",
    "slave",
    "private",
    "unbindable",
    "rshared",
    "rslave",
    "rprivate",
    "runbindable",
];

/// Longest name of a network device, without the NUL: IFNAMSIZ, linux/if.h.
const LONGEST_DEVICE_NAME: usize = 15;

/// Checks all but namespaces, resources and seccomp.
pub(super) fn check(linux: &Linux, absent: &[String]) -> Checked {
    if let Some(list) = linux.devices() {
        devices::check(list, absent)?;
    }
    all_absolute(linux.masked_paths().as_ref(), "/linux/maskedPaths")?;
    all_absolute(linux.readonly_paths().as_ref(), "/linux/readonlyPaths")?;
    if let Some(propagation) = linux
        .rootfs_propagation()
        .as_ref()
        .filter(|it| !it.is_empty())
    {
        require(
            PROPAGATIONS.contains(&propagation.as_str()),
            "/linux/rootfsPropagation",
            format!("unknown value {propagation:?}: expected shared, slave, private or unbindable"),
        )?;
    }
    if let Some(devices) = linux.net_devices() {
        net_devices(devices)?;
    }
    if let Some(rdt) = linux.intel_rdt() {
        intel_rdt(rdt)?;
    }
    if let Some(policy) = linux.memory_policy()
        && let Some(nodes) = policy.nodes()
    {
        range_list(nodes, "/linux/memoryPolicy/nodes")?;
    }
    if let Some(personality) = linux.personality() {
        let none = personality.flags().as_ref().is_none_or(Vec::is_empty);
        require(none, "/linux/personality/flags/0", "no flag is defined")?;
    }
    let sysctls = linux.sysctl().iter().flatten();
    for (name, _) in sysctls {
        let valid = !name.is_empty() && !name.split(['.', '/']).any(str::is_empty);
        require(
            valid,
            child("/linux/sysctl", name),
            "is no name of a kernel parameter",
        )?;
    }
    Ok(())
}

/// dev_valid_name of the kernel: no `/`, `:` or blank, neither `.` nor `..`.
fn valid_device_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_DEVICE_NAME
        && name != "."
        && name != ".."
        && !name.contains(['/', ':'])
        && !name.contains(char::is_whitespace)
}

fn net_devices(devices: &HashMap<String, LinuxNetDevice>) -> Checked {
    let mut inside = HashSet::new();
    let mut sorted: Vec<_> = devices.iter().collect();
    sorted.sort_by_key(|(outer, _)| *outer);
    for (outer, device) in sorted {
        let here = child("/linux/netDevices", outer);
        let message = "is no name of a network device";
        require(valid_device_name(outer), here.as_str(), message)?;
        let inner = device
            .name()
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or(outer);
        let pointer = child(&here, "name");
        require(valid_device_name(inner), pointer.as_str(), message)?;
        // The kernel numbers devices that are named by a template.
        let template = inner.contains("%d");
        let twice = !template && !inside.insert(inner);
        require(
            !twice,
            pointer,
            format!("another device is to be named {inner} as well"),
        )?;
    }
    Ok(())
}

fn intel_rdt(rdt: &LinuxIntelRdt) -> Checked {
    const BASE: &str = "/linux/intelRdt";
    if let Some(id) = rdt.clos_id() {
        let valid = id == "/" || (!id.is_empty() && !id.contains('/') && id != "." && id != "..");
        require(
            valid,
            child(BASE, "closID"),
            "must be the name of a folder, or /",
        )?;
    }
    let no_newline = "must not contain newlines";
    if let Some(schema) = rdt.l3_cache_schema() {
        require(
            !schema.contains('\n'),
            child(BASE, "l3CacheSchema"),
            no_newline,
        )?;
    }
    if let Some(schema) = rdt.mem_bw_schema() {
        let pointer = child(BASE, "memBwSchema");
        require(
            schema.starts_with("MB:"),
            pointer.as_str(),
            "must start with MB:",
        )?;
        require(!schema.contains('\n'), pointer, no_newline)?;
    }
    for (index, line) in rdt.schemata().iter().flatten().enumerate() {
        require(
            !line.contains('\n'),
            child(&child(BASE, "schemata"), index),
            no_newline,
        )?;
    }
    Ok(())
}
