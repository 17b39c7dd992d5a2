//! config.md#valid-values: what a runtime does not support is an error.

use plimsoll_fixtures::probe::Report;

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![unsupported()]
}

/// A value, its place, and whether the container shows it.
type Applied = (&'static str, fn() -> Value, fn(&Report) -> bool);

/// Values that few runtimes have had from the start: each is applied, or it is an error.
const UNCOMMON: &[Applied] = &[
    (
        "/linux/personality",
        || json!({"domain": "LINUX32"}),
        // PER_LINUX32 of linux/personality.h.
        |report| {
            report
                .personality
                .value()
                .is_some_and(|seen| seen & 0xff == 8)
        },
    ),
    (
        "/linux/rootfsPropagation",
        || json!("unbindable"),
        |report| {
            let lines = report.mountinfo.value().into_iter().flatten();
            mount_at(lines, "/").is_some_and(|root| root.propagation == ["unbindable"])
        },
    ),
    (
        "/process/rlimits",
        || json!([{"type": "RLIMIT_LOCKS", "soft": 7, "hard": 9}]),
        |report| {
            let limit = report
                .rlimits
                .get("RLIMIT_LOCKS")
                .and_then(|seen| seen.value());
            limit.is_some_and(|limit| limit.soft == 7)
        },
    ),
];

fn unsupported() -> Case {
    Case::new(
        "config/values/applied_or_refused",
        "config.valid-values.unsupported-errors",
    )
    .run(|t| {
        let honest = t.config()?;
        for (pointer, value, applied) in UNCOMMON {
            let mut config = honest.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
            config.pointer_mut(parent).unwrap_or(&mut Value::Null)[name] = value();
            t.set_config(&config)?;
            let outcome = t.try_create()?;
            if outcome.refused() {
                t.errors(&outcome)?;
                continue;
            }
            t.start()?;
            let seen = applied(&t.started()?.report);
            t.that(&format!("the accepted {pointer} is applied"), seen, seen)?;
            t.stop()?;
            t.delete()?;
        }
        Ok(())
    })
    .saboteurs(UNCOMMON.iter().map(|(pointer, _, _)| drops(*pointer)))
}
