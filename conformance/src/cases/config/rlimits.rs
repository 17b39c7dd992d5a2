//! config.md#posix-process: rlimits.

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

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = TYPES
        .iter()
        .map(|&(name, soft, hard)| applied(name, soft, hard))
        .collect();
    cases.push(
        Case::new(
            "config/rlimits/duplicate_refused",
            "config.process.rlimits.duplicate-errors",
        )
        .bundle(|b| {
            let limit = |soft| json!({"type": "RLIMIT_CORE", "soft": soft, "hard": 100});
            b.push("/process/rlimits", limit(1))
                .push("/process/rlimits", limit(2))
        })
        .run(Assert::refused)
        .saboteurs([drops("/process/rlimits/1")]),
    );
    cases
}

/// The types whose limits are 0 unless somebody raised them, which takes a capability.
const RAISED: [&str; 2] = ["NICE", "RTPRIO"];

fn applied(name: &'static str, soft: u64, hard: u64) -> Case {
    const SOFT: &str = "config.process.rlimits.soft-matches";
    const HARD: &str = "config.process.rlimits.hard-matches";
    let kind = format!("RLIMIT_{name}");
    let entry = json!({"type": kind, "soft": soft, "hard": hard});
    let raised = RAISED
        .contains(&name)
        .then_some(Need::Capability("CAP_SYS_RESOURCE"));
    Case::new(
        format!("config/rlimits/{}", name.to_lowercase()),
        [SOFT, HARD],
    )
    .needs(raised)
    .bundle(move |b| b.push("/process/rlimits", entry.clone()))
    .run(move |t| {
        let seen = t
            .agent()?
            .report
            .rlimits
            .get(&kind)
            .and_then(|seen| seen.value().copied());
        t.eq("rlim_cur", seen.map(|limit| limit.soft), soft)?;
        t.on(HARD)
            .eq("rlim_max", seen.map(|limit| limit.hard), hard)
    })
    .saboteurs([
        drops("/process/rlimits/0").on(SOFT),
        alters("/process/rlimits/0/hard", hard - 1).on(HARD),
    ])
}
