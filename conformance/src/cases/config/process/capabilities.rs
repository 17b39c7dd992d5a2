//! config.md#linux-process: the five capability sets.

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::{CAPABILITIES, Capabilities};

use crate::cases::prelude::*;

/// The names in one set of those that the probe reports.
type Seen = fn(&Capabilities) -> Vec<String>;

type Set = (&'static str, &'static str, Seen);

/// The sets, each with the requirement and where the probe reports it.
const SETS: [Set; 5] = [
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
    let mut cases: Vec<Case> = SETS
        .iter()
        .map(|&(set, requirement, seen)| exact(set, requirement, seen))
        .collect();
    cases.extend(absent());
    cases.extend(without_root());
    cases.extend(names());
    cases
}

/// The names in all five sets.
fn all(seen: &Capabilities) -> Vec<(&'static str, Vec<String>)> {
    SETS.iter()
        .map(|(set, _, names)| (*set, names(seen)))
        .collect()
}

fn absent() -> [Case; 1] {
    [Case::new(
        "config/capabilities/absent_sets_are_empty",
        "config.process.capabilities.set-absent-means-empty",
    )
    .bundle(|b| b.set("/process/capabilities", json!({})))
    .run(|t| {
        let none = SETS.map(|(set, ..)| (set, Vec::<String>::new()));
        t.eq("the sets", all(&t.agent()?.report.capabilities), none)
    })
    .saboteurs([
        alters("/process/capabilities/bounding", ["CAP_KILL"]),
        alters("/process/capabilities/permitted", ["CAP_KILL"])
            .and(alters("/process/capabilities/bounding", ["CAP_KILL"])),
    ])]
}

/// A program of a user other than root keeps what is ambient, and nothing else.
fn without_root() -> [Case; 2] {
    const ID: &str = "config.process.capabilities.nonroot-ambient";
    let sets = |ambient: bool| {
        move |b: Bundle| {
            let sets = SETS.iter().filter(|(set, ..)| ambient || *set != "ambient");
            sets.fold(b.user(1000, 1000), |b, (set, ..)| {
                b.capabilities(set, &KEPT)
            })
        }
    };
    let effective = |t: &Trial| Ok(t.agent()?.report.capabilities.effective.names());
    [
        Case::new("config/capabilities/ambient_survives_without_root", ID)
            .needs([Need::Ids])
            .bundle(sets(true))
            .run(move |t| t.eq("the effective set", effective(t)?, KEPT))
            .saboteurs([drops("/process/capabilities/ambient")]),
        Case::new("config/capabilities/lost_without_ambient_and_root", ID)
            .needs([Need::Ids])
            .bundle(sets(false))
            .run(move |t| t.eq("the effective set", effective(t)?, json!([])))
            .saboteurs([alters("/process/capabilities/ambient", KEPT)]),
    ]
}

/// The capabilities in the runner's own bounding set, which is what it can grant.
fn grantable() -> Vec<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapBnd:")?.trim(), 16).ok());
    let bit = |number: usize| mask.unwrap_or(0) >> number & 1 == 1;
    let names = CAPABILITIES.iter().enumerate();
    names
        .filter(|(number, _)| bit(*number))
        .map(|(_, name)| *name)
        .collect()
}

fn names() -> [Case; 3] {
    [
        Case::new(
            "config/capabilities/every_name_is_known",
            "config.process.capabilities.names-from-capabilities7",
        )
        .bundle(|b| b.capabilities("bounding", &grantable()))
        .run(|t| {
            let report = t.must(t.agent())?.report.clone();
            let seen = report.capabilities.bounding.names();
            t.eq("the bounding set", seen, grantable())
        })
        .saboteurs([
            drops("/process/capabilities/bounding/0"),
            lies("create", How::Refuse),
        ]),
        Case::new(
            "config/capabilities/unknown_name_warns",
            "config.process.capabilities.unknown-warned",
        )
        .bundle(|b| b.set("/process/capabilities/bounding/-", "CAP_PLIMSOLL"))
        .run(|t| {
            let log = t.fresh_path("log");
            let mut create = t.create_call();
            create
                .globals
                .extend(["--log".into(), log.display().to_string()]);
            let outcome = t.try_create_by(create)?;
            t.succeeds(&outcome)?;
            // Wherever it is said, it has to name what it is about.
            let said = outcome.stderr + &std::fs::read_to_string(log).unwrap_or_default();
            t.has(
                "the log and standard error of `create`",
                said,
                "CAP_PLIMSOLL",
            )
        })
        .saboteurs([
            drops("/process/capabilities/bounding/14"),
            lies("create", How::Refuse),
        ]),
        Case::new(
            "config/capabilities/one_that_cannot_be_granted",
            "config.process.capabilities.ungrantable-not-fatal",
        )
        .needs([Need::Root])
        .bundle(|b| {
            ["bounding", "effective", "permitted"]
                .iter()
                .fold(b, |b, set| {
                    b.capabilities(set, &["CAP_KILL", "CAP_WAKE_ALARM"])
                })
        })
        .run(|t| {
            // linux/capability.h CAP_WAKE_ALARM.
            let call = t.create_call_as(["lacking", "35"]);
            let report = t.must(t.agent_by(call))?.report.clone();
            let seen = report.capabilities.bounding.names();
            t.eq("the bounding set", seen, ["CAP_KILL"])
        })
        .saboteurs([lies("create", How::Refuse), lies("start", How::Refuse)]),
    ]
}

/// The set holds just what the config lists. The user is not root, whose program would get its
/// permitted set from the bounding one by execve(2); and all sets are given, since a capability
/// must be permitted to be effective, and inheritable as well to be ambient.
fn exact(set: &'static str, requirement: &'static str, seen: Seen) -> Case {
    Case::new(format!("config/capabilities/{set}_is_exact"), requirement)
        .needs([Need::Ids])
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
