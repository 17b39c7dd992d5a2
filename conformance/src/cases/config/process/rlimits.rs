//! config.md#posix-process: rlimits.

use plimsoll_fixtures::probe::UNLIMITED;

use crate::cases::prelude::*;

/// The types of getrlimit(2), each with a soft and a hard value that the probe can live with.
const TYPES: &[(&str, u64, u64)] = &[
    ("AS", 1 << 32, 1 << 33),
    ("CORE", 4096, 8192),
    ("CPU", 1000, 2000),
    ("DATA", 1 << 31, 1 << 32),
    ("FSIZE", 1 << 30, 1 << 31),
    ("LOCKS", 100, 200),
    ("MEMLOCK", 4096, 8192),
    ("MSGQUEUE", 4096, 8192),
    ("NICE", 10, 20),
    ("NOFILE", 512, 1024),
    ("NPROC", 1000, 2000),
    ("RSS", 1 << 30, 1 << 31),
    ("RTPRIO", 5, 10),
    ("RTTIME", 100_000, 200_000),
    ("SIGPENDING", 500, 1000),
    ("STACK", 1 << 20, 1 << 21),
];

/// Values that stand for none and for no limit.
const EXTREMES: &[(&str, u64, u64)] = &[("CORE", 0, 0), ("CPU", UNLIMITED, UNLIMITED)];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &(name, soft, hard) in TYPES {
        cases.push(applied(&name.to_lowercase(), name, soft, hard));
    }
    for &(name, soft, hard) in EXTREMES {
        let word = if soft == 0 { "zero" } else { "unlimited" };
        cases.push(applied(word, name, soft, hard));
    }
    cases.extend(refused());
    cases.extend([
        Case::new(
            "config/rlimits/hard_is_a_ceiling",
            "config.process.rlimits.hard-ceiling",
        )
        .bundle(|b| b.set("/process/rlimits", [limit("RLIMIT_CORE", 1, 2)]))
        .run(|t| {
            // A `struct rlimit` of 16 bytes that a text can hold: far above 2, far below infinity.
            let raised = format!("@{}", "\u{1}".repeat(16));
            let prlimit = nix::libc::SYS_prlimit64.to_string();
            let core = nix::libc::RLIMIT_CORE.to_string();
            let words = ["syscall", &prlimit, "0", &core, &raised, "0"];
            let agent = t.agent()?;
            t.eq(
                "raising the hard limit",
                agent.attempt(|p| p.ask(&words))?,
                "EPERM",
            )
        })
        .saboteurs([drops("/process/rlimits/0")]),
        Case::new(
            "config/rlimits/unset_is_the_callers",
            "config.process.rlimits.unset-inherited",
        )
        .run(|t| {
            let agent = t.agent_by(t.create_call().behind("ulimit -n 777"))?;
            let seen = agent.report.rlimits.get("RLIMIT_NOFILE").cloned();
            t.eq("RLIMIT_NOFILE", seen, json!({"soft": 777, "hard": 777}))
        })
        .saboteurs([alters(
            "/process/rlimits",
            json!([limit("RLIMIT_NOFILE", 700, 700)]),
        )]),
    ]);
    cases
}

fn limit(kind: &str, soft: u64, hard: u64) -> Value {
    json!({"type": kind, "soft": soft, "hard": hard})
}

fn refused() -> Vec<Case> {
    const UNKNOWN: &str = "config.process.rlimits.unmappable-errors";
    const INCOMPLETE: &str = "config.process.rlimits.type-required";
    let duplicate = "config.process.rlimits.duplicate-errors";
    let twice = json!([limit("RLIMIT_CORE", 1, 100), limit("RLIMIT_CORE", 2, 100)]);
    let same = json!([limit("RLIMIT_CORE", 1, 100), limit("RLIMIT_CORE", 1, 100)]);
    let above = json!([limit("RLIMIT_CORE", 2, 1)]);
    [
        ("duplicate_refused", duplicate, twice),
        ("duplicate_of_equal_values_refused", duplicate, same),
        (
            "soft_above_hard_refused",
            "config.process.rlimits.soft-above-hard-errors",
            above,
        ),
        (
            "unknown_type_refused",
            UNKNOWN,
            json!([limit("RLIMIT_TEST", 1, 1)]),
        ),
        (
            "lower_case_type_refused",
            UNKNOWN,
            json!([limit("rlimit_core", 1, 1)]),
        ),
        (
            "type_without_prefix_refused",
            UNKNOWN,
            json!([limit("CORE", 1, 1)]),
        ),
        ("type_required", INCOMPLETE, json!([{"soft": 1, "hard": 1}])),
        (
            "soft_required",
            INCOMPLETE,
            json!([{"type": "RLIMIT_CORE", "hard": 1}]),
        ),
        (
            "hard_required",
            INCOMPLETE,
            json!([{"type": "RLIMIT_CORE", "soft": 1}]),
        ),
    ]
    .into_iter()
    .map(|(name, requirement, list)| {
        bad(
            format!("config/rlimits/{name}"),
            requirement,
            "/process/rlimits",
            list,
        )
    })
    .collect()
}

/// The types whose limits are 0 unless somebody raised them, which takes a capability.
const RAISED: [&str; 2] = ["NICE", "RTPRIO"];

fn applied(id: &str, name: &'static str, soft: u64, hard: u64) -> Case {
    const SOFT: &str = "config.process.rlimits.soft-matches";
    const HARD: &str = "config.process.rlimits.hard-matches";
    const KNOWN: &str = "config.process.rlimits.all-linux-types";
    const READABLE: &str = "config.process.rlimits.getrlimit-succeeds";
    let kind = format!("RLIMIT_{name}");
    let entry = limit(&kind, soft, hard);
    let other_soft = limit(&kind, if soft == 0 { 1 } else { soft / 2 }, hard.max(1));
    let other_hard = match (soft, hard) {
        // Nothing can stand beside a soft limit of infinity.
        (UNLIMITED, _) => limit(&kind, soft / 2, hard / 2),
        (_, 0) => limit(&kind, soft, 1),
        _ => limit(&kind, soft, hard - 1),
    };
    let raised = RAISED
        .contains(&name)
        .then_some(Need::Capability("CAP_SYS_RESOURCE"));
    Case::new(
        format!("config/rlimits/{id}"),
        [SOFT, HARD, KNOWN, READABLE],
    )
    .needs(raised)
    .bundle(move |b| b.push("/process/rlimits", entry.clone()))
    .run(move |t| {
        let report = t.on(KNOWN).must(t.agent())?.report.clone();
        let seen = report.rlimits.get(&kind);
        let value = seen.and_then(|seen| seen.value().copied());
        t.on(READABLE)
            .that("getrlimit succeeds", value.is_some(), seen)?;
        let judge_hard = || {
            let seen = value.map(|limit| limit.hard);
            t.on(HARD).eq("rlim_max", seen, hard)
        };
        // Where it takes the other with it, it comes first.
        if soft == UNLIMITED {
            judge_hard()?;
        }
        t.eq("rlim_cur", value.map(|limit| limit.soft), soft)?;
        judge_hard()
    })
    .saboteurs([
        alters("/process/rlimits/0", other_soft).on(SOFT),
        alters("/process/rlimits/0", other_hard).on(HARD),
        alters("/process/rlimits/0/type", "RLIMIT_UNKNOWN").on(KNOWN),
        alters("/linux/seccomp", no_getrlimit()).on(READABLE),
    ])
}

/// A filter under which reading a limit fails.
fn no_getrlimit() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["prlimit64"], "action": "SCMP_ACT_ERRNO"}],
    })
}
