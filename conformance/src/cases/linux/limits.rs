//! Limits by what they do to the container's program, and limits that cannot be.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        memory_binds(),
        oom_killer_off(),
        pids_bind(),
        pids_zero(),
        cpus(),
        mems(),
        hierarchical(),
    ];
    cases.extend(
        REFUSED
            .iter()
            .map(|(name, requirement, need, pointer, value)| {
                bad(
                    format!("linux/resources/refused_{name}"),
                    format!("config-linux.resources.{requirement}"),
                    pointer,
                    value(),
                )
                .needs(*need)
            }),
    );
    cases
}

/// Name, requirement after `config-linux.resources.`, need, pointer and value.
type Refused = (
    &'static str,
    &'static str,
    Option<Need>,
    &'static str,
    fn() -> Value,
);

const MEMORY: &str = "/linux/resources/memory";
const CPU: &str = "/linux/resources/cpu";
const BLOCK: &str = "/linux/resources/blockIO";
const HUGE: &str = "/linux/resources/hugepageLimits";

const REFUSED: &[Refused] = &[
    (
        "swap_below_limit",
        "memory.swap-below-limit-errors",
        Some(Need::Cgroup("memory")),
        MEMORY,
        || json!({"limit": 64 << 20, "swap": 32 << 20}),
    ),
    (
        "swappiness_101",
        "memory.swappiness-range",
        Some(Need::CgroupV1("memory")),
        MEMORY,
        || json!({"swappiness": 101}),
    ),
    (
        "missing_cpus",
        "cpu.cpus-invalid-errors",
        Some(Need::Cgroup("cpuset")),
        CPU,
        || json!({"cpus": "999"}),
    ),
    (
        "quota_below_burst",
        "cpu.quota-not-below-burst",
        Some(Need::Cgroup("cpu")),
        CPU,
        || json!({"quota": 10_000, "period": 50_000, "burst": 20_000}),
    ),
    (
        "burst_above_quota",
        "cpu.burst-not-above-quota",
        Some(Need::Cgroup("cpu")),
        CPU,
        || json!({"quota": 20_000, "period": 50_000, "burst": 30_000}),
    ),
    (
        "weight_device_without_weight",
        "block-io.weight-device-one-required",
        None,
        BLOCK,
        || json!({"weightDevice": [{"major": 7, "minor": 0}]}),
    ),
    (
        "block_device_without_numbers",
        "block-io.major-minor-required",
        None,
        BLOCK,
        || json!({"throttleReadBpsDevice": [{"rate": 1_000_000}]}),
    ),
    (
        "throttle_without_rate",
        "block-io.rate-required",
        None,
        BLOCK,
        || json!({"throttleReadBpsDevice": [{"major": 7, "minor": 0}]}),
    ),
    (
        "huge_pages_without_limit",
        "hugepage-limits.fields-required",
        None,
        HUGE,
        || json!([{"pageSize": "2MB"}]),
    ),
    (
        "huge_pages_without_size",
        "hugepage-limits.fields-required",
        None,
        HUGE,
        || json!([{"limit": 0}]),
    ),
    (
        "huge_pages_of_no_size",
        "hugepage-limits.page-size-matches",
        None,
        HUGE,
        || json!([{"pageSize": "3MB", "limit": 0}]),
    ),
    (
        "priority_without_interface",
        "network.priorities-required",
        None,
        "/linux/resources/network",
        || json!({"priorities": [{"priority": 1}]}),
    ),
    (
        "priority_without_value",
        "network.priorities-required",
        None,
        "/linux/resources/network",
        || json!({"priorities": [{"name": "lo"}]}),
    ),
    (
        "empty_rdma",
        "rdma.one-required",
        None,
        "/linux/resources/rdma",
        || json!({"plimsoll0": {}}),
    ),
];

fn memory_binds() -> Case {
    const LIMIT: &str = "config-linux.resources.memory.limit";
    const OOM: &str = "config-linux.resources.memory.disable-oom-killer-default";
    Case::new("linux/resources/memory_limit_binds", [LIMIT, OOM])
        .needs([Need::Cgroup("memory")])
        .bundle(|b| {
            b.set(
                "/linux/resources/memory",
                json!({"limit": 32 << 20, "swap": 32 << 20}),
            )
        })
        .run(|t| {
            let agent = t.agent()?;
            let beyond = agent.attempt(|p| p.ask(&["child", "mem", "67108864"]))?;
            t.on_all()
                .eq("a child that uses twice the limit", beyond, "signal 9")
        })
        .saboteurs([drops("/linux/resources/memory").on([LIMIT, OOM])])
}

fn oom_killer_off() -> Case {
    Case::new(
        "linux/resources/oom_killer_disabled",
        "config-linux.resources.memory.disable-oom-killer-true",
    )
    .needs([Need::CgroupV1("memory")])
    .bundle(|b| {
        let memory = json!({"limit": 64 << 20, "disableOOMKiller": true});
        b.set("/linux/resources/memory", memory)
    })
    .run(|t| {
        t.create()?;
        let seen = t.own_v1("memory", "memory.oom_control")?;
        let off = seen.iter().any(|text| text.contains("oom_kill_disable 1"));
        t.that("memory.oom_control says that the killer is off", off, seen)
    })
    .saboteurs([
        drops("/linux/resources/memory/disableOOMKiller"),
        alters("/linux/resources/memory/disableOOMKiller", false),
    ])
}

/// Version 1 counts hierarchically since Linux 5.11, whatever is asked for.
fn hierarchical() -> Case {
    Case::new(
        "linux/resources/use_hierarchy",
        "config-linux.resources.memory.use-hierarchy",
    )
    .needs([Need::CgroupV1("memory")])
    .bundle(|b| b.set("/linux/resources/memory/useHierarchy", true))
    .run(|t| {
        t.must(t.create())?;
        t.has(
            "memory.use_hierarchy",
            t.own_v1("memory", "memory.use_hierarchy")?,
            "1",
        )
    })
    .saboteurs([lies("create", How::Refuse)])
}

fn pids_bind() -> Case {
    Case::new(
        "linux/resources/pids_limit_binds",
        "config-linux.resources.pids.limit",
    )
    .needs([Need::Cgroup("pids")])
    .bundle(|b| b.set("/linux/resources/pids/limit", 20))
    .run(|t| {
        let agent = t.agent()?;
        let seen = agent.get(|p| p.ask(&["fork", "40"]))?;
        t.eq("children beside the program", &seen["forked"], 19)
    })
    .saboteurs([
        drops("/linux/resources/pids/limit"),
        alters("/linux/resources/pids/limit", 21),
    ])
}

fn pids_zero() -> Case {
    Case::new(
        "linux/resources/pids_zero",
        "config-linux.resources.pids.zero-valid",
    )
    .needs([Need::Cgroup("pids")])
    .bundle(|b| b.set("/linux/resources/pids/limit", 0))
    .run(|t| {
        if t.try_create()?.refused() {
            return t.nothing_left();
        }
        let outcome = t.try_start()?;
        if outcome.refused() {
            return t.errors(&outcome);
        }
        // With no task allowed nothing can fork; the program itself may run.
        let seen = t.started()?.ask(|p| p.ask(&["fork", "1"]))?;
        let forked = seen.ok().map_or(json!(0), |seen| seen["forked"].clone());
        t.eq("children that the program may have", forked, 0)
    })
    .saboteurs([
        drops("/linux/resources/pids/limit"),
        alters("/linux/resources/pids/limit", -1),
    ])
}

fn cpus() -> Case {
    Case::new("linux/resources/cpus", "config-linux.resources.cpu.cpus")
        .needs([Need::Cgroup("cpuset"), Need::Cpus(2)])
        .bundle(|b| b.set("/linux/resources/cpu/cpus", "1"))
        .run(|t| {
            let agent = t.agent()?;
            let seen = agent.report.status_field("Cpus_allowed_list");
            t.eq("Cpus_allowed_list", seen, "1")
        })
        .saboteurs([
            drops("/linux/resources/cpu/cpus"),
            alters("/linux/resources/cpu/cpus", "0"),
        ])
}

fn mems() -> Case {
    Case::new("linux/resources/mems", "config-linux.resources.cpu.mems")
        .needs([Need::Cgroup("cpuset")])
        .bundle(|b| b.set("/linux/resources/cpu/mems", "0"))
        .run(|t| {
            let agent = t.must(t.agent())?;
            let seen = agent.report.status_field("Mems_allowed_list");
            t.eq("Mems_allowed_list", seen, "0")
        })
        // Where there is one node only, another value cannot be applied.
        .saboteurs([alters("/linux/resources/cpu/mems", "999")])
}
