//! config-linux.md#allowed-device-list.

use crate::cases::prelude::*;

/// A device of the local range (admin-guide/devices.txt) that no driver has: opening it is refused
/// with EPERM by the cgroup, and with ENXIO where the cgroup lets it pass. Runtimes allow devices of
/// their own besides those listed, but not these.
const MAJOR: u32 = 60;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        applied(),
        in_order(),
        overridden(),
        types(),
        numbers(),
        bad(
            "linux/cgroup_devices/refused_type",
            "config-linux.resources.devices.type-values",
            "/linux/resources/devices",
            json!([{"allow": true, "type": "x", "access": "rwm"}]),
        ),
        bad(
            "linux/cgroup_devices/refused_without_allow",
            "config-linux.resources.devices.allow-required",
            "/linux/resources/devices",
            json!([{"type": "c", "access": "rwm"}]),
        ),
    ];
    cases.extend(ACCESSES.iter().map(access));
    cases
}

/// An entry that allows or denies a device.
fn entry(allow: bool, kind: &str, major: u32, minor: u32, access: &str) -> Value {
    json!({"allow": allow, "type": kind, "major": major, "minor": minor, "access": access})
}

/// The minimal bundle denies everything first.
fn rules(
    rules: Vec<Value>,
) -> impl Fn(plimsoll_fixtures::bundle::Bundle) -> plimsoll_fixtures::bundle::Bundle {
    move |b| {
        rules.iter().fold(b, |b, rule| {
            b.push("/linux/resources/devices", rule.clone())
        })
    }
}

/// Whether each of these devices may be opened for reading.
fn allowed(t: &Trial, devices: &[(&str, u32, u32)]) -> Check<Vec<bool>> {
    let agent = t.agent()?;
    devices
        .iter()
        .enumerate()
        .map(|(at, &(kind, major, minor))| {
            let path = format!("/dev/tried-{at}");
            agent.get(|p| p.mknod(&path, kind, major, minor))?;
            Ok(agent.attempt(|p| p.open(&path, "r"))? != "EPERM")
        })
        .collect()
}

/// The rule that lets the probe make its nodes.
fn nodes() -> [Value; 2] {
    ["c", "b"].map(|kind| json!({"allow": true, "type": kind, "access": "m"}))
}

fn case(name: &str, requirement: &'static str, listed: Vec<Value>) -> Case {
    let all: Vec<Value> = nodes().into_iter().chain(listed).collect();
    Case::new(format!("linux/cgroup_devices/{name}"), requirement)
        .needs([Need::Capability("CAP_MKNOD"), Need::Cgroup("devices")])
        .bundle(rules(all))
}

fn applied() -> Case {
    case(
        "applied",
        "config-linux.resources.devices.applied",
        vec![entry(true, "c", MAJOR, 1, "rw")],
    )
    .run(|t| {
        let tried = [("c", 60, 1), ("c", 60, 2), ("c", 61, 1), ("b", 60, 1)];
        let seen = allowed(t, &tried)?;
        t.eq(
            "whether c 60:1, 60:2 and 61:1, and b 60:1 may be opened",
            seen,
            [true, false, false, false],
        )
    })
    .saboteurs([
        drops("/linux/resources/devices/3"),
        drops("/linux/resources/devices/3/type"),
        drops("/linux/resources/devices/3/major"),
        drops("/linux/resources/devices/3/minor"),
        drops("/linux/resources/devices/0"),
    ])
}

fn in_order() -> Case {
    case(
        "listed_order",
        "config-linux.resources.devices.listed-order",
        vec![
            entry(true, "c", MAJOR, 1, "rw"),
            entry(true, "c", MAJOR, 2, "rw"),
            entry(false, "c", MAJOR, 1, "rw"),
            entry(false, "c", MAJOR, 3, "rw"),
            entry(true, "c", MAJOR, 3, "rw"),
        ],
    )
    .run(|t| {
        let tried = [1, 2, 3].map(|minor| ("c", MAJOR, minor));
        t.eq(
            "whether 60:1 (allowed, then denied), 60:2 (allowed) and 60:3 (denied, then allowed) may be opened",
            allowed(t, &tried)?,
            [false, true, true],
        )
    })
    .saboteurs([
        drops("/linux/resources/devices/5"),
        drops("/linux/resources/devices/7"),
        edits("apply the rules backwards", |config| {
            if let Some(rules) = config["linux"]["resources"]["devices"].as_array_mut() {
                rules[3..].reverse();
            }
        }),
    ])
}

/// What a later entry answers whole, a runtime may leave out, but must not stumble over: a program for the
/// kernel must have no instruction that nothing leads to.
fn overridden() -> Case {
    case(
        "overridden_by_a_wider_entry",
        "config-linux.resources.devices.listed-order",
        vec![
            entry(true, "c", MAJOR, 1, "rw"),
            entry(true, "b", MAJOR, 1, "rw"),
            json!({"allow": true, "type": "b", "access": "r"}),
            json!({"allow": false, "type": "b", "access": "rwm"}),
            json!({"allow": true, "type": "b", "access": "m"}),
        ],
    )
    .run(|t| {
        let seen = allowed(t, &[("c", MAJOR, 1), ("b", MAJOR, 1)])?;
        let what = "whether the character and the block device 60:1 may be opened, of which the latter is allowed before all are denied";
        t.eq(what, seen, [true, false])
    })
    .saboteurs([
        drops("/linux/resources/devices/6"),
        drops("/linux/resources/devices/3"),
    ])
}

fn types() -> Case {
    case(
        "type_defaults_to_all",
        "config-linux.resources.devices.type-default-all",
        vec![
            entry(true, "c", MAJOR, 1, "rw"),
            entry(true, "b", MAJOR, 1, "rw"),
            json!({"allow": false, "access": "rwm"}),
            json!({"allow": true, "type": "c", "access": "m"}),
            json!({"allow": true, "type": "b", "access": "m"}),
        ],
    )
    .run(|t| {
        let seen = allowed(t, &[("c", MAJOR, 1), ("b", MAJOR, 1)])?;
        let what = "whether the character and the block device 60:1 may be opened";
        t.eq(what, seen, [false, false])
    })
    .saboteurs([
        alters("/linux/resources/devices/5/type", "c"),
        alters("/linux/resources/devices/5/type", "b"),
    ])
}

fn numbers() -> Case {
    case(
        "numbers_default_to_all",
        "config-linux.resources.devices.major-minor-default-all",
        vec![
            json!({"allow": true, "type": "c", "major": MAJOR, "access": "rw"}),
            json!({"allow": true, "type": "b", "minor": 9, "access": "rw"}),
        ],
    )
    .run(|t| {
        let tried = [
            ("c", 60, 1),
            ("c", 60, 2),
            ("c", 61, 1),
            ("b", 60, 9),
            ("b", 61, 9),
            ("b", 60, 8),
        ];
        let seen = allowed(t, &tried)?;
        t.eq(
            "whether c 60:1, 60:2 and 61:1, b 60:9, 61:9 and 60:8 may be opened",
            seen,
            [true, true, false, true, true, false],
        )
    })
    .saboteurs([
        alters("/linux/resources/devices/3/minor", 1),
        alters("/linux/resources/devices/4/major", 60),
    ])
}

/// A letter, the other two, and what is tried.
const ACCESSES: &[(&str, &str)] = &[("r", "wm"), ("w", "rm"), ("m", "rw")];

fn access(&(letter, others): &'static (&'static str, &'static str)) -> Case {
    // Runtimes let any node be made unless a rule says otherwise, and need that for 60:1 themselves.
    let listed = match letter {
        "m" => vec![
            entry(true, "c", MAJOR, 1, "rwm"),
            entry(false, "c", MAJOR, 2, "m"),
        ],
        _ => vec![entry(true, "c", MAJOR, 1, others)],
    };
    let made = if letter == "m" { 2 } else { 1 };
    Case::new(
        format!("linux/cgroup_devices/access_{letter}"),
        format!("config-linux.resources.devices.access-{letter}"),
    )
    .needs([Need::Capability("CAP_MKNOD"), Need::Cgroup("devices")])
    .bundle(move |b| {
        let device = json!({"path": "/dev/ours", "type": "c", "major": MAJOR, "minor": 1});
        rules(listed.clone())(b).push("/linux/devices", device)
    })
    .run(move |t| {
        let agent = t.agent()?;
        let tried = [
            ("r", agent.attempt(|p| p.open("/dev/ours", "r"))?),
            ("w", agent.attempt(|p| p.open("/dev/ours", "w"))?),
            (
                "m",
                agent.attempt(|p| p.mknod("/dev/other", "c", MAJOR, made))?,
            ),
        ];
        let denied: Vec<&str> = tried
            .iter()
            .filter(|(_, outcome)| outcome == "EPERM")
            .map(|(letter, _)| *letter)
            .collect();
        t.eq("the accesses that are denied", denied, [letter])
    })
    .saboteurs((letter != "m").then(|| drops("/linux/resources/devices/1/access")))
    .saboteurs([edits("allow every access", |config| {
        let list = config["linux"]["resources"]["devices"].as_array_mut();
        for rule in list
            .into_iter()
            .flatten()
            .filter(|rule| rule["major"] == MAJOR)
        {
            rule["allow"] = true.into();
            rule["access"] = "rwm".into();
        }
    })])
}
