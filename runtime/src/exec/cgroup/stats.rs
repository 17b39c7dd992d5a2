//! What a container uses, in the form that runc's `events --stats` prints.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::state::CgroupRecord;

/// Files of one cgroup directory; a missing file counts as nothing.
struct Files<'a>(Option<&'a Path>);

impl Files<'_> {
    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.0?.join(file)).ok()
    }

    /// A number; `max` is the largest.
    fn number(&self, file: &str) -> Option<u64> {
        number(self.text(file)?.trim())
    }

    /// Lines of a name and a number.
    fn table(&self, file: &str) -> Map<String, Value> {
        let text = self.text(file).unwrap_or_default();
        let rows = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), json!(number(value.trim())?)))
        });
        rows.collect()
    }
}

fn number(text: &str) -> Option<u64> {
    match text {
        "max" => Some(u64::MAX),
        text => text.parse().ok(),
    }
}

/// The `data` of a `stats` event.
pub fn stats(record: &CgroupRecord) -> Value {
    let files = |controller: &str| {
        let paths = &record.paths;
        Files(paths.get(controller).map(PathBuf::as_path))
    };
    if record.paths.contains_key("memory") || record.paths.contains_key("cpuacct") {
        return json!({
            "cpu": cpu_v1(&files("cpuacct"), &files("cpu")),
            "cpuset": cpuset(&files("cpuset")),
            "memory": memory_v1(&files("memory")),
            "pids": pids(&files("pids")),
            "blkio": blkio_v1(&files("blkio")),
            "hugetlb": hugetlb(&files("hugetlb"), ".limit_in_bytes", ".usage_in_bytes"),
            "intel_rdt": {},
            "network_interfaces": null,
        });
    }
    let unified = files("unified");
    json!({
        "cpu": cpu_v2(&unified),
        "cpuset": cpuset(&unified),
        "memory": memory_v2(&unified),
        "pids": pids(&unified),
        "blkio": blkio_v2(&unified),
        "hugetlb": hugetlb(&unified, ".max", ".current"),
        "intel_rdt": {},
        "network_interfaces": null,
    })
}

fn pids(files: &Files) -> Value {
    let limit = files.number("pids.max").filter(|limit| *limit != u64::MAX);
    json!({ "current": files.number("pids.current").unwrap_or(0), "limit": limit.unwrap_or(0) })
}

fn cpuset(files: &Files) -> Value {
    let list = |file: &str| {
        let text = files.text(file).unwrap_or_default();
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Some(from.trim().parse::<u32>().ok()?..=to.trim().parse::<u32>().ok()?)
        };
        text.split(',')
            .filter_map(range)
            .flatten()
            .collect::<Vec<_>>()
    };
    let first = |names: [&str; 2]| names.map(list).into_iter().find(|l| !l.is_empty());
    json!({
        "cpus": first(["cpuset.cpus", "cpuset.cpus.effective"]),
        "mems": first(["cpuset.mems", "cpuset.mems.effective"]),
    })
}

fn cpu_v1(account: &Files, cpu: &Files) -> Value {
    let list = |file: &str| {
        let text = account.text(file).unwrap_or_default();
        text.split_ascii_whitespace()
            .filter_map(number)
            .collect::<Vec<_>>()
    };
    let (kernel, user): (Vec<u64>, Vec<u64>) = {
        // A heading, then a line a processor: its number, user and system time in nanoseconds.
        let text = account.text("cpuacct.usage_all").unwrap_or_default();
        let rows = text.lines().skip(1).filter_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1).filter_map(number);
            let user = words.next()?;
            Some((words.next()?, user))
        });
        rows.unzip()
    };
    let throttling = cpu.table("cpu.stat");
    json!({
        "usage": {
            "total": account.number("cpuacct.usage").unwrap_or(0),
            "percpu": list("cpuacct.usage_percpu"),
            "percpu_kernel": kernel,
            "percpu_user": user,
            "kernel": account.number("cpuacct.usage_sys").unwrap_or(0),
            "user": account.number("cpuacct.usage_user").unwrap_or(0),
        },
        "throttling": throttled(&throttling, "throttled_time", 1),
    })
}

fn throttled(table: &Map<String, Value>, time: &str, factor: u64) -> Value {
    let get = |name: &str| table.get(name).and_then(Value::as_u64).unwrap_or(0);
    json!({
        "periods": get("nr_periods"),
        "throttledPeriods": get("nr_throttled"),
        "throttledTime": get(time) * factor,
    })
}

fn cpu_v2(files: &Files) -> Value {
    let table = files.table("cpu.stat");
    let nanoseconds = |name: &str| table.get(name).and_then(Value::as_u64).unwrap_or(0) * 1000;
    json!({
        "usage": {
            "total": nanoseconds("usage_usec"),
            "kernel": nanoseconds("system_usec"),
            "user": nanoseconds("user_usec"),
        },
        "throttling": throttled(&table, "throttled_usec", 1000),
    })
}

fn memory_v1(files: &Files) -> Value {
    let kind = |prefix: &str| {
        json!({
            "limit": files.number(&format!("{prefix}.limit_in_bytes")).unwrap_or(0),
            "usage": files.number(&format!("{prefix}.usage_in_bytes")).unwrap_or(0),
            "max": files.number(&format!("{prefix}.max_usage_in_bytes")).unwrap_or(0),
            "failcnt": files.number(&format!("{prefix}.failcnt")).unwrap_or(0),
        })
    };
    let raw = files.table("memory.stat");
    json!({
        "cache": raw.get("cache").and_then(Value::as_u64).unwrap_or(0),
        "usage": kind("memory"),
        "swap": kind("memory.memsw"),
        "kernel": kind("memory.kmem"),
        "kernelTCP": kind("memory.kmem.tcp"),
        "raw": raw,
    })
}

fn memory_v2(files: &Files) -> Value {
    let events = files.table("memory.events");
    let kind = |prefix: &str, failures: u64| {
        json!({
            "limit": files.number(&format!("{prefix}.max")).unwrap_or(0),
            "usage": files.number(&format!("{prefix}.current")).unwrap_or(0),
            "max": files.number(&format!("{prefix}.peak")).unwrap_or(0),
            "failcnt": failures,
        })
    };
    let raw = files.table("memory.stat");
    json!({
        "cache": raw.get("file").and_then(Value::as_u64).unwrap_or(0),
        "usage": kind("memory", events.get("max").and_then(Value::as_u64).unwrap_or(0)),
        "swap": kind("memory.swap", 0),
        "kernel": { "limit": 0, "usage": raw.get("kernel"), "failcnt": 0 },
        "kernelTCP": { "limit": 0, "usage": raw.get("sock"), "failcnt": 0 },
        "raw": raw,
    })
}

fn entry(device: &str, operation: &str, value: u64) -> Option<Value> {
    let (major, minor) = device.split_once(':')?;
    let (major, minor) = (number(major)?, number(minor)?);
    Some(json!({ "major": major, "minor": minor, "op": operation, "value": value }))
}

fn blkio_v1(files: &Files) -> Value {
    let list = |name: &str| {
        // BFQ accounts in its own files, everything in those of the throttle.
        let names = [
            format!("blkio.bfq.{name}_recursive"),
            format!("blkio.throttle.{name}"),
        ];
        let text = names
            .iter()
            .filter_map(|name| files.text(name))
            .find(|text| text.contains(':'));
        let text = text.unwrap_or_default();
        let rows = text.lines().filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            entry(words.next()?, words.next()?, number(words.next()?)?)
        });
        rows.collect::<Vec<_>>()
    };
    json!({
        "ioServiceBytesRecursive": list("io_service_bytes"),
        "ioServicedRecursive": list("io_serviced"),
    })
}

fn blkio_v2(files: &Files) -> Value {
    let text = files.text("io.stat").unwrap_or_default();
    let list = |keys: [(&str, &str); 2]| {
        let rows = text.lines().flat_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let device = words.next().unwrap_or_default();
            let pairs: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
            keys.into_iter().filter_map(move |(key, operation)| {
                let (_, value) = pairs.iter().find(|(name, _)| *name == key)?;
                entry(device, operation, number(value)?)
            })
        });
        rows.collect::<Vec<_>>()
    };
    json!({
        "ioServiceBytesRecursive": list([("rbytes", "Read"), ("wbytes", "Write")]),
        "ioServicedRecursive": list([("rios", "Read"), ("wios", "Write")]),
    })
}

fn hugetlb(files: &Files, limit: &str, usage: &str) -> Value {
    let names = files
        .0
        .and_then(|dir| fs::read_dir(dir).ok())
        .into_iter()
        .flatten()
        .flatten();
    let sizes = names.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let size = name
            .strip_prefix("hugetlb.")?
            .strip_suffix(limit)?
            .to_owned();
        (!size.contains('.')).then_some(size)
    });
    let rows = sizes.map(|size| {
        let get = |suffix: &str| files.number(&format!("hugetlb.{size}{suffix}")).unwrap_or(0);
        let row = json!({ "usage": get(usage), "max": get(".max_usage_in_bytes"), "failcnt": get(".failcnt") });
        (size.clone(), row)
    });
    Value::Object(rows.collect())
}
