//! runc's docs/systemd.md, resource limits and auxiliary properties: what systemd knows of a
//! container's limits.

use super::systemd_scope::{PATH, case};
use crate::cases::prelude::*;
use crate::observe::{host, unit_property};
use crate::verdict::Stop;

const PROPERTIES: &str = "systemd.limits.are-properties";
const UPDATED: &str = "systemd.limits.update-kept";
const ANNOTATIONS: &str = "systemd.annotations.are-properties";

/// A limit that systemd knows.
struct Limit {
    name: &'static str,
    controller: &'static str,
    /// In config.json, and what `update` makes of it.
    resources: fn() -> [Value; 2],
    /// The unit's property, as `systemctl show` names it.
    property: &'static str,
    /// The values of the property; none where runtimes differ in the conversion, and the file counts.
    shown: Option<[&'static str; 2]>,
    file: &'static str,
}

const LIMITS: &[Limit] = &[
    Limit {
        name: "memory",
        controller: "memory",
        resources: || [67_108_864, 50_331_648].map(|bytes| json!({"memory": {"limit": bytes}})),
        property: "MemoryMax",
        shown: Some(["67108864", "50331648"]),
        file: "memory.max",
    },
    Limit {
        name: "memory_reservation",
        controller: "memory",
        resources: || {
            [33_554_432, 16_777_216].map(|bytes| json!({"memory": {"reservation": bytes}}))
        },
        property: "MemoryLow",
        shown: Some(["33554432", "16777216"]),
        file: "memory.low",
    },
    Limit {
        name: "pids",
        controller: "pids",
        resources: || [55, 44].map(|count| json!({"pids": {"limit": count}})),
        property: "TasksMax",
        shown: Some(["55", "44"]),
        file: "pids.max",
    },
    Limit {
        name: "cpu_shares",
        controller: "cpu",
        resources: || [512, 4096].map(|shares| json!({"cpu": {"shares": shares}})),
        property: "CPUWeight",
        shown: None,
        file: "cpu.weight",
    },
    Limit {
        name: "cpu_quota",
        controller: "cpu",
        resources: || {
            [50_000, 25_000].map(|quota| json!({"cpu": {"quota": quota, "period": 100_000}}))
        },
        property: "CPUQuotaPerSecUSec",
        shown: Some(["500ms", "250ms"]),
        file: "cpu.max",
    },
    Limit {
        // The half that update leaves unsaid stays: 25 of 50 ms become 25 of 100 ms.
        name: "cpu_period",
        controller: "cpu",
        resources: || {
            [
                json!({"cpu": {"quota": 25_000, "period": 50_000}}),
                json!({"cpu": {"period": 100_000}}),
            ]
        },
        property: "CPUQuotaPerSecUSec",
        shown: Some(["500ms", "250ms"]),
        file: "cpu.max",
    },
    Limit {
        name: "cpu_quota_alone",
        controller: "cpu",
        resources: || {
            [
                json!({"cpu": {"quota": 25_000, "period": 50_000}}),
                json!({"cpu": {"quota": 10_000}}),
            ]
        },
        property: "CPUQuotaPerSecUSec",
        shown: Some(["500ms", "200ms"]),
        file: "cpu.max",
    },
    Limit {
        name: "unified_memory_high",
        controller: "memory",
        resources: || {
            ["41943040", "20971520"].map(|bytes| json!({"unified": {"memory.high": bytes}}))
        },
        property: "MemoryHigh",
        shown: Some(["41943040", "20971520"]),
        file: "memory.high",
    },
    Limit {
        name: "unified_cpu_max",
        controller: "cpu",
        resources: || {
            ["40000 100000", "20000 100000"].map(|max| json!({"unified": {"cpu.max": max}}))
        },
        property: "CPUQuotaPerSecUSec",
        shown: Some(["400ms", "200ms"]),
        file: "cpu.max",
    },
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![bad_annotation(), reloaded()];
    cases.extend(LIMITS.iter().map(created));
    cases.extend(LIMITS.iter().map(updated));
    cases.extend(
        [
            ("time", "TimeoutStopUSec", "uint64 7000000", "7s"),
            (
                "text",
                "CollectMode",
                "'inactive-or-failed'",
                "inactive-or-failed",
            ),
            ("truth", "SendSIGHUP", "true", "yes"),
            ("limit", "MemoryHigh", "uint64 41943040", "41943040"),
        ]
        .map(annotation),
    );
    cases
}

impl Limit {
    /// The property as `systemctl set-property` names it, which takes the quota in percent.
    fn setting(&self) -> &'static str {
        match self.property {
            "CPUQuotaPerSecUSec" => "CPUQuota",
            property => property,
        }
    }

    /// The unit has the limit as a property.
    fn judge(&self, t: &Trial, which: usize) -> Check {
        let property = unit_property(&t.scope(), self.property)?;
        let what = format!("the unit's property {}", self.property);
        match self.shown {
            Some(shown) => t.eq(&what, property, shown[which]),
            None => t.has(
                &format!("{}, by {what}", self.file),
                t.own_v2(self.file)?,
                property,
            ),
        }
    }
}

/// A case of a container that begins with the limit.
fn begun(name: &str, covers: &'static str, limit: &'static Limit) -> Case {
    case(format!("{name}_{}", limit.name), covers, PATH)
        .needs([Need::CgroupV2(limit.controller)])
        .bundle(|b| {
            let [given, _] = (limit.resources)();
            b.set("/linux/cgroupsPath", PATH)
                .set("/linux/resources", given)
        })
}

fn created(limit: &'static Limit) -> Case {
    begun("property", PROPERTIES, limit)
        .run(|t| {
            t.accepted(&t.try_create_by(t.systemd_call())?)?;
            limit.judge(t, 0)
        })
        .saboteurs([drops("/linux/resources"), forgets("create", limit)])
}

fn updated(limit: &'static Limit) -> Case {
    begun("update", UPDATED, limit)
        .run(|t| {
            t.accepted(&t.try_create_by(t.systemd_call())?)?;
            let before = t.own_v2(limit.file)?;
            let [_, asked] = (limit.resources)();
            t.must(update(t, &asked))?;
            t.ne(limit.file, t.own_v2(limit.file)?, before)?;
            limit.judge(t, 1)
        })
        .saboteurs([
            lies("update", How::Exit(1)),
            lies("update", How::Skip),
            defers("update"),
            forgets("update", limit),
        ])
}

fn update(t: &Trial, resources: &Value) -> Check {
    let file = t.fresh_path("resources.json");
    t.write(&file, &resources.to_string())?;
    let file = file.display().to_string();
    let updated = t.runtime(["update", "--resources", &file, t.id()])?;
    t.accepted(&updated)
}

/// At a daemon-reload systemd writes its own view of a unit into the cgroup's files.
fn reloaded() -> Case {
    const FILES: [&str; 2] = ["memory.max", "pids.max"];
    let files = |t: &Trial| -> Check<Vec<_>> { FILES.iter().map(|file| t.own_v2(file)).collect() };
    case("limits_outlive_a_reload", [PROPERTIES, UPDATED], PATH)
        .needs([Need::CgroupV2("memory")])
        .bundle(|b| {
            let given = json!({"memory": {"limit": 67_108_864}, "pids": {"limit": 55}});
            b.set("/linux/cgroupsPath", PATH)
                .set("/linux/resources", given)
        })
        .run(move |t| {
            t.accepted(&t.try_create_by(t.systemd_call())?)?;
            for requirement in [PROPERTIES, UPDATED] {
                if requirement == UPDATED {
                    update(t, &json!({"memory": {"limit": 50_331_648}}))?;
                }
                let before = files(t)?;
                host("systemctl", &["daemon-reload"])?;
                t.on(requirement).eq(
                    "memory.max and pids.max after a daemon-reload",
                    files(t)?,
                    before,
                )?;
            }
            Ok(())
        })
        .saboteurs([
            behind_systemd("create").on(PROPERTIES),
            behind_systemd("update").on(UPDATED),
        ])
}

/// A runtime that writes `memory.max` itself, and leaves the unit another limit.
fn behind_systemd(operation: &'static str) -> Saboteur {
    wraps(
        format!("{operation} behind systemd's back"),
        move |call, next| {
            let outcome = next(call)?;
            if call.operation() == operation && outcome.ok() {
                let unit = format!("plimsoll-{}.scope", call.id());
                let other = "MemoryMax=80000000";
                host("systemctl", &["set-property", "--runtime", &unit, other])?;
                let file = format!("/sys/fs/cgroup/system.slice/{unit}/memory.max");
                std::fs::write(&file, "40960000")
                    .map_err(|error| Stop::broken(format!("write {file}"), error))?;
            }
            Ok(outcome)
        },
    )
}

/// A runtime that changes the cgroup's files behind systemd's back: the unit has no such property.
fn forgets(operation: &'static str, limit: &'static Limit) -> Saboteur {
    let name = format!("set no {} by {operation}", limit.setting());
    wraps(name, move |call, next| {
        let outcome = next(call)?;
        if call.operation() == operation && outcome.ok() {
            let unit = format!("plimsoll-{}.scope", call.id());
            let none = format!("{}=", limit.setting());
            host("systemctl", &["set-property", "--runtime", &unit, &none])?;
        }
        Ok(outcome)
    })
}

fn annotation(
    (name, property, value, shown): (&str, &'static str, &'static str, &'static str),
) -> Case {
    let key = format!("org.systemd.property.{property}");
    let given = json!({ &key: value });
    case(format!("annotation_{name}"), ANNOTATIONS, PATH)
        .bundle(move |b| {
            b.set("/linux/cgroupsPath", PATH)
                .set("/annotations", given.clone())
        })
        .run(move |t| {
            t.must(t.accepted(&t.try_create_by(t.systemd_call())?))?;
            t.eq(property, unit_property(&t.scope(), property)?, shown)
        })
        .saboteurs([drops(format!("/annotations/{key}"))])
}

fn bad_annotation() -> Case {
    case(
        "annotation_refused",
        "systemd.annotations.bad-value-errors",
        PATH,
    )
    .bundle(|b| {
        let given = json!({"org.systemd.property.TimeoutStopUSec": "not a value"});
        b.set("/linux/cgroupsPath", PATH).set("/annotations", given)
    })
    .run(|t| {
        t.errors(&t.try_create_by(t.systemd_call())?)?;
        t.nothing_left()
    })
    .saboteurs([drops("/annotations")])
}
