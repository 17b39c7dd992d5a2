//! The order that bites: what the kernel refuses, or does wrongly, where steps come in another one.

use plimrun::host::Facts;
use plimrun::plan::Plan;
use plimrun::plan::cgroup::{Setting, Version};
use plimrun::spec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::{machine, options};

/// The files that a setting may write to.
fn files(setting: &Setting) -> Vec<&str> {
    match setting {
        Setting::Write(write) | Setting::Effective(write) => vec![&write.file],
        Setting::Together(list) | Setting::FirstOf(list) => {
            list.iter().map(|write| write.file.as_ref()).collect()
        }
        _ => Vec::new(),
    }
}

fn machines() -> impl Strategy<Value = (&'static str, Facts)> {
    select(vec![
        ("v1", machine::v1()),
        ("v2", machine::v2()),
        ("hybrid", machine::hybrid()),
    ])
}

/// Limits that every one of the machines has.
fn resources() -> impl Strategy<Value = Value> {
    let cpu = (
        of(2_u64..10_000),
        of(select(vec!["0", "0-1", "1,3"])),
        of(Just("0")),
    );
    let limits = (of(0_i64..500), of(1_i64 << 20..1 << 30), cpu);
    limits.prop_map(|(pids, memory, (shares, cpus, mems))| {
        let mut resources = Map::new();
        if let Some(limit) = pids {
            resources.insert("pids".into(), json!({ "limit": limit }));
        }
        if let Some(limit) = memory {
            resources.insert("memory".into(), json!({ "limit": limit }));
        }
        let mut cpu = Map::new();
        cpu.extend(shares.map(|shares| ("shares".to_owned(), json!(shares))));
        cpu.extend(cpus.map(|cpus| ("cpus".to_owned(), json!(cpus))));
        cpu.extend(mems.map(|mems| ("mems".to_owned(), json!(mems))));
        resources.insert("cpu".into(), cpu.into());
        resources.into()
    })
}

const NAMESPACES: [&str; 6] = ["pid", "network", "ipc", "uts", "cgroup", "time"];

fn mounts() -> impl Strategy<Value = Vec<Value>> {
    let entry = select(vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        json!({"destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755"]}),
        json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]}),
        json!({"destination": "/data", "source": "data", "options": ["rbind", "rro"]}),
        json!({"destination": "/data", "options": ["remount", "bind", "ro"]}),
    ]);
    proptest::collection::vec(entry, 0..8)
}

prop_compose! {
    fn configs()(
        resources in resources(),
        namespaces in subsequence(NAMESPACES.to_vec(), 0..=NAMESPACES.len()),
        mounts in mounts(),
        real_time in any::<bool>(),
        runtime in of(1_000_i64..500_000),
    ) -> Value {
        let mut list = vec![json!({"type": "mount"})];
        list.extend(namespaces.iter().map(|kind| json!({ "type": kind })));
        let mut config = json!({
            "ociVersion": "1.3.0",
            "root": {"path": "rootfs"},
            "process": {"cwd": "/", "args": ["x"], "user": {"uid": 0, "gid": 0}},
            "mounts": mounts,
            "linux": {"namespaces": list, "resources": resources},
        });
        if real_time {
            config["process"]["scheduler"] = json!({"policy": "SCHED_RR", "priority": 5});
            config["linux"]["resources"]["cpu"]["realtimeRuntime"] = json!(runtime);
        }
        config
    }
}

proptest! {
    #[test]
    fn steps_come_in_the_order_that_the_kernel_wants(
        config in configs(),
        (name, facts) in machines(),
    ) {
        let parsed = spec::from_str(config.to_string()).expect("valid");
        let planned = Plan::new(&parsed, &facts, &options("order"));
        // v2 has no equivalent, and says so.
        let on_v2 = name == "v2" && config.pointer("/linux/resources/cpu/realtimeRuntime").is_some_and(Value::is_number);
        prop_assert_eq!(planned.is_err(), on_v2, "{:?}", planned.err());
        let Ok(plan) = planned else { return Ok(()) };
        for group in &plan.cgroup.groups {
            for (file, first) in group.before.iter().flat_map(files).map(|file| (file, true))
                .chain(group.after.iter().flat_map(files).map(|file| (file, false)))
            {
                match (file, group.version) {
                    // With a limit of 0 no process could enter.
                    ("pids.max", _) => prop_assert!(!first, "{} before the attach", file),
                    // A v1 cpuset without processors or nodes takes no process.
                    ("cpuset.cpus" | "cpuset.mems", Version::V1)
                    // A group without real-time share takes no real-time policy.
                    | ("cpu.rt_runtime_us" | "cpu.rt_period_us", _) => {
                        prop_assert!(first, "{} after the attach", file);
                    }
                    _ => {}
                }
            }
        }
        // One may cover or change another: they come as they are listed.
        let places: Vec<usize> = plan.mounts.iter().map(|mount| {
            let entry = mount.origin.as_str().split('/').nth(2).expect("/mounts/N");
            entry.parse().expect("a number")
        }).collect();
        prop_assert!(places.is_sorted(), "{:?}", places);
        prop_assert_eq!(&plan, &Plan::new(&parsed, &facts, &options("order")).expect("as before"));
    }
}
