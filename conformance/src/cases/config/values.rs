//! config.md#valid-values, and the ranges and patterns of the schema.

use plimsoll_fixtures::probe::Ids;

use crate::cases::prelude::*;

const INVALID: &str = "config.valid-values.invalid-errors";

/// One property with values that it cannot have.
struct Property {
    /// The case's name.
    name: &'static str,
    /// The requirement of the schema that says so, if there is one.
    schema: Option<&'static str>,
    /// Whether the text says so as well, and binds the runtime: [`INVALID`]. Where only the schema
    /// rules the values out, or a sentence for the config's author, no more is asked than `schema`.
    text: bool,
    /// Where the values go.
    pointer: &'static str,
    /// The values.
    bad: fn() -> Vec<Value>,
    /// A value that is right.
    good: fn() -> Value,
}

const fn property(
    name: &'static str,
    schema: Option<&'static str>,
    pointer: &'static str,
    bad: fn() -> Vec<Value>,
    good: fn() -> Value,
) -> Property {
    Property {
        name,
        schema,
        text: true,
        pointer,
        bad,
        good,
    }
}

impl Property {
    const fn by_schema_alone(mut self) -> Self {
        self.text = false;
        self
    }
}

/// A device with that mode.
fn device_mode(mode: impl Into<Value>) -> Value {
    json!([{"path": "/dev/ours", "type": "c", "major": 1, "minor": 5, "fileMode": mode.into()}])
}

/// A hook with that time limit.
fn hook_timeout(timeout: impl Into<Value>) -> Value {
    json!([{"path": "{probe}", "args": ["probe", "true"], "timeout": timeout.into()}])
}

/// 2^64, which no integer of JSON readers holds.
const BEYOND: f64 = 18_446_744_073_709_551_616.0;

const PROPERTIES: &[Property] = &[
    property(
        "uid",
        Some("config.schema.range-uid-gid"),
        "/process/user/uid",
        || {
            vec![
                json!(-1),
                json!(1u64 << 32),
                json!("0"),
                json!(1.5),
                json!([0]),
            ]
        },
        || json!(0),
    ),
    property(
        "gid",
        Some("config.schema.range-uid-gid"),
        "/process/user/gid",
        || vec![json!(-1), json!(1u64 << 32), json!("0"), json!({})],
        || json!(0),
    ),
    property(
        "additional_gids",
        None,
        "/process/user/additionalGids",
        || vec![json!([-1]), json!([1u64 << 32]), json!(["5"]), json!(5)],
        || json!([5]),
    ),
    property(
        "args",
        None,
        "/process/args",
        || {
            vec![
                json!("/probe"),
                json!(["/probe", 7]),
                json!({"0": "/probe"}),
                json!(7),
            ]
        },
        || json!(["/probe", "agent"]),
    ),
    property(
        "env",
        None,
        "/process/env",
        || vec![json!("A=b"), json!([7]), json!({"A": "b"})],
        || json!(["A=b"]),
    ),
    property(
        "cwd",
        None,
        "/process/cwd",
        || vec![json!(7), json!(["/"]), json!(true)],
        || json!("/"),
    ),
    property(
        "terminal",
        None,
        "/process/terminal",
        || vec![json!("false"), json!(0), json!([])],
        || json!(false),
    ),
    property(
        "no_new_privileges",
        None,
        "/process/noNewPrivileges",
        || vec![json!("true"), json!(1)],
        || json!(true),
    ),
    property(
        "oom_score_adj",
        None,
        "/process/oomScoreAdj",
        || {
            vec![
                json!(1001),
                json!(-1001),
                json!("0"),
                json!(1u64 << 40),
                json!(0.5),
            ]
        },
        // Nobody but root may lower what he has.
        || json!(1000),
    ),
    property(
        "capabilities",
        None,
        "/process/capabilities",
        || {
            vec![
                json!(["CAP_KILL"]),
                json!({"bounding": "CAP_KILL"}),
                json!({"bounding": [7]}),
            ]
        },
        || json!({"bounding": ["CAP_KILL"]}),
    ),
    property(
        "rlimit_type",
        Some("config.schema.pattern-rlimits-type"),
        "/process/rlimits",
        || {
            ["RLIMIT_core", "CORE", "RLIMIT_", "RLIMIT_PLIMSOLL"]
                .iter()
                .map(|kind| json!([{"type": kind, "soft": 1, "hard": 1}]))
                .collect()
        },
        || json!([{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]),
    ),
    property(
        "rlimit_value",
        Some("config.schema.range-uint64-limits"),
        "/process/rlimits",
        || {
            [json!(-1), json!(BEYOND), json!("1"), json!(0.5)]
                .iter()
                .map(|soft| json!([{"type": "RLIMIT_CORE", "soft": soft, "hard": 1}]))
                .collect()
        },
        || json!([{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]),
    ),
    property(
        "root",
        None,
        "/root",
        || {
            vec![
                json!("rootfs"),
                json!({"path": 7}),
                json!({"path": "rootfs", "readonly": "no"}),
            ]
        },
        || json!({"path": "rootfs"}),
    ),
    property(
        "hostname",
        None,
        "/hostname",
        || vec![json!(7), json!(["a"]), json!({})],
        || json!("a"),
    ),
    property(
        "mounts",
        None,
        "/mounts/5",
        || {
            vec![
                json!("/mnt"),
                json!({"destination": 7, "type": "tmpfs", "source": "tmpfs"}),
                json!({"destination": "/mnt", "type": 7, "source": "tmpfs"}),
                json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": "ro"}),
                json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": [7]}),
            ]
        },
        || json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}),
    ),
    property(
        "hooks",
        None,
        "/hooks",
        || {
            vec![
                json!([]),
                json!({"poststop": {"path": "/probe"}}),
                json!({"poststop": [{"path": 7}]}),
                json!({"poststop": [{"path": "/probe", "args": "true"}]}),
                json!({"poststop": [{"path": "/probe", "env": [7]}]}),
            ]
        },
        || json!({}),
    ),
    property(
        "hook_timeout",
        Some("config.schema.range-hook-timeout"),
        "/hooks/poststop",
        || vec![hook_timeout(0), hook_timeout(-1)],
        || hook_timeout(1),
    )
    .by_schema_alone(),
    property(
        "hook_timeout_that_is_no_number",
        Some("config.schema.range-hook-timeout"),
        "/hooks/poststop",
        || vec![hook_timeout("1"), hook_timeout(0.5)],
        || hook_timeout(1),
    ),
    property(
        "annotations",
        None,
        "/annotations",
        || {
            vec![
                json!({"a": 7}),
                json!(["a"]),
                json!("a"),
                json!({"a": {"b": "c"}}),
            ]
        },
        || json!({"a": "b"}),
    ),
    property(
        "namespaces",
        None,
        "/linux/namespaces/0",
        || {
            vec![
                json!("pid"),
                json!({"type": 7}),
                json!({"type": "pid", "path": 7}),
            ]
        },
        || json!({"type": "pid"}),
    ),
    property(
        "device_type",
        Some("config.schema.pattern-devices-type"),
        "/linux/devices",
        || {
            ["x", "a", "cc", "", "C"]
                .iter()
                .map(|kind| json!([{"path": "/dev/ours", "type": kind, "major": 1, "minor": 5}]))
                .collect()
        },
        || json!([{"path": "/dev/ours", "type": "c", "major": 1, "minor": 5}]),
    ),
    property(
        "device_mode",
        Some("config.schema.range-filemode"),
        "/linux/devices",
        || [0o1000, 0o4755, 0o10_0644].map(device_mode).to_vec(),
        || device_mode(420),
    )
    .by_schema_alone(),
    property(
        "device_mode_that_is_no_mode",
        Some("config.schema.range-filemode"),
        "/linux/devices",
        || vec![device_mode(-1), device_mode("420"), device_mode(0.5)],
        || device_mode(420),
    ),
    property(
        "memory_limit",
        Some("config.schema.range-int64-limits"),
        "/linux/resources/memory",
        || {
            [json!(1u64 << 63), json!(BEYOND), json!("64M"), json!(0.5)]
                .iter()
                .map(|limit| json!({"limit": limit}))
                .collect()
        },
        || json!({}),
    ),
    property(
        "cpu_shares",
        Some("config.schema.range-uint64-limits"),
        "/linux/resources/cpu",
        || {
            [json!(-1), json!(BEYOND), json!("1024"), json!(0.5)]
                .iter()
                .map(|shares| json!({"shares": shares}))
                .collect()
        },
        || json!({}),
    ),
    property(
        "block_io_weight",
        Some("config.schema.range-blockio-weight"),
        "/linux/resources/blockIO",
        || {
            [json!(65536), json!(-1), json!("500"), json!(0.5)]
                .iter()
                .map(|weight| json!({"weight": weight}))
                .collect()
        },
        || json!({}),
    ),
    property(
        "huge_page_size",
        Some("config.schema.pattern-hugepagelimits-pagesize"),
        "/linux/resources/hugepageLimits",
        || {
            ["2", "MB", "0MB", "2 MB", "2mb", "02MB"]
                .iter()
                .map(|size| json!([{"pageSize": size, "limit": 0}]))
                .collect()
        },
        || json!([]),
    ),
    property(
        "memory_bandwidth_schema",
        Some("config.schema.pattern-intelrdt-membwschema"),
        "/linux/intelRdt",
        || {
            ["L3:0=f", "MB", "mb:0=10", "MB:0=10\nMB:1=10"]
                .iter()
                .map(|schema| json!({"memBwSchema": schema}))
                .collect()
        },
        || Value::Null,
    ),
    property(
        "exec_affinity",
        Some("config.schema.pattern-execcpuaffinity"),
        "/process/execCPUAffinity",
        || {
            ["zero", "0;1", "0x1"]
                .iter()
                .map(|cpus| json!({"initial": cpus}))
                .collect()
        },
        || json!({"initial": "0"}),
    ),
    property(
        "seccomp",
        None,
        "/linux/seccomp",
        || {
            vec![
                json!("SCMP_ACT_ALLOW"),
                json!({"defaultAction": 7}),
                json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}),
                json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": "SCMP_ARCH_X86"}),
            ]
        },
        || json!({"defaultAction": "SCMP_ACT_ALLOW"}),
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PROPERTIES.iter().map(refused).collect();
    cases.push(ends());
    cases
}

fn refused(property: &'static Property) -> Case {
    let text = property.text.then_some(INVALID);
    let covers: Vec<&str> = text.into_iter().chain(property.schema).collect();
    let wrong = match (property.good)() {
        Value::Null => drops(property.pointer),
        good => alters(property.pointer, good),
    };
    Case::new(format!("config/values/{}", property.name), &covers[..])
        .bundle(|b| b.set(property.pointer, (property.good)()))
        .run(|t| {
            for bad in (property.bad)() {
                t.set_config_at(property.pointer, bad)?;
                t.on_all().errors(&t.try_create()?)?;
            }
            Ok(())
        })
        .saboteurs([wrong.on(covers)])
}

/// The ends of the ranges are valid; of ids, where runtimes may support less than the kernel
/// (config.md#valid-values), the end of what all of them do.
fn ends() -> Case {
    const IDS: &str = "config.schema.range-uid-gid";
    const MODE: &str = "config.schema.range-filemode";
    const LAST_ID: u32 = i32::MAX as u32;
    const WIDE: &str = "config.schema.range-uint64-limits";
    Case::new("config/values/ends_of_ranges", [IDS, MODE, WIDE])
        .needs([Need::Capability("CAP_MKNOD")])
        .bundle(|b| {
            let device = json!({"type": "c", "major": 1, "minor": 5});
            let mut devices = [device.clone(), device];
            for (at, mode) in [0, 0o777].into_iter().enumerate() {
                devices[at]["path"] = format!("/dev/mode-{mode:o}").into();
                devices[at]["fileMode"] = mode.into();
            }
            b.user(LAST_ID, LAST_ID)
                .set("/linux/devices", json!(devices))
                .push(
                    "/process/rlimits",
                    json!({"type": "RLIMIT_CPU", "soft": u64::MAX - 1, "hard": u64::MAX}),
                )
        })
        .run(|t| {
            let agent = t.on_all().must(t.agent())?;
            t.eq("user ids", agent.report.uid, Ids::all(LAST_ID))?;
            let limit = agent
                .report
                .rlimits
                .get("RLIMIT_CPU")
                .and_then(|seen| seen.value());
            t.on(WIDE)
                .eq("RLIMIT_CPU", limit.map(|limit| limit.soft), u64::MAX - 1)?;
            for mode in [0, 0o777] {
                let path = format!("/dev/mode-{mode:o}");
                let seen = agent.get(|p| p.stat_target(&path))?.mode;
                t.on(MODE).eq(&path, seen, mode)?;
            }
            Ok(())
        })
        .saboteurs([
            alters("/process/user/uid", 0).on(IDS),
            alters("/linux/devices/1/fileMode", 0o755).on(MODE),
            alters("/process/rlimits/0/soft", 7).on(WIDE),
        ])
}
