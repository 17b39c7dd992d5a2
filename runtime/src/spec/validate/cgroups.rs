//! config-linux.md#control-groups

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxDeviceType, LinuxHugepageLimit, LinuxMemory,
    LinuxNetwork, LinuxRdma, LinuxResources,
};

use super::Checked;
use super::rules::{range_list, require};
use crate::spec::gaps::Gaps;
use crate::spec::pointer::child;

const BASE: &str = "/linux/resources";

fn at(path: &str) -> String {
    format!("{BASE}/{path}")
}

/// Checks the limits, as far as they need no machine.
pub(super) fn check(resources: &LinuxResources, gaps: &Gaps) -> Checked {
    for (index, rule) in resources.devices().iter().flatten().enumerate() {
        device(rule, &child(&at("devices"), index))?;
    }
    if let Some(memory_) = resources.memory() {
        memory(memory_)?;
    }
    if let Some(cpu_) = resources.cpu() {
        cpu(cpu_)?;
    }
    let pids = gaps.pids_limit;
    require(
        pids.is_none_or(|limit| limit >= -1),
        at("pids/limit"),
        "must be at least -1",
    )?;
    if let Some(block) = resources.block_io() {
        block_io(block)?;
    }
    for (index, limit) in resources.hugepage_limits().iter().flatten().enumerate() {
        page_size(limit, &child(&at("hugepageLimits"), index))?;
    }
    if let Some(network_) = resources.network() {
        network(network_)?;
    }
    for (name, limits) in resources.rdma().iter().flatten() {
        rdma(limits, &child(&at("rdma"), name))?;
    }
    for file in resources.unified().iter().flatten().map(|(file, _)| file) {
        let valid = !file.is_empty() && !file.contains('/') && file.contains('.');
        require(
            valid,
            child(&at("unified"), file),
            "is no name of a cgroup v2 file",
        )?;
    }
    Ok(())
}

fn device(rule: &LinuxDeviceCgroup, here: &str) -> Checked {
    use LinuxDeviceType::{P, U};
    require(
        !matches!(rule.typ(), Some(U | P)),
        child(here, "type"),
        "must be a, c or b: u and p are only for device nodes",
    )?;
    let access = rule.access().as_deref().unwrap_or_default();
    require(
        access.chars().all(|letter| "rwm".contains(letter)),
        child(here, "access"),
        format!("{access:?} must be composed of r, w and m"),
    )?;
    for (key, number) in [("major", rule.major()), ("minor", rule.minor())] {
        // -1 is how engines written for runc say "all".
        require(
            number.is_none_or(|it| it >= -1),
            child(here, key),
            "must not be negative",
        )?;
    }
    Ok(())
}

fn memory(memory: &LinuxMemory) -> Checked {
    let limits = [
        ("limit", memory.limit()),
        ("reservation", memory.reservation()),
        ("swap", memory.swap()),
        ("kernel", memory.kernel()),
        ("kernelTCP", memory.kernel_tcp()),
    ];
    for (key, limit) in limits {
        let pointer = child(&at("memory"), key);
        require(
            limit.is_none_or(|it| it >= -1),
            pointer,
            "must be at least -1",
        )?;
    }
    let swappiness = memory.swappiness();
    require(
        swappiness.is_none_or(|it| it <= 100),
        at("memory/swappiness"),
        "must be from 0 to 100",
    )?;
    let (limit, swap) = (memory.limit().unwrap_or(0), memory.swap().unwrap_or(0));
    require(
        limit <= 0 || swap <= 0 || limit <= swap,
        at("memory/swap"),
        "is the limit of memory and swap together, so it must not be less than that of memory",
    )
}

fn cpu(cpu: &LinuxCpu) -> Checked {
    let (burst, quota) = (cpu.burst().unwrap_or(0), cpu.quota().unwrap_or(0));
    require(
        quota <= 0 || i64::try_from(burst).is_ok_and(|burst| burst <= quota),
        at("cpu/burst"),
        "must not exceed the quota",
    )?;
    require(
        cpu.quota().is_none_or(|it| it >= -1),
        at("cpu/quota"),
        "must be at least -1",
    )?;
    let runtime = cpu.realtime_runtime();
    require(
        runtime.is_none_or(|it| it >= -1),
        at("cpu/realtimeRuntime"),
        "must be at least -1",
    )?;
    let idle = cpu.idle();
    require(
        idle.is_none_or(|it| it == 0 || it == 1),
        at("cpu/idle"),
        "must be 0 or 1",
    )?;
    range_list(cpu.cpus().as_deref().unwrap_or_default(), &at("cpu/cpus"))?;
    range_list(cpu.mems().as_deref().unwrap_or_default(), &at("cpu/mems"))
}

fn block_io(block: &LinuxBlockIo) -> Checked {
    for (index, device) in block.weight_device().iter().flatten().enumerate() {
        let here = child(&at("blockIO/weightDevice"), index);
        numbers(device.major(), device.minor(), &here)?;
        let weighed = device.weight().is_some() || device.leaf_weight().is_some();
        require(weighed, here, "needs a weight or a leafWeight")?;
    }
    let throttles = [
        (
            "blockIO/throttleReadBpsDevice",
            block.throttle_read_bps_device(),
        ),
        (
            "blockIO/throttleWriteBpsDevice",
            block.throttle_write_bps_device(),
        ),
        (
            "blockIO/throttleReadIOPSDevice",
            block.throttle_read_iops_device(),
        ),
        (
            "blockIO/throttleWriteIOPSDevice",
            block.throttle_write_iops_device(),
        ),
    ];
    for (path, devices) in throttles {
        for (index, device) in devices.iter().flatten().enumerate() {
            numbers(device.major(), device.minor(), &child(&at(path), index))?;
        }
    }
    Ok(())
}

fn numbers(major: i64, minor: i64, here: &str) -> Checked {
    for (key, number) in [("major", major), ("minor", minor)] {
        require(number >= 0, child(here, key), "must not be negative")?;
    }
    Ok(())
}

/// `<size><unit-prefix>B`, such as 64KB, 2MB or 1GB.
fn page_size(limit: &LinuxHugepageLimit, here: &str) -> Checked {
    let size = limit.page_size();
    let number = size
        .strip_suffix('B')
        .and_then(|rest| rest.strip_suffix(['K', 'M', 'G']));
    let valid = number.is_some_and(|number| {
        !number.is_empty()
            && !number.starts_with('0')
            && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    require(
        valid,
        child(here, "pageSize"),
        format!("{size:?} is no page size such as 64KB, 2MB or 1GB"),
    )
}

fn network(network: &LinuxNetwork) -> Checked {
    for (index, priority) in network.priorities().iter().flatten().enumerate() {
        let pointer = format!("{BASE}/network/priorities/{index}/name");
        require(!priority.name().is_empty(), pointer, "must not be empty")?;
    }
    Ok(())
}

fn rdma(limits: &LinuxRdma, here: &str) -> Checked {
    let some = limits.hca_handles().is_some() || limits.hca_objects().is_some();
    require(some, here, "needs hcaHandles or hcaObjects")
}
