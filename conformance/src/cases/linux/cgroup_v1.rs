//! config-linux.md#control-groups, on cgroup v1.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = LIMITS.iter().map(limit).collect();
    cases.push(
        Case::new(
            "linux/cgroup_v1/shares",
            "config-linux.resources.cpu.shares",
        )
        .needs([Need::CgroupV1("cpu")])
        .bundle(|b| b.set("/linux/resources/cpu/shares", 300))
        .run(|t| {
            t.create()?;
            t.has(
                "cpu.shares of the container's cgroups",
                t.own_v1("cpu", "cpu.shares")?,
                "300",
            )
        })
        .saboteurs([
            drops("/linux/resources/cpu"),
            alters("/linux/resources/cpu/shares", 200),
        ]),
    );
    cases
}

/// A limit that counts by its lowest value over all ancestors.
struct Limit {
    name: &'static str,
    requirement: &'static str,
    controller: &'static str,
    file: &'static str,
    pointer: &'static str,
    value: u64,
}

const LIMITS: &[Limit] = &[
    Limit {
        name: "memory_limit",
        requirement: "config-linux.resources.memory.limit",
        controller: "memory",
        file: "memory.limit_in_bytes",
        pointer: "/linux/resources/memory/limit",
        value: 64 << 20,
    },
    Limit {
        name: "memory_reservation",
        requirement: "config-linux.resources.memory.reservation",
        controller: "memory",
        file: "memory.soft_limit_in_bytes",
        pointer: "/linux/resources/memory/reservation",
        value: 32 << 20,
    },
    Limit {
        name: "pids_limit",
        requirement: "config-linux.resources.pids.limit",
        controller: "pids",
        file: "pids.max",
        pointer: "/linux/resources/pids/limit",
        value: 37,
    },
    Limit {
        name: "cpu_quota",
        requirement: "config-linux.resources.cpu.quota",
        controller: "cpu",
        file: "cpu.cfs_quota_us",
        pointer: "/linux/resources/cpu/quota",
        value: 45_000,
    },
    Limit {
        name: "cpu_period",
        requirement: "config-linux.resources.cpu.period",
        controller: "cpu",
        file: "cpu.cfs_period_us",
        pointer: "/linux/resources/cpu/period",
        value: 50_000,
    },
];

fn limit(limit: &'static Limit) -> Case {
    Case::new(format!("linux/cgroup_v1/{}", limit.name), limit.requirement)
        .needs([Need::CgroupV1(limit.controller)])
        .bundle(|b| b.set(limit.pointer, limit.value))
        .run(|t| {
            t.create()?;
            t.eq(
                limit.file,
                t.effective_v1(limit.controller, limit.file)?,
                limit.value,
            )
        })
        .saboteurs([drops(limit.pointer), alters(limit.pointer, limit.value * 2)])
}
