//! Limits as properties of a systemd unit.
//! systemd.resource-control(5)

use super::cpu::weight_of;
use super::resources::Resources;
use super::setting::Version;
use super::sink::range;
use super::systemd::{Property, Value};

/// The limits that systemd itself would otherwise reset when it next writes the unit's cgroup.
pub fn properties(resources: &Resources, version: Version) -> Vec<Property> {
    let mut out = Vec::new();
    let mut push = |name: &str, value: u64| out.push(Property::new(name, Value::Uint64(value)));
    let v2 = version == Version::V2;
    let spec = resources.spec;
    if let Some(memory) = spec.memory() {
        let [limit, swap, low] = [memory.limit(), memory.swap(), memory.reservation()]
            .map(|value| value.filter(|value| *value != 0));
        if let Some(limit) = limit {
            push(
                if v2 { "MemoryMax" } else { "MemoryLimit" },
                unbounded(limit),
            );
        }
        match (limit, swap) {
            (Some(limit @ 0..), Some(swap @ 0..)) if v2 => {
                push("MemorySwapMax", (swap - limit).cast_unsigned());
            }
            (Some(-1), None) | (_, Some(-1)) if v2 => push("MemorySwapMax", u64::MAX),
            _ => {}
        }
        if let Some(low) = low.filter(|_| v2) {
            push("MemoryLow", unbounded(low));
        }
    }
    if let Some(cpu) = spec.cpu() {
        if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
            let (name, value) = if v2 {
                ("CPUWeight", weight_of(shares))
            } else {
                ("CPUShares", shares)
            };
            push(name, value);
        }
        let period = cpu.period().filter(|period| *period != 0);
        if let Some(period) = period {
            push("CPUQuotaPeriodUSec", period);
        }
        if let Some(quota) = cpu.quota().filter(|quota| *quota != 0) {
            push(
                "CPUQuotaPerSecUSec",
                per_second(quota, period.unwrap_or(100_000)),
            );
        }
    }
    // systemd takes no TasksMax of 0; the file alone has it then.
    if let Some(limit) = resources.pids_limit.filter(|limit| *limit != 0) {
        push("TasksMax", unbounded(limit));
    }
    if let Some(weight) = spec
        .block_io()
        .as_ref()
        .and_then(oci_spec::runtime::LinuxBlockIo::weight)
        .filter(|w| *w != 0)
    {
        let weight = u64::from(weight);
        if !v2 {
            push("BlockIOWeight", weight);
        }
    }
    let unified = |file: &str| {
        let files = spec.unified().as_ref();
        files.and_then(|files| files.get(file)).map(String::as_str)
    };
    for (file, name) in UNIFIED {
        if let Some(value) = unified(file) {
            match value.trim() {
                "max" => push(name, u64::MAX),
                number => {
                    if let Ok(number) = number.parse() {
                        push(name, number);
                    }
                }
            }
        }
    }
    if let Some((quota, period)) = unified("cpu.max").and_then(cpu_max) {
        push("CPUQuotaPeriodUSec", period);
        push("CPUQuotaPerSecUSec", per_second(quota, period));
    }
    let cpu = spec.cpu().as_ref().filter(|_| v2);
    for (name, list) in [
        ("AllowedCPUs", cpu.and_then(|cpu| cpu.cpus().as_deref())),
        (
            "AllowedMemoryNodes",
            cpu.and_then(|cpu| cpu.mems().as_deref()),
        ),
        ("AllowedCPUs", unified("cpuset.cpus")),
        ("AllowedMemoryNodes", unified("cpuset.mems")),
    ] {
        if let Some(list) = list.filter(|list| !list.trim().is_empty()) {
            out.push(Property::new(name, Value::Bytes(bitmap(list))));
        }
    }
    out
}

/// Quota and period of a line of `cpu.max`, where a missing period is the kernel's default; -1 is no
/// quota.
pub fn cpu_max(line: &str) -> Option<(i64, u64)> {
    let mut words = line.split_whitespace();
    let quota = match words.next()? {
        "max" => -1,
        number => number.parse().ok()?,
    };
    let period = words.next().unwrap_or("100000").parse().ok()?;
    (period != 0).then_some((quota, period))
}

/// Files of v2 whose values systemd knows as plain numbers.
const UNIFIED: [(&str, &str); 7] = [
    ("memory.high", "MemoryHigh"),
    ("memory.max", "MemoryMax"),
    ("memory.low", "MemoryLow"),
    ("memory.min", "MemoryMin"),
    ("memory.swap.max", "MemorySwapMax"),
    ("pids.max", "TasksMax"),
    ("cpu.weight", "CPUWeight"),
];

/// A limit of -1 is none, which systemd writes as the largest number.
fn unbounded(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// The quota in microseconds a second, rounded up to the percent that systemd keeps.
fn per_second(quota: i64, period: u64) -> u64 {
    let Ok(quota) = u64::try_from(quota) else {
        return u64::MAX;
    };
    let exact = u128::from(quota) * 1_000_000 / u128::from(period);
    u64::try_from(exact.next_multiple_of(10_000)).unwrap_or(u64::MAX)
}

/// A list such as `0-3,7` as bits, the lowest number first. The list was checked before.
fn bitmap(list: &str) -> Vec<u8> {
    let mut bits = Vec::new();
    for (from, to) in list.split(',').filter_map(range) {
        // The kernel's largest machines have 8192 processors; a longer map would be refused anyway.
        for number in (from as usize)..=(to.min(0xffff) as usize) {
            if bits.len() <= number / 8 {
                bits.resize(number / 8 + 1, 0);
            }
            bits[number / 8] |= 1 << (number % 8);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_become_percents() {
        assert_eq!(per_second(50_000, 100_000), 500_000);
        assert_eq!(per_second(1, 3), 340_000);
        assert_eq!(per_second(-1, 100_000), u64::MAX);
        assert_eq!(bitmap("0-2,9"), [0b111, 0b10]);
    }

    #[test]
    fn a_line_of_cpu_max_is_quota_and_period() {
        assert_eq!(cpu_max("40000 50000"), Some((40_000, 50_000)));
        assert_eq!(cpu_max("40000"), Some((40_000, 100_000)));
        assert_eq!(cpu_max("max 50000"), Some((-1, 50_000)));
        assert_eq!(cpu_max("40000 0"), None);
        assert_eq!(cpu_max("much"), None);
    }
}
