//! config-linux.md#control-groups: limits as files of either cgroup version, and as they bind.

use crate::cases::prelude::*;
use crate::machine::Layout;
use crate::observe::facts;
use crate::verdict::Stop;

/// What a resource looks like in the container's cgroup.
struct Setting {
    /// The case's name.
    name: &'static str,
    /// The requirement after `config-linux.resources.`.
    requirement: &'static str,
    /// The resources.
    value: fn() -> Value,
    /// The controller.
    controller: &'static str,
    /// What the machine must offer besides it.
    needs: &'static [Need],
    /// File and content on version 1.
    v1: (&'static str, &'static [&'static str]),
    /// File and contents of which one is expected on version 2; none if it cannot be had there.
    v2: (&'static str, &'static [&'static str]),
    /// Other resources, which wrong runtimes take it for.
    others: fn() -> Vec<Value>,
}

/// The controller of block devices, which version 2 calls `io`.
const BLOCK: &str = "blkio";

/// The devices 7:0 and 7:1.
const LOOP: &[Need] = &[Need::Path("/sys/block/loop1")];

/// A limit of the block device 7:`minor`.
fn throttle(member: &str, minor: u32, rate: u64) -> Value {
    json!({"blockIO": {member: [{"major": 7, "minor": minor, "rate": rate}]}})
}

/// What a wrong runtime takes the limit of 7:0 for: none, another, or one of another device.
fn throttled_otherwise(member: &str, rate: u64) -> Vec<Value> {
    vec![
        json!({}),
        throttle(member, 0, rate / 2),
        throttle(member, 1, rate),
    ]
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "memory_unlimited",
        requirement: "memory.unlimited-minus-one",
        value: || json!({"memory": {"limit": -1}}),
        controller: "memory",
        needs: &[],
        // PAGE_COUNTER_MAX pages of mm/page_counter.h.
        v1: ("memory.limit_in_bytes", &["9223372036854771712"]),
        v2: ("memory.max", &["max"]),
        others: || vec![json!({"memory": {"limit": 64 << 20}})],
    },
    Setting {
        name: "memory_swap",
        requirement: "memory.swap",
        value: || json!({"memory": {"limit": 64 << 20, "swap": 96 << 20}}),
        controller: "memory",
        needs: &[Need::SwapAccounting],
        v1: ("memory.memsw.limit_in_bytes", &["100663296"]),
        // Version 2 counts swap alone.
        v2: ("memory.swap.max", &["33554432"]),
        others: || {
            vec![
                json!({"memory": {"limit": 64 << 20}}),
                json!({"memory": {"limit": 64 << 20, "swap": 80 << 20}}),
            ]
        },
    },
    Setting {
        name: "memory_swappiness",
        requirement: "memory.swappiness",
        value: || json!({"memory": {"swappiness": 0}}),
        controller: "memory",
        needs: &[],
        v1: ("memory.swappiness", &["0"]),
        v2: ("", &[]),
        others: || vec![json!({"memory": {"swappiness": 37}}), json!({})],
    },
    Setting {
        name: "memory_kernel_tcp",
        requirement: "memory.kernel-tcp",
        value: || json!({"memory": {"kernelTCP": 8 << 20}}),
        controller: "memory",
        needs: &[],
        v1: ("memory.kmem.tcp.limit_in_bytes", &["8388608"]),
        v2: ("", &[]),
        others: || vec![json!({"memory": {"kernelTCP": 4 << 20}}), json!({})],
    },
    Setting {
        name: "memory_reservation_of_v2",
        requirement: "memory.reservation",
        value: || json!({"memory": {"reservation": 32 << 20}}),
        controller: "memory",
        needs: &[],
        v1: ("", &[]),
        v2: ("memory.low", &["33554432"]),
        others: || vec![json!({})],
    },
    Setting {
        name: "memory_limit_of_v2",
        requirement: "memory.limit",
        value: || json!({"memory": {"limit": 64 << 20}}),
        controller: "memory",
        needs: &[],
        v1: ("", &[]),
        v2: ("memory.max", &["67108864"]),
        others: || vec![json!({})],
    },
    Setting {
        name: "cpu_shares_of_v2",
        requirement: "cpu.shares",
        value: || json!({"cpu": {"shares": 2048}}),
        controller: "cpu",
        needs: &[],
        v1: ("", &[]),
        // The older conversion and the one of 2025.
        v2: ("cpu.weight", &["79", "159", "170", "174"]),
        others: || vec![json!({"cpu": {"shares": 200}})],
    },
    Setting {
        name: "cpu_quota_negative",
        requirement: "cpu.quota-negative",
        value: || json!({"cpu": {"quota": -1, "period": 50_000}}),
        controller: "cpu",
        needs: &[],
        v1: ("cpu.cfs_quota_us", &["-1"]),
        v2: ("cpu.max", &["max 50000"]),
        others: || vec![json!({"cpu": {"quota": 45_000, "period": 50_000}})],
    },
    Setting {
        name: "cpu_quota_of_v2",
        requirement: "cpu.quota",
        value: || json!({"cpu": {"quota": 45_000}}),
        controller: "cpu",
        needs: &[],
        v1: ("", &[]),
        v2: ("cpu.max", &["45000 100000"]),
        others: || vec![json!({})],
    },
    Setting {
        name: "cpu_period_of_v2",
        requirement: "cpu.period",
        value: || json!({"cpu": {"quota": 45_000, "period": 50_000}}),
        controller: "cpu",
        needs: &[],
        v1: ("", &[]),
        v2: ("cpu.max", &["45000 50000"]),
        others: || vec![json!({"cpu": {"quota": 45_000}})],
    },
    Setting {
        name: "cpu_burst",
        requirement: "cpu.burst",
        value: || json!({"cpu": {"quota": 45_000, "period": 50_000, "burst": 20_000}}),
        controller: "cpu",
        needs: &[],
        v1: ("cpu.cfs_burst_us", &["20000"]),
        v2: ("cpu.max.burst", &["20000"]),
        others: || {
            vec![
                json!({"cpu": {"quota": 45_000, "period": 50_000}}),
                json!({"cpu": {"quota": 45_000, "period": 50_000, "burst": 10_000}}),
            ]
        },
    },
    Setting {
        name: "cpu_idle",
        requirement: "cpu.idle",
        value: || json!({"cpu": {"idle": 1}}),
        controller: "cpu",
        needs: &[],
        v1: ("cpu.idle", &["1"]),
        v2: ("cpu.idle", &["1"]),
        others: || vec![json!({"cpu": {"idle": 0}}), json!({})],
    },
    Setting {
        name: "cpu_empty",
        requirement: "cpu.empty-object",
        value: || json!({"cpu": {}}),
        controller: "cpu",
        needs: &[],
        v1: ("cpu.shares", &["1024"]),
        v2: ("cpu.weight", &["100"]),
        others: || vec![json!({"cpu": {"shares": 200}})],
    },
    Setting {
        name: "cpu_realtime_runtime",
        requirement: "cpu.realtime-runtime",
        value: || json!({"cpu": {"realtimeRuntime": 700, "realtimePeriod": 900_000}}),
        controller: "cpu",
        needs: &[],
        v1: ("cpu.rt_runtime_us", &["700"]),
        v2: ("", &[]),
        others: || {
            vec![
                json!({"cpu": {"realtimeRuntime": 600, "realtimePeriod": 900_000}}),
                json!({"cpu": {"realtimePeriod": 900_000}}),
            ]
        },
    },
    Setting {
        name: "cpu_realtime_period",
        requirement: "cpu.realtime-period",
        value: || json!({"cpu": {"realtimeRuntime": 700, "realtimePeriod": 900_000}}),
        controller: "cpu",
        needs: &[],
        v1: ("cpu.rt_period_us", &["900000"]),
        v2: ("", &[]),
        others: || {
            vec![
                json!({"cpu": {"realtimeRuntime": 700}}),
                json!({"cpu": {"realtimeRuntime": 700, "realtimePeriod": 800_000}}),
            ]
        },
    },
    Setting {
        name: "pids_unlimited",
        requirement: "pids.unlimited",
        value: || json!({"pids": {"limit": -1}}),
        controller: "pids",
        needs: &[],
        v1: ("pids.max", &["max"]),
        v2: ("pids.max", &["max"]),
        others: || vec![json!({"pids": {"limit": 100}})],
    },
    Setting {
        name: "pids_limit_of_v2",
        requirement: "pids.limit",
        value: || json!({"pids": {"limit": 37}}),
        controller: "pids",
        needs: &[],
        v1: ("", &[]),
        v2: ("pids.max", &["37"]),
        others: || vec![json!({})],
    },
    Setting {
        name: "block_read_bps",
        requirement: "block-io.throttle-read-bps-device",
        value: || throttle("throttleReadBpsDevice", 0, 1_048_576),
        controller: BLOCK,
        needs: LOOP,
        v1: ("blkio.throttle.read_bps_device", &["7:0 1048576"]),
        v2: ("io.max", &["7:0 rbps=1048576 wbps=max riops=max wiops=max"]),
        others: || throttled_otherwise("throttleReadBpsDevice", 1_048_576),
    },
    Setting {
        name: "block_write_bps",
        requirement: "block-io.throttle-write-bps-device",
        value: || throttle("throttleWriteBpsDevice", 0, 1_048_576),
        controller: BLOCK,
        needs: LOOP,
        v1: ("blkio.throttle.write_bps_device", &["7:0 1048576"]),
        v2: ("io.max", &["7:0 rbps=max wbps=1048576 riops=max wiops=max"]),
        others: || throttled_otherwise("throttleWriteBpsDevice", 1_048_576),
    },
    Setting {
        name: "block_read_iops",
        requirement: "block-io.throttle-read-iops-device",
        value: || throttle("throttleReadIOPSDevice", 0, 120),
        controller: BLOCK,
        needs: LOOP,
        v1: ("blkio.throttle.read_iops_device", &["7:0 120"]),
        v2: ("io.max", &["7:0 rbps=max wbps=max riops=120 wiops=max"]),
        others: || throttled_otherwise("throttleReadIOPSDevice", 120),
    },
    Setting {
        name: "block_write_iops",
        requirement: "block-io.throttle-write-iops-device",
        value: || throttle("throttleWriteIOPSDevice", 0, 120),
        controller: BLOCK,
        needs: LOOP,
        v1: ("blkio.throttle.write_iops_device", &["7:0 120"]),
        v2: ("io.max", &["7:0 rbps=max wbps=max riops=max wiops=120"]),
        others: || throttled_otherwise("throttleWriteIOPSDevice", 120),
    },
    Setting {
        name: "block_weight",
        requirement: "block-io.weight",
        value: || json!({"blockIO": {"weight": 300}}),
        controller: BLOCK,
        needs: &[Need::Path("/sys/fs/cgroup/blkio/blkio.bfq.io_serviced")],
        v1: ("blkio.bfq.weight", &["300"]),
        v2: ("", &[]),
        others: || vec![json!({}), json!({"blockIO": {"weight": 200}})],
    },
    Setting {
        name: "huge_pages",
        requirement: "hugepage-limits.limit",
        value: || json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}]}),
        controller: "hugetlb",
        needs: &[],
        v1: ("hugetlb.2MB.limit_in_bytes", &["4194304"]),
        v2: ("hugetlb.2MB.max", &["4194304"]),
        others: || vec![json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 2 << 20}]})],
    },
    Setting {
        name: "huge_page_reservations",
        requirement: "hugepage-limits.rsvd-default",
        value: || json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}]}),
        controller: "hugetlb",
        needs: &[],
        v1: ("hugetlb.2MB.rsvd.limit_in_bytes", &["4194304"]),
        v2: ("hugetlb.2MB.rsvd.max", &["4194304"]),
        others: || vec![json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 2 << 20}]})],
    },
    Setting {
        name: "network_class",
        requirement: "network.class-id",
        value: || json!({"network": {"classID": 1_048_577}}),
        controller: "net_cls",
        needs: &[],
        v1: ("net_cls.classid", &["1048577"]),
        v2: ("", &[]),
        others: || vec![json!({"network": {"classID": 2}}), json!({})],
    },
];

pub(super) fn cases() -> Vec<Case> {
    SETTINGS
        .iter()
        .flat_map(|setting| [on_v1(setting), on_v2(setting)])
        .flatten()
        .chain(super::limits::cases())
        .collect()
}

/// A case of a setting; the bundle has no other resources but the device rule.
fn case(id: String, setting: &'static Setting) -> Case {
    let names: Vec<String> = (setting.value)()
        .as_object()
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default();
    Case::new(
        id,
        format!("config-linux.resources.{}", setting.requirement),
    )
    .bundle(|b| {
        let value = (setting.value)();
        let parts = value.as_object().into_iter().flatten();
        parts.fold(b, |b, (name, value)| {
            b.set(&format!("/linux/resources/{name}"), value.clone())
        })
    })
    .saboteurs((setting.others)().into_iter().map(|other| {
        let names = names.clone();
        edits(format!("take it for {other}"), move |config| {
            for name in &names {
                config["linux"]["resources"][name] = json!({});
            }
            for (name, value) in other.as_object().into_iter().flatten() {
                config["linux"]["resources"][name] = value.clone();
            }
            if let Some(resources) = config["linux"]["resources"].as_object_mut() {
                resources.retain(|_, value| *value != json!({}));
            }
        })
    }))
}

fn needs_of(setting: &Setting, version: fn(&'static str) -> Need) -> Vec<Need> {
    let controller = match setting.controller {
        BLOCK if version("") == Need::CgroupV2("") => "io",
        name => name,
    };
    let further = setting.needs.iter().copied();
    [version(controller)].into_iter().chain(further).collect()
}

fn on_v1(setting: &'static Setting) -> Option<Case> {
    let (file, allowed) = setting.v1;
    (!file.is_empty()).then(|| {
        case(format!("linux/cgroup_v1/{}", setting.name), setting)
            .needs(needs_of(setting, Need::CgroupV1))
            .run(move |t| {
                t.create()?;
                one_has(t, file, &t.own_v1(setting.controller, file)?, allowed)
            })
    })
}

fn on_v2(setting: &'static Setting) -> Option<Case> {
    let (file, allowed) = setting.v2;
    let name = setting.name.trim_end_matches("_of_v2");
    (!file.is_empty()).then(|| {
        case(format!("linux/cgroup_v2/{name}"), setting)
            .needs(needs_of(setting, Need::CgroupV2))
            .run(move |t| {
                let outcome = t.try_create()?;
                // Beside version 1 controllers the unified hierarchy is not every runtime's.
                if outcome.refused() && facts().cgroups.layout == Layout::Hybrid {
                    let why = "the runtime does not use the unified hierarchy of a hybrid layout";
                    return Err(Stop::Skip(why.into()));
                }
                t.accepted(&outcome)?;
                one_has(t, file, &t.own_v2(file)?, allowed)
            })
    })
}

/// One of the container's cgroups has one of the values.
fn one_has(t: &Trial, file: &str, seen: &[String], allowed: &[&str]) -> Check {
    let good = seen.iter().any(|value| allowed.contains(&value.as_str()));
    t.judge(file, good, json!(seen), json!({ "one has": allowed }))
}
