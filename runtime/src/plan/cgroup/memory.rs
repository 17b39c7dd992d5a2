//! Memory limits.
//! config-linux.md#memory

use oci_spec::runtime::LinuxMemory;

use super::setting::{Setting, Version, Write};
use super::sink::{Sink, v1_only};
use crate::plan::{Origin, PlanError};

const CONTROLLER: &str = "memory";

/// Limits as asked; 0 is what engines send for "unset" and counts as absent.
struct Limits {
    limit: Option<i64>,
    swap: Option<i64>,
    reservation: Option<i64>,
}

pub(super) fn plan(sink: &mut Sink, memory: &LinuxMemory) -> Result<(), PlanError> {
    let limits = Limits {
        limit: bytes(sink, "memory/limit", memory.limit())?,
        swap: bytes(sink, "memory/swap", memory.swap())?,
        reservation: bytes(sink, "memory/reservation", memory.reservation())?,
    };
    if let (Some(limit @ 0..), Some(swap @ 0..)) = (limits.limit, limits.swap)
        && swap < limit
    {
        let what = format!("memory.swap {swap}");
        let why = format!("memory plus swap is less than the memory limit {limit}");
        return Err(PlanError::invalid(sink.at("memory/swap"), what, why));
    }
    if limits
        .limit
        .or(limits.swap)
        .or(limits.reservation)
        .is_some()
    {
        match sink.version(CONTROLLER, &sink.at("memory"))? {
            Version::V1 => limits_v1(sink, &limits)?,
            Version::V2 => limits_v2(sink, &limits, memory.check_before_update() == Some(true))?,
        }
    }
    kernel_memory(sink, memory)?;
    switches(sink, memory)
}

/// A number of bytes, or -1 for no limit; 0 counts as absent.
fn bytes(sink: &Sink, path: &str, value: Option<i64>) -> Result<Option<i64>, PlanError> {
    match value {
        None | Some(0) => Ok(None),
        Some(value @ -1..) => Ok(Some(value)),
        Some(value) => {
            let what = format!("{} {value}", path.replace('/', "."));
            Err(PlanError::invalid(
                sink.at(path),
                what,
                "neither a number of bytes nor -1",
            ))
        }
    }
}

fn limits_v1(sink: &mut Sink, limits: &Limits) -> Result<(), PlanError> {
    let mut writes = Vec::new();
    let at = sink.at("memory/limit");
    if let Some(limit) = limits.limit {
        writes.push(Write::new("memory.limit_in_bytes", limit, &at));
    }
    // Memory and swap together cannot be below memory alone, so no limit on one lifts the other.
    let swap = limits.swap.or(limits.limit.filter(|limit| *limit == -1));
    if let Some(swap) = swap {
        let write = Write::new("memory.memsw.limit_in_bytes", swap, &sink.at("memory/swap"));
        writes.push(write.or_absent(swap == -1));
    }
    if !writes.is_empty() {
        sink.push(CONTROLLER, &at, Setting::Together(writes))?;
    }
    if let Some(reservation) = limits.reservation {
        let at = sink.at("memory/reservation");
        sink.push(
            CONTROLLER,
            &at,
            Write::new("memory.soft_limit_in_bytes", reservation, &at),
        )?;
    }
    Ok(())
}

fn limits_v2(sink: &mut Sink, limits: &Limits, check: bool) -> Result<(), PlanError> {
    // First of all: a refusal must leave everything as it was.
    if let (true, Some(limit @ 0..)) = (check, limits.limit) {
        let (origin, file) = (sink.at("memory/limit"), "memory.current");
        let setting = Setting::UsageAtMost {
            file,
            bytes: limit.cast_unsigned(),
            origin,
        };
        sink.push(CONTROLLER, &sink.at("memory/limit"), setting)?;
    }
    if let Some(swap) = swap_v2(sink, limits)? {
        let at = sink.at("memory/swap");
        // A kernel without swap accounting has no such file, and neither value changes what it does.
        let absent_ok = swap == "max" || swap == "0";
        let write = Write::new("memory.swap.max", swap, &at).or_absent(absent_ok);
        sink.push(CONTROLLER, &at, write)?;
    }
    if let Some(limit) = limits.limit {
        let at = sink.at("memory/limit");
        sink.push(CONTROLLER, &at, Write::new("memory.max", max(limit), &at))?;
    }
    if let Some(reservation) = limits.reservation {
        let at = sink.at("memory/reservation");
        sink.push(
            CONTROLLER,
            &at,
            Write::new("memory.low", max(reservation), &at),
        )?;
    }
    Ok(())
}

/// v1 limits memory and swap together, v2 swap alone.
fn swap_v2(sink: &Sink, limits: &Limits) -> Result<Option<String>, PlanError> {
    match (limits.limit, limits.swap) {
        (_, Some(-1)) | (Some(-1), None) => Ok(Some("max".into())),
        (_, None) => Ok(None),
        (Some(limit @ 0..), Some(swap)) => Ok(Some((swap - limit).to_string())),
        (_, Some(swap)) => Err(PlanError::invalid(
            sink.at("memory/swap"),
            format!("memory.swap {swap}"),
            "cgroup v2 limits swap alone, which takes a memory limit to subtract",
        )),
    }
}

fn max(value: i64) -> String {
    if value == -1 {
        "max".into()
    } else {
        value.to_string()
    }
}

fn kernel_memory(sink: &mut Sink, memory: &LinuxMemory) -> Result<(), PlanError> {
    let kernel = memory.kernel();
    let table = [
        ("memory/kernel", "memory.kmem.limit_in_bytes", kernel),
        (
            "memory/kernelTCP",
            "memory.kmem.tcp.limit_in_bytes",
            memory.kernel_tcp(),
        ),
    ];
    for (path, file, value) in table {
        let Some(value) = bytes(sink, path, value)? else {
            continue;
        };
        let at = sink.at(path);
        match sink.version(CONTROLLER, &at)? {
            Version::V1 if value == -1 => {
                sink.push(
                    CONTROLLER,
                    &at,
                    Write::new(file, value, &at).or_absent(true),
                )?;
            }
            Version::V1 => {
                // Since 5.16 the kernel has no such limit, but still the file for it.
                sink.push(
                    CONTROLLER,
                    &at,
                    Setting::Effective(Write::new(file, value, &at)),
                )?;
            }
            Version::V2 if value == -1 => {}
            Version::V2 => return Err(v1_only(at, &path.replace('/', "."))),
        }
    }
    Ok(())
}

/// The properties that are not limits.
fn switches(sink: &mut Sink, memory: &LinuxMemory) -> Result<(), PlanError> {
    if let Some(swappiness) = memory.swappiness() {
        let at = sink.at("memory/swappiness");
        if swappiness > 100 {
            let what = format!("memory.swappiness {swappiness}");
            return Err(PlanError::invalid(at, what, "not between 0 and 100"));
        }
        v1_switch(sink, &at, "memory.swappiness", swappiness, None)?;
    }
    if let Some(disable) = memory.disable_oom_killer() {
        let at = sink.at("memory/disableOOMKiller");
        v1_switch(sink, &at, "memory.oom_control", u64::from(disable), Some(0))?;
    }
    if let Some(hierarchy) = memory.use_hierarchy() {
        let at = sink.at("memory/useHierarchy");
        v1_switch(
            sink,
            &at,
            "memory.use_hierarchy",
            u64::from(hierarchy),
            Some(1),
        )?;
    }
    Ok(())
}

/// A file of v1 for which v2 has only a fixed behaviour, or none.
fn v1_switch(
    sink: &mut Sink,
    at: &Origin,
    file: &'static str,
    value: u64,
    fixed: Option<u64>,
) -> Result<(), PlanError> {
    match sink
        .groups
        .iter()
        .find(|group| group.has(CONTROLLER))
        .map(|group| group.version)
    {
        Some(Version::V1) => sink.push(
            CONTROLLER,
            at,
            Write::new(file, value, at).or_absent(fixed == Some(value)),
        ),
        // Without a memory controller nothing differs from the fixed behaviour either.
        _ if fixed == Some(value) => Ok(()),
        Some(Version::V2) => Err(v1_only(at.clone(), file)),
        None => sink.version(CONTROLLER, at).map(drop),
    }
}
