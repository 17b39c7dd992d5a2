//! Processor time and placement.
//! config-linux.md#cpu

use oci_spec::runtime::LinuxCpu;

use super::setting::{Setting, Version, Write};
use super::sink::{Sink, check_list, v1_only};
use crate::plan::{Origin, PlanError};

const CPU: &str = "cpu";
const CPUSET: &str = "cpuset";

pub(super) fn plan(sink: &mut Sink, cpu: &LinuxCpu) -> Result<(), PlanError> {
    weight(sink, cpu)?;
    bandwidth(sink, cpu)?;
    realtime(sink, cpu)?;
    let lists = [
        ("cpu/cpus", "cpuset.cpus", cpu.cpus()),
        ("cpu/mems", "cpuset.mems", cpu.mems()),
    ];
    for (path, file, list) in lists {
        let Some(list) = list
            .as_deref()
            .map(str::trim)
            .filter(|list| !list.is_empty())
        else {
            continue;
        };
        let at = sink.at(path);
        check_list(&at, &path.replace('/', "."), list)?;
        sink.push(CPUSET, &at, Write::new(file, list, &at))?;
    }
    Ok(())
}

/// Shares and idle bound each other: the kernel takes no shares for an idle group.
fn weight(sink: &mut Sink, cpu: &LinuxCpu) -> Result<(), PlanError> {
    let mut writes = Vec::new();
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
        let at = sink.at("cpu/shares");
        writes.push(match sink.version(CPU, &at)? {
            Version::V1 => Write::new("cpu.shares", shares, &at),
            Version::V2 => Write::new("cpu.weight", weight_of(shares), &at),
        });
    }
    if let Some(idle) = cpu.idle() {
        let at = sink.at("cpu/idle");
        if !matches!(idle, 0 | 1) {
            return Err(PlanError::invalid(
                at,
                format!("cpu.idle {idle}"),
                "neither 0 nor 1",
            ));
        }
        writes.push(Write::new("cpu.idle", idle, &at).or_absent(idle == 0));
    }
    together(sink, writes)
}

fn together(sink: &mut Sink, mut writes: Vec<Write>) -> Result<(), PlanError> {
    let Some(first) = writes.first() else {
        return Ok(());
    };
    let at = first.origin.clone();
    let setting = if writes.len() == 1 {
        Setting::Write(writes.remove(0))
    } else {
        Setting::Together(writes)
    };
    sink.push(CPU, &at, setting)
}

/// The v2 weight (1 to 10000, 100 by default) for v1 shares (2 to 262144, 1024 by default).
///
/// A straight line through the ends would turn the default 1024 into 39. This curve, which the other
/// runtimes use as well, meets both ends and the default: 10^((l² + 125 l) / 612 - 7/34) for l = log2.
pub(super) fn weight_of(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let l = (shares as f64).log2();
            let exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
            // Without the small term, an error in the last place would push 100 to 101.
            (10f64.powf(exponent) - 1e-9).ceil() as u64
        }
    }
}

fn bandwidth(sink: &mut Sink, cpu: &LinuxCpu) -> Result<(), PlanError> {
    let quota = cpu.quota().filter(|quota| *quota != 0);
    let period = cpu.period().filter(|period| *period != 0);
    let at_quota = sink.at("cpu/quota");
    if let Some(quota @ ..=-2) = quota {
        let what = format!("cpu.quota {quota}");
        return Err(PlanError::invalid(
            at_quota,
            what,
            "neither microseconds nor -1",
        ));
    }
    if let (Some(burst), Some(quota @ 1..)) = (cpu.burst(), quota)
        && burst > quota as u64
    {
        let what = format!("cpu.burst {burst}");
        let why = format!("larger than the quota {quota}");
        return Err(PlanError::invalid(sink.at("cpu/burst"), what, why));
    }
    let any = [
        (quota.is_some(), "cpu/quota"),
        (period.is_some(), "cpu/period"),
        (cpu.burst().is_some(), "cpu/burst"),
    ];
    let Some((_, path)) = any.into_iter().find(|(asked, _)| *asked) else {
        return Ok(());
    };
    match sink.version(CPU, &sink.at(path))? {
        Version::V1 => bandwidth_v1(sink, quota, period, cpu.burst()),
        Version::V2 => bandwidth_v2(sink, quota, period, cpu.burst()),
    }
}

fn bandwidth_v1(
    sink: &mut Sink,
    quota: Option<i64>,
    period: Option<u64>,
    burst: Option<u64>,
) -> Result<(), PlanError> {
    let mut writes = Vec::new();
    if let Some(period) = period {
        writes.push(Write::new(
            "cpu.cfs_period_us",
            period,
            &sink.at("cpu/period"),
        ));
    }
    if let Some(quota) = quota {
        writes.push(Write::new("cpu.cfs_quota_us", quota, &sink.at("cpu/quota")));
    }
    if let Some(burst) = burst {
        let write = Write::new("cpu.cfs_burst_us", burst, &sink.at("cpu/burst"));
        writes.push(write.or_absent(burst == 0));
    }
    together(sink, writes)
}

fn bandwidth_v2(
    sink: &mut Sink,
    quota: Option<i64>,
    period: Option<u64>,
    burst: Option<u64>,
) -> Result<(), PlanError> {
    let at = sink.at("cpu/quota");
    let mut writes = Vec::new();
    match (quota, period) {
        (Some(quota), _) => {
            let mut value = if quota < 0 {
                "max".to_owned()
            } else {
                quota.to_string()
            };
            if let Some(period) = period {
                value = format!("{value} {period}");
            }
            writes.push(Write::new("cpu.max", value, &at));
        }
        (None, Some(period)) => {
            let origin = sink.at("cpu/period");
            sink.push(CPU, &origin.clone(), Setting::CpuPeriod { period, origin })?;
        }
        (None, None) => {}
    }
    if let Some(burst) = burst {
        let write = Write::new("cpu.max.burst", burst, &sink.at("cpu/burst"));
        writes.push(write.or_absent(burst == 0));
    }
    together(sink, writes)
}

/// The real-time share; only v1 has one, and it has to be there before a process takes a real-time
/// policy.
fn realtime(sink: &mut Sink, cpu: &LinuxCpu) -> Result<(), PlanError> {
    let period = cpu
        .realtime_period()
        .filter(|period| *period != 0)
        .map(|period| period.to_string());
    let runtime = cpu
        .realtime_runtime()
        .filter(|us| *us != 0)
        .map(|us| us.to_string());
    let table = [
        ("cpu/realtimePeriod", "cpu.rt_period_us", period),
        ("cpu/realtimeRuntime", "cpu.rt_runtime_us", runtime),
    ];
    let mut writes = Vec::new();
    for (path, file, value) in table {
        let Some(value) = value else { continue };
        let at: Origin = sink.at(path);
        if sink.version(CPU, &at)? == Version::V2 {
            return Err(v1_only(at, &path.replace('/', ".")));
        }
        writes.push(Write::new(file, value, &at));
    }
    together(sink, writes)
}
