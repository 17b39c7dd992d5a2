//! config.md#linux-process: scheduler.

use std::path::Path;

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::Scheduler;

use crate::cases::prelude::*;
use crate::drive::Call;

/// What has to be set for the policy to be accepted, and what sched_getattr(2) then shows.
struct Policy {
    name: &'static str,
    number: u32,
    settings: fn() -> Value,
}

/// For policies that go before others, and to become less nice: sched(7).
const NICE: Need = Need::Capability("CAP_SYS_NICE");

/// linux/sched.h SCHED_BATCH.
const BATCH: &str = "3";

/// linux/sched.h.
const POLICIES: [Policy; 6] = [
    Policy {
        name: "SCHED_OTHER",
        number: 0,
        settings: || json!({}),
    },
    Policy {
        name: "SCHED_FIFO",
        number: 1,
        settings: || json!({"priority": 7}),
    },
    Policy {
        name: "SCHED_RR",
        number: 2,
        settings: || json!({"priority": 10}),
    },
    Policy {
        name: "SCHED_BATCH",
        number: 3,
        settings: || json!({}),
    },
    Policy {
        name: "SCHED_IDLE",
        number: 5,
        settings: || json!({}),
    },
    Policy {
        name: "SCHED_DEADLINE",
        number: 6,
        settings: deadline,
    },
];

/// 1 ms in every 10 ms.
fn deadline() -> Value {
    json!({"runtime": 1_000_000, "deadline": 10_000_000, "period": 10_000_000})
}

/// `settings` with a policy.
fn with(policy: &str, mut settings: Value) -> Value {
    settings["policy"] = json!(policy);
    settings
}

fn case(fact: &str, requirement: &str, scheduler: Value) -> Case {
    let id = format!("config/scheduler/{fact}");
    let policy = scheduler["policy"].as_str().unwrap_or_default();
    let real = matches!(policy, "SCHED_FIFO" | "SCHED_RR");
    let privileged = real || policy == "SCHED_DEADLINE";
    Case::new(id, format!("config.process.scheduler.{requirement}"))
        .needs(privileged.then_some(NICE))
        .needs(real.then_some(Need::RealTime))
        .needs((policy == "SCHED_DEADLINE").then_some(Need::Deadline))
        .bundle(move |b| real_time(b, &scheduler).set("/process/scheduler", scheduler.clone()))
}

/// A cgroup v1 has no share of the time for real-time policies unless it is given one, and refuses
/// them until then (the kernel's scheduler/sched-rt-group.rst).
fn real_time(b: Bundle, scheduler: &Value) -> Bundle {
    let policy = scheduler["policy"].as_str().unwrap_or_default();
    let wanted = matches!(policy, "SCHED_FIFO" | "SCHED_RR");
    if wanted && Path::new("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists() {
        // Of every second: enough not to be held up, and no more than many at once can have.
        return b.set("/linux/resources/cpu/realtimeRuntime", 50_000);
    }
    b
}

/// The scheduling of a container made by a call.
fn seen(t: &Trial, call: Call) -> Check<Scheduler> {
    match t.agent_by(call)?.report.scheduler.value() {
        Some(scheduler) => Ok(*scheduler),
        None => Trial::spoilt("sched_getattr", "a value", Value::Null),
    }
}

fn seen_plainly(t: &Trial) -> Check<Scheduler> {
    seen(t, t.create_call())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = POLICIES.iter().map(policy).collect();
    cases.extend(parameters());
    cases.extend(defaults());
    cases.extend(flags());
    cases.extend(refused());
    cases
}

fn policy(policy: &'static Policy) -> Case {
    let slug = policy.name.to_lowercase();
    let requirement = format!("policy-{}", slug.replace('_', "-"));
    let case = case(&slug, &requirement, with(policy.name, (policy.settings)()));
    // The caller's own policy is another one, which would be inherited.
    let callers = if policy.number == 0 { BATCH } else { "0" };
    case.run(move |t| {
        let call = t.create_call_as(["policy", callers]);
        t.eq("the policy", t.must(seen(t, call))?.policy, policy.number)
    })
    .saboteurs([drops("/process/scheduler")])
}

/// A time of a scheduling, in nanoseconds.
type Get = fn(&Scheduler) -> u64;

fn parameters() -> Vec<Case> {
    let mut cases = vec![
        case(
            "nice_is_set",
            "nice",
            json!({"policy": "SCHED_OTHER", "nice": 7}),
        )
        .run(|t| t.eq("the nice value", seen_plainly(t)?.nice, 7))
        .saboteurs([
            drops("/process/scheduler/nice"),
            alters("/process/scheduler/nice", 8),
        ]),
        case(
            "priority_is_set",
            "priority",
            json!({"policy": "SCHED_RR", "priority": 10}),
        )
        .run(|t| t.eq("the priority", seen_plainly(t)?.priority, 10))
        .saboteurs([alters("/process/scheduler/priority", 11)]),
    ];
    let times: [(&str, Get); 3] = [
        ("runtime", |seen| seen.runtime_ns),
        ("deadline", |seen| seen.deadline_ns),
        ("period", |seen| seen.period_ns),
    ];
    for (name, get) in times {
        let given = json!({"runtime": 4_000_000, "deadline": 20_000_000, "period": 40_000_000});
        let wanted = given[name].clone();
        cases.push(
            case(
                &format!("{name}_is_set"),
                name,
                with("SCHED_DEADLINE", given),
            )
            .run(move |t| t.eq(name, get(&t.must(seen_plainly(t))?), &wanted))
            .saboteurs([
                drops(format!("/process/scheduler/{name}")),
                // Within the order that the kernel asks for: runtime, deadline, period.
                alters(
                    format!("/process/scheduler/{name}"),
                    if name == "runtime" {
                        3_000_000
                    } else {
                        30_000_000
                    },
                ),
            ]),
        );
        // The fair policies show a slice of their own as the run time.
        cases.push(
            case(
                &format!("{name}_unset_is_zero"),
                &format!("{name}-default-zero"),
                json!({"policy": "SCHED_RR", "priority": 1}),
            )
            .run(move |t| t.eq(name, get(&seen_plainly(t)?), 0))
            .saboteurs([alters(
                "/process/scheduler",
                with("SCHED_DEADLINE", deadline()),
            )
            .needs([Need::Deadline])]),
        );
    }
    cases
}

fn defaults() -> [Case; 3] {
    [
        case(
            "nice_unset_is_zero",
            "nice-default-zero",
            json!({"policy": "SCHED_OTHER"}),
        )
        .needs([NICE])
        .run(|t| {
            let call = t.create_call_as(["nice", "5"]);
            t.eq("the nice value", seen(t, call)?.nice, 0)
        })
        .saboteurs([
            drops("/process/scheduler"),
            alters("/process/scheduler/nice", 5),
        ]),
        case(
            "priority_unset_is_zero",
            "priority-default-zero",
            json!({"policy": "SCHED_BATCH"}),
        )
        // The kernel takes no other for this policy: sched_setattr(2), EINVAL.
        .run(|t| t.eq("the priority", t.must(seen_plainly(t))?.priority, 0))
        .saboteurs([alters("/process/scheduler/priority", 1)]),
        // The kernel has no such priority (sched(7)), so that it cannot be applied.
        case(
            "priority_zero_of_fifo_is_refused",
            "priority-default-zero",
            json!({"policy": "SCHED_FIFO"}),
        )
        .run(Assert::never_runs)
        .saboteurs([alters("/process/scheduler/priority", 1)]),
    ]
}

/// A case about a flag: with what settings, called through what, and what then shows.
fn flag(
    name: &'static str,
    settings: Value,
    caller: Option<[&'static str; 2]>,
    show: impl Fn(&Scheduler) -> Value + Send + Sync + 'static,
    wanted: impl Into<Value>,
) -> Case {
    let slug = name.to_lowercase().replace('_', "-");
    let mut scheduler = settings;
    scheduler["flags"] = json!([format!("SCHED_FLAG_{name}")]);
    let wanted = wanted.into();
    let other = match name {
        "RESET_ON_FORK" => "SCHED_FLAG_KEEP_PARAMS",
        _ => "SCHED_FLAG_RESET_ON_FORK",
    };
    case(
        &format!("flag_{}", name.to_lowercase()),
        &format!("flag-{slug}"),
        scheduler,
    )
    .run(move |t| {
        let call = caller.map_or_else(|| t.create_call(), |caller| t.create_call_as(caller));
        let seen = t.must(seen(t, call))?;
        t.eq("what shows of the flag", show(&seen), &wanted)
    })
    .saboteurs([
        drops("/process/scheduler/flags"),
        alters("/process/scheduler/flags", [other]),
    ])
}

fn flags() -> Vec<Case> {
    // linux/sched.h SCHED_FLAG_*.
    let bit = |bit: u64| move |seen: &Scheduler| json!(seen.flags & bit);
    let mut cases = vec![
        flag(
            "RESET_ON_FORK",
            json!({"policy": "SCHED_BATCH"}),
            None,
            bit(1),
            1,
        ),
        flag(
            "RECLAIM",
            with("SCHED_DEADLINE", deadline()),
            None,
            bit(2),
            2,
        ),
        flag(
            "DL_OVERRUN",
            with("SCHED_DEADLINE", deadline()),
            None,
            bit(4),
            4,
        ),
        flag(
            "KEEP_POLICY",
            json!({"policy": "SCHED_OTHER"}),
            Some(["policy", BATCH]),
            |seen| json!(seen.policy),
            3,
        ),
        flag(
            "KEEP_PARAMS",
            json!({"policy": "SCHED_OTHER", "nice": 7}),
            Some(["nice", "5"]),
            |seen| json!(seen.nice),
            5,
        ),
    ];
    cases.extend(["MIN", "MAX"].map(clamp));
    cases
}

/// Needs CONFIG_UCLAMP_TASK, without which sched_setattr(2) fails with EOPNOTSUPP: then the flag
/// cannot be applied.
fn clamp(which: &'static str) -> Case {
    let supported = Path::new("/proc/sys/kernel/sched_util_clamp_min").exists();
    let slug = which.to_lowercase();
    let flag = format!("SCHED_FLAG_UTIL_CLAMP_{which}");
    case(
        &format!("flag_util_clamp_{slug}"),
        &format!("flag-util-clamp-{slug}"),
        json!({"policy": "SCHED_OTHER", "flags": [flag]}),
    )
    .run(move |t| {
        if supported {
            t.must(t.agent()).map(|_| ())
        } else {
            t.never_runs()
        }
    })
    .saboteurs([if supported {
        lies("create", How::Refuse)
    } else {
        drops("/process/scheduler/flags")
    }])
}

fn refused() -> [Case; 3] {
    [
        ("policy_is_required", "policy-required", json!({"nice": 5})),
        (
            "unknown_policy_is_refused",
            "invalid-policy-errors",
            json!({"policy": "SCHED_FOO"}),
        ),
        // No kernel has it.
        (
            "sched_iso_is_refused",
            "policy-sched-iso",
            json!({"policy": "SCHED_ISO"}),
        ),
    ]
    .map(|(fact, requirement, scheduler)| {
        bad(
            format!("config/scheduler/{fact}"),
            format!("config.process.scheduler.{requirement}"),
            "/process/scheduler",
            scheduler,
        )
    })
}
