//! config.md#linux-process: ioPriority.

use crate::cases::prelude::*;

/// The classes with their numbers (linux/ioprio.h).
const CLASSES: [(&str, u64); 3] = [("RT", 1), ("BE", 2), ("IDLE", 3)];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = CLASSES.map(|(class, number)| applied(class, number)).into();
    cases.push(
        Case::new(
            "config/io_priority/children_have_it",
            "config.process.io-priority.whole-group",
        )
        .bundle(|b| b.set("/process/ioPriority", entry("BE", 6)))
        .run(|t| {
            // linux/ioprio.h IOPRIO_WHO_PROCESS, of the child itself.
            let ioprio_get = nix::libc::SYS_ioprio_get;
            let seen = t.agent()?.get(|p| p.syscall(ioprio_get, &[1, 0]))?;
            t.eq("the class and level of a child", seen, 2 << 13 | 6)
        })
        .saboteurs([drops("/process/ioPriority")]),
    );
    let wrong = [
        (
            "class_is_required",
            "class-required",
            json!({"priority": 4}),
        ),
        ("level_too_high_is_refused", "range", entry("BE", 8)),
        ("level_too_low_is_refused", "range", entry("BE", -1)),
    ];
    cases.extend(wrong.map(|(fact, requirement, entry)| {
        bad(
            format!("config/io_priority/{fact}"),
            format!("config.process.io-priority.{requirement}"),
            "/process/ioPriority",
            entry,
        )
    }));
    cases
}

fn entry(class: &str, level: i64) -> Value {
    json!({"class": format!("IOPRIO_CLASS_{class}"), "priority": level})
}

fn applied(class: &'static str, number: u64) -> Case {
    let slug = class.to_lowercase();
    let other = if class == "BE" { "IDLE" } else { "BE" };
    let case = Case::new(
        format!("config/io_priority/class_{slug}"),
        format!("config.process.io-priority.class-{slug}"),
    )
    // For the real-time class.
    .needs([Need::Capability("CAP_SYS_ADMIN")])
    .bundle(move |b| b.set("/process/ioPriority", entry(class, 3)))
    .run(move |t| {
        let seen = t.agent()?.report.io_priority.value().copied();
        t.eq("the class", seen.map(|seen| seen >> 13), number)?;
        // The idle class has no levels.
        if class == "IDLE" {
            return Ok(());
        }
        t.eq("the level", seen.map(|seen| seen & 7), 3)
    })
    .saboteurs([
        drops("/process/ioPriority"),
        alters(
            "/process/ioPriority/class",
            entry(other, 3)["class"].clone(),
        ),
    ]);
    match class {
        "IDLE" => case,
        _ => case.saboteurs([alters("/process/ioPriority/priority", 4)]),
    }
}
