//! Weights and rates of block devices.
//! config-linux.md#block-io

use oci_spec::runtime::{LinuxBlockIo, LinuxThrottleDevice, LinuxWeightDevice};

use super::setting::{Setting, Version, Write};
use super::sink::{Sink, v1_only};
use crate::plan::{Origin, PlanError};

const V1: &str = "blkio";
const V2: &str = "io";

pub(super) fn plan(sink: &mut Sink, io: &LinuxBlockIo) -> Result<(), PlanError> {
    if let Some(weight) = io.weight().filter(|weight| *weight != 0) {
        let at = sink.at("blockIO/weight");
        self::weight(sink, &at, None, weight)?;
    }
    if let Some(weight) = io.leaf_weight().filter(|weight| *weight != 0) {
        let at = sink.at("blockIO/leafWeight");
        leaf_weight(sink, &at, None, weight)?;
    }
    for (index, entry) in io.weight_device().iter().flatten().enumerate() {
        weight_device(sink, index, entry)?;
    }
    for (property, v1_file, key, list) in [
        (
            "throttleReadBpsDevice",
            "blkio.throttle.read_bps_device",
            "rbps",
            io.throttle_read_bps_device(),
        ),
        (
            "throttleWriteBpsDevice",
            "blkio.throttle.write_bps_device",
            "wbps",
            io.throttle_write_bps_device(),
        ),
        (
            "throttleReadIOPSDevice",
            "blkio.throttle.read_iops_device",
            "riops",
            io.throttle_read_iops_device(),
        ),
        (
            "throttleWriteIOPSDevice",
            "blkio.throttle.write_iops_device",
            "wiops",
            io.throttle_write_iops_device(),
        ),
    ] {
        for (index, entry) in list.iter().flatten().enumerate() {
            let at = sink.at(&format!("blockIO/{property}/{index}"));
            throttle(sink, &at, v1_file, key, entry)?;
        }
    }
    Ok(())
}

/// The controller is called otherwise in each version.
fn controller(sink: &Sink, at: &Origin) -> Result<(&'static str, Version), PlanError> {
    let name = if sink.groups.iter().any(|group| group.has(V1)) {
        V1
    } else {
        V2
    };
    Ok((name, sink.version(name, at)?))
}

/// `MAJOR:MINOR `, or nothing for all devices.
type Device<'a> = Option<&'a str>;

fn entry(device: Device, value: u64) -> String {
    device.map_or_else(|| value.to_string(), |device| format!("{device} {value}"))
}

fn weight(sink: &mut Sink, at: &Origin, device: Device, weight: u16) -> Result<(), PlanError> {
    // The files' own range; the old CFQ scheduler began at 10, BFQ begins at 1.
    if weight > 1000 {
        let what = format!("a block I/O weight of {weight}");
        return Err(PlanError::invalid(
            at.clone(),
            what,
            "not between 10 and 1000",
        ));
    }
    let value = entry(device, u64::from(weight));
    let (controller, version) = controller(sink, at)?;
    let writes = match (version, device) {
        (Version::V1, None) => vec![("blkio.bfq.weight", value.clone()), ("blkio.weight", value)],
        (Version::V1, Some(_)) => {
            vec![
                ("blkio.bfq.weight_device", value.clone()),
                ("blkio.weight_device", value),
            ]
        }
        (Version::V2, device) => {
            vec![
                ("io.bfq.weight", value),
                ("io.weight", entry(device, io_weight(weight))),
            ]
        }
    };
    let writes = writes
        .into_iter()
        .map(|(file, value)| Write::new(file, value, at))
        .collect();
    sink.push(controller, at, Setting::FirstOf(writes))
}

/// The weight of `io.weight` (1 to 10000) for one of v1 (10 to 1000).
fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight.saturating_sub(10)) * 9999 / 990
}

fn leaf_weight(sink: &mut Sink, at: &Origin, device: Device, weight: u16) -> Result<(), PlanError> {
    let (controller, version) = controller(sink, at)?;
    let file = match (version, device) {
        (Version::V2, _) => return Err(v1_only(at.clone(), "blockIO.leafWeight")),
        (Version::V1, None) => "blkio.leaf_weight",
        (Version::V1, Some(_)) => "blkio.leaf_weight_device",
    };
    sink.push(
        controller,
        at,
        Write::new(file, entry(device, u64::from(weight)), at),
    )
}

fn weight_device(
    sink: &mut Sink,
    index: usize,
    entry: &LinuxWeightDevice,
) -> Result<(), PlanError> {
    let at = sink.at(&format!("blockIO/weightDevice/{index}"));
    let device = device(&at, entry.major(), entry.minor())?;
    if entry.weight().is_none() && entry.leaf_weight().is_none() {
        let why = "it has neither a weight nor a leafWeight";
        return Err(PlanError::invalid(
            at,
            "an entry of blockIO.weightDevice",
            why,
        ));
    }
    if let Some(weight) = entry.weight().filter(|weight| *weight != 0) {
        self::weight(sink, &at.child("weight"), Some(&device), weight)?;
    }
    if let Some(weight) = entry.leaf_weight().filter(|weight| *weight != 0) {
        leaf_weight(sink, &at.child("leafWeight"), Some(&device), weight)?;
    }
    Ok(())
}

fn device(at: &Origin, major: i64, minor: i64) -> Result<String, PlanError> {
    if u32::try_from(major).is_ok() && u32::try_from(minor).is_ok() {
        return Ok(format!("{major}:{minor}"));
    }
    let what = format!("the block device {major}:{minor}");
    Err(PlanError::invalid(
        at.clone(),
        what,
        "there are no such numbers",
    ))
}

/// A rate; 0 lifts it in both versions.
fn throttle(
    sink: &mut Sink,
    at: &Origin,
    v1_file: &'static str,
    key: &str,
    entry: &LinuxThrottleDevice,
) -> Result<(), PlanError> {
    let device = device(at, entry.major(), entry.minor())?;
    let (controller, version) = controller(sink, at)?;
    let write = match (version, entry.rate()) {
        (Version::V1, rate) => Write::new(v1_file, format!("{device} {rate}"), at),
        (Version::V2, 0) => Write::new("io.max", format!("{device} {key}=max"), at),
        (Version::V2, rate) => Write::new("io.max", format!("{device} {key}={rate}"), at),
    };
    sink.push(controller, at, write)
}
