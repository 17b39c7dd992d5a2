//! config.md#linux-process: the five capability sets.

use plimsoll_fixtures::probe::Capabilities;

use crate::cases::prelude::*;

/// The names in one set of those that the probe reports.
type Seen = fn(&Capabilities) -> Vec<String>;

/// The sets, each with the requirement and where the probe reports it.
const SETS: &[(&str, &str, Seen)] = &[
    (
        "bounding",
        "config.process.capabilities.bounding-set",
        |seen| seen.bounding.names(),
    ),
    (
        "effective",
        "config.process.capabilities.effective-set",
        |seen| seen.effective.names(),
    ),
    (
        "permitted",
        "config.process.capabilities.permitted-set",
        |seen| seen.permitted.names(),
    ),
    (
        "inheritable",
        "config.process.capabilities.inheritable-set",
        |seen| seen.inheritable.names(),
    ),
    (
        "ambient",
        "config.process.capabilities.ambient-set",
        |seen| seen.ambient.names(),
    ),
];

/// In the kernel's order, which is how the probe names them.
const KEPT: [&str; 3] = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

pub(super) fn cases() -> Vec<Case> {
    SETS.iter()
        .map(|&(set, requirement, seen)| exact(set, requirement, seen))
        .collect()
}

/// The set holds just what the config lists. The user is not root, whose program would get its
/// permitted set from the bounding one by execve(2); and all sets are given, since a capability
/// must be permitted to be effective, and inheritable as well to be ambient.
fn exact(set: &'static str, requirement: &'static str, seen: Seen) -> Case {
    Case::new(format!("config/capabilities/{set}_is_exact"), requirement)
        .bundle(|b| {
            SETS.iter().fold(b.user(1000, 1000), |b, (set, ..)| {
                b.capabilities(set, &KEPT)
            })
        })
        .run(move |t| {
            t.eq(
                &format!("the {set} set"),
                seen(&t.agent()?.report.capabilities),
                KEPT,
            )
        })
        .saboteurs([edits(
            format!("drop CAP_KILL from {set} and what follows from it"),
            move |config| {
                let sets = &mut config["process"]["capabilities"];
                let weakened = match set {
                    "inheritable" => &["inheritable", "ambient"][..],
                    "ambient" => &["ambient"],
                    // What is inheritable must be bounding, too.
                    "bounding" => &["bounding", "inheritable", "ambient"],
                    _ => &["effective", "permitted", "ambient"],
                };
                for set in weakened {
                    sets[set] = json!([KEPT[0], KEPT[2]]);
                }
            },
        )])
}
