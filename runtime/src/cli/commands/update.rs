//! `update`

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use oci_spec::runtime::LinuxResources;
use serde_json::{Value, json};

use crate::cli::{CommandError, Context, Matches, UsageError};
use crate::exec::cgroup;
use crate::host::CgroupLayout;
use crate::plan::cgroup::{Places, Resources, Version, cpu_max, groups_of, properties, update};
use crate::plan::{Origin, PlanError};
use crate::spec::refused;
use crate::state::{Status, WrongState};

/// How a flag's value is read.
#[derive(Clone, Copy)]
enum Unit {
    /// A whole number, which may be negative.
    Number,
    /// Bytes, with a unit such as `m`.
    Bytes,
    /// Text.
    Text,
}

/// Each flag, the property it stands for, and how its value is read.
const FLAGS: &[(&str, &str, Unit)] = &[
    ("--blkio-weight", "blockIO/weight", Unit::Number),
    ("--cpu-period", "cpu/period", Unit::Number),
    ("--cpu-quota", "cpu/quota", Unit::Number),
    ("--cpu-burst", "cpu/burst", Unit::Number),
    ("--cpu-share", "cpu/shares", Unit::Number),
    ("--cpu-rt-period", "cpu/realtimePeriod", Unit::Number),
    ("--cpu-rt-runtime", "cpu/realtimeRuntime", Unit::Number),
    ("--cpu-idle", "cpu/idle", Unit::Number),
    ("--cpuset-cpus", "cpu/cpus", Unit::Text),
    ("--cpuset-mems", "cpu/mems", Unit::Text),
    ("--kernel-memory", "memory/kernel", Unit::Bytes),
    ("--kernel-memory-tcp", "memory/kernelTCP", Unit::Bytes),
    ("--memory", "memory/limit", Unit::Bytes),
    ("--memory-reservation", "memory/reservation", Unit::Bytes),
    ("--memory-swap", "memory/swap", Unit::Bytes),
    ("--pids-limit", "pids/limit", Unit::Number),
];

/// Changes the limits of a container that was not stopped.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    // What is asked is checked before the container is: bad input changes nothing.
    let (value, places) = asked(matches)?;
    let asked = Asked::read(value)?;
    let container = context.store.lock(matches.id())?;
    let record = container.record();
    if matches!(record.status()?, Status::Stopped | Status::Creating) {
        return Err(WrongState::NotRunning.into());
    }
    let schemata = schemata(matches);
    if !schemata.is_empty() {
        let class = record.resctrl.as_ref().map(|group| group.class.as_path());
        write_schemata(class, &schemata)?;
    }
    let resources = Resources {
        spec: &asked.spec,
        pids_limit: asked.pids_limit,
        hugepage_limits: &asked.hugepage_limits,
        places,
    };
    if asked.is_empty() {
        return Ok(0);
    }
    let Some(groups) = &record.cgroup else {
        return Err(CommandError::NoCgroup { action: "update" });
    };
    let mut layout =
        CgroupLayout::probe().map_err(CommandError::io("look at the cgroup mounts"))?;
    if let Some(rootless) = context.rootless {
        layout.assume(rootless);
    }
    let plan = update(groups_of(&groups.paths, &layout), &resources, &layout)?;
    let mut warnings = plan.warnings.clone();
    let version = if layout.v1.is_empty() {
        Version::V2
    } else {
        Version::V1
    };
    cgroup::before_attach(&plan, &mut warnings)?;
    cgroup::after_attach(&plan, &mut warnings)?;
    // The files come first: what the kernel refuses must not be tried by systemd afterwards.
    if groups.scope.is_some() {
        let spec = &with_whole_quota(asked.spec.clone(), &groups.paths);
        let resources = Resources { spec, ..resources };
        cgroup::set_unit_properties(groups, &properties(&resources, version))?;
    }
    for warning in &warnings {
        context.log.warn(warning);
    }
    Ok(0)
}

/// Quota and period are one thing to systemd: the half that was not asked for is what the cgroup has.
fn with_whole_quota(mut spec: LinuxResources, paths: &BTreeMap<String, PathBuf>) -> LinuxResources {
    let read = |hierarchy: &str, file: &str| {
        let text = fs::read_to_string(paths.get(hierarchy)?.join(file)).ok()?;
        Some(text.trim().to_owned())
    };
    let line = read("unified", "cpu.max").or_else(|| {
        let quota = read("cpu", "cpu.cfs_quota_us")?;
        Some(format!("{quota} {}", read("cpu", "cpu.cfs_period_us")?))
    });
    let asked = spec.cpu().clone();
    let asked = asked.filter(|cpu| cpu.quota().is_some() || cpu.period().is_some());
    if let (Some(mut cpu), Some((quota, period))) = (asked, line.as_deref().and_then(cpu_max)) {
        cpu.set_quota(Some(quota)).set_period(Some(period));
        spec.set_cpu(Some(cpu));
    }
    spec
}

/// A resources object, and who asked for what is in it. As in runc, a file makes flags moot.
fn asked(matches: &Matches) -> Result<(Value, Places), CommandError> {
    if let Some(file) = matches.value("resources") {
        let mut text = String::new();
        let read = match file {
            "-" => std::io::stdin().read_to_string(&mut text).map(drop),
            path => fs::read_to_string(path).map(|read| text = read),
        };
        read.map_err(CommandError::io(format!("read the resources file {file}")))?;
        let value = serde_json::from_str(&text);
        let value = value.map_err(|error| invalid("", &error.to_string()))?;
        return Ok((value, Places::below(Origin::at("--resources"))));
    }
    let mut value = json!({});
    for (flag, path, unit) in FLAGS {
        let Some(text) = matches.value(flag.trim_start_matches('-')) else {
            continue;
        };
        let (subject, property) = path
            .split_once('/')
            .expect("each path in the table has two parts");
        value[subject][property] = read(flag.trim_start_matches('-'), text, *unit)?;
    }
    Ok((
        value,
        Places::flags(FLAGS.iter().map(|(flag, path, _)| (*path, *flag)).collect()),
    ))
}

fn read(flag: &str, text: &str, unit: Unit) -> Result<Value, UsageError> {
    let (value, expected) = match unit {
        Unit::Number => (text.parse::<i64>().ok().map(Value::from), "a whole number"),
        Unit::Bytes => (
            bytes(text).map(Value::from),
            "bytes such as 4096, 512k or 1g, or -1",
        ),
        Unit::Text => (Some(Value::from(text)), "a list"),
    };
    value.ok_or_else(|| UsageError::InvalidValue {
        flag: flag.to_owned(),
        value: text.to_owned(),
        expected,
    })
}

/// Bytes, with a unit of base 1024 in the forms `k`, `kb` and `kib`; -1 is no limit.
fn bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    if lower == "-1" {
        return Some(-1);
    }
    let end = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let shift = match lower[end..].trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return None,
    };
    if let Ok(number) = lower[..end].parse::<i64>() {
        return number.checked_mul(1 << shift);
    }
    let bytes = lower[..end].parse::<f64>().ok()? * (1i64 << shift) as f64;
    (bytes < i64::MAX as f64).then_some(bytes as i64)
}

/// A mistake in the resources object.
fn invalid(pointer: &str, why: &str) -> PlanError {
    let origin = Origin::from(format!("--resources {pointer}").trim_end().to_owned());
    PlanError::invalid(origin, "the resources object", why)
}

/// A resources object, with what oci-spec cannot hold beside it.
struct Asked {
    spec: LinuxResources,
    pids_limit: Option<i64>,
    hugepage_limits: Vec<u64>,
}

impl Asked {
    fn read(mut value: Value) -> Result<Self, PlanError> {
        if !value.is_object() {
            return Err(invalid("", "an object is expected"));
        }
        let pids_limit = match &value["pids"]["limit"] {
            Value::Null => None,
            limit => Some(
                limit
                    .as_i64()
                    .ok_or_else(|| invalid("/pids/limit", "not a whole number"))?,
            ),
        };
        let mut hugepage_limits = Vec::new();
        for (index, entry) in value
            .get_mut("hugepageLimits")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let limit = entry["limit"].as_u64();
            let limit = limit.ok_or_else(|| {
                invalid(
                    &format!("/hugepageLimits/{index}/limit"),
                    "not a number of bytes",
                )
            })?;
            hugepage_limits.push(limit);
            // oci-spec stops at the largest signed number.
            entry["limit"] = limit.min(i64::MAX as u64).into();
        }
        let text = value.to_string();
        let spec = serde_json::from_str(&text).map_err(|error| {
            let problem = refused::problem(&text, &error);
            invalid(&problem.pointer, &problem.message)
        })?;
        Ok(Self {
            spec,
            pids_limit,
            hugepage_limits,
        })
    }

    fn is_empty(&self) -> bool {
        self.spec == LinuxResources::default() && self.pids_limit.is_none()
    }
}

/// The lines of Intel RDT that were asked for; config-linux.md#intelrdt has L3 first and MB last.
fn schemata(matches: &Matches) -> Vec<(&'static str, String)> {
    let flags = ["l3-cache-schema", "mem-bw-schema"];
    let asked = flags
        .into_iter()
        .filter_map(|flag| Some((flag, matches.value(flag)?.to_owned())));
    asked.collect()
}

fn write_schemata(
    folder: Option<&std::path::Path>,
    schemata: &[(&'static str, String)],
) -> Result<(), CommandError> {
    for (flag, line) in schemata {
        let Some(folder) = folder else {
            let origin = Origin::from(format!("--{flag}"));
            let why = "the container is in no resctrl group";
            return Err(PlanError::unsupported(origin, format!("schema {line:?}"), why).into());
        };
        let path = folder.join("schemata");
        let written = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes())
            });
        written.map_err(CommandError::io(format!(
            "write {line:?} to {} (--{flag})",
            path.display()
        )))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes("1.5k"), Some(1536));
        assert_eq!(bytes("2MiB"), Some(2 << 20));
        assert_eq!(bytes("-1"), Some(-1));
        for bad in ["", "-2", "1x", "k", "99999999p"] {
            assert_eq!(bytes(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_absent_limit_of_processes_stays_absent() {
        let read = |text| Asked::read(serde_json::from_str(text).expect("JSON"));
        assert!(read("{}").expect("fine").is_empty());
        assert_eq!(read(r#"{"pids": {}}"#).expect("fine").pids_limit, None);
        assert_eq!(
            read(r#"{"pids": {"limit": 0}}"#).expect("fine").pids_limit,
            Some(0)
        );
        for no_object in ["[]", "[1]", "1", "null", r#""x""#] {
            assert!(read(no_object).is_err(), "{no_object}");
        }
        let error = read(r#"{"memory": {"limit": "x"}}"#)
            .err()
            .expect("a wrong type");
        assert!(
            error.to_string().contains("(--resources /memory/limit)"),
            "{error}"
        );
        let error = read(r#"{"blockIO": {"weightDevice": [{"major": 8, "minor": "x"}]}}"#)
            .err()
            .expect("a wrong type");
        assert!(
            error
                .to_string()
                .contains("(--resources /blockIO/weightDevice/0/minor)"),
            "{error}"
        );
    }
}
