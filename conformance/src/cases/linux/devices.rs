//! config-linux.md#devices.

use std::fs;

use plimsoll_fixtures::probe::FileKind;

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "linux/devices/listed_are_available",
            ["config-linux.devices.available", "config-linux.devices.type-c", "config-linux.devices.file-mode"],
        )
        .bundle(|b| {
            let device = json!({"path": "/dev/ours", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640});
            b.push("/linux/devices", device)
        })
        .run(|t| {
            let agent = t.agent()?;
            let seen = t.must(agent.get(|p| p.stat_target("/dev/ours")))?;
            t.on("config-linux.devices.type-c").eq(
                "type and numbers",
                (seen.kind, seen.major, seen.minor),
                (FileKind::Character, 1, 5),
            )?;
            t.on("config-linux.devices.file-mode").eq("mode", seen.mode, 0o640)
        })
        .saboteurs([
            drops("/linux/devices").on("config-linux.devices.available"),
            alters("/linux/devices/0/minor", 3).on("config-linux.devices.type-c"),
            alters("/linux/devices/0/fileMode", 0o644).on("config-linux.devices.file-mode"),
        ]),
    ];
    cases.extend(
        DEFAULT
            .iter()
            .map(|&(name, major, minor)| default(name, major, minor)),
    );
    cases
}

/// The devices of every container: linux/Documentation/admin-guide/devices.txt.
const DEFAULT: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

fn default(name: &'static str, major: u32, minor: u32) -> Case {
    let path = format!("/dev/{name}");
    let missing = path.clone();
    Case::new(
        format!("linux/devices/default_{name}"),
        format!("config-linux.default-devices.{name}"),
    )
    .run(move |t| {
        let seen = t.must(t.agent()?.get(|p| p.stat_target(&path)))?;
        t.eq(
            "type and numbers",
            (seen.kind, seen.major, seen.minor),
            (FileKind::Character, major, minor),
        )
    })
    // What a runtime supplies unasked cannot be dropped from the config.
    .saboteurs([tampers(format!("supply no {missing}"), move |root| {
        fs::remove_file(root.join(missing.trim_start_matches('/')))
    })])
}
