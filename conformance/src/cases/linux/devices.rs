//! config-linux.md#devices.

use plimsoll_fixtures::probe::FileKind;

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![listed(), unlisted(), anywhere(), owned(), matching()];
    cases.extend(TYPES.iter().map(typed));
    cases.extend(
        ["file", "directory", "other_device"]
            .into_iter()
            .map(mismatch),
    );
    cases.extend(REFUSED.iter().map(refused));
    cases
}

/// The device of /dev/zero at a path.
fn zero(path: &str) -> Value {
    json!({"path": path, "type": "c", "major": 1, "minor": 5, "fileMode": 0o666, "uid": 0, "gid": 0})
}

fn listed() -> Case {
    const AVAILABLE: &str = "config-linux.devices.available";
    // Made, bound or linked: it is found by its path.
    const METHOD: &str = "config-linux.devices.supply-method-free";
    Case::new(
        "linux/devices/listed_are_available",
        [AVAILABLE, "config-linux.devices.file-mode", METHOD],
    )
    // The mode is the host's of a device that is only bound.
    .needs([Need::Capability("CAP_MKNOD"), Need::Cgroup("devices")])
    .bundle(|b| {
        let device =
            json!({"path": "/dev/ours", "type": "c", "major": 1, "minor": 3, "fileMode": 0o646});
        b.push("/linux/devices", device).push(
            "/linux/resources/devices",
            json!({"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"}),
        )
    })
    .run(|t| {
        let agent = t.agent_by(t.create_call().behind("umask 077"))?;
        let by = t.on([AVAILABLE, METHOD]);
        let seen = by.must(agent.get(|p| p.stat_target("/dev/ours")))?;
        by.eq(
            "type and numbers",
            (seen.kind, seen.major, seen.minor),
            (FileKind::Character, 1, 3),
        )?;
        t.eq("reading it", agent.get(|p| p.read("/dev/ours"))?, "")?;
        t.on("config-linux.devices.file-mode")
            .eq("mode", seen.mode, 0o646)
    })
    .saboteurs([
        drops("/linux/devices").on([AVAILABLE, METHOD]),
        alters("/linux/devices/0/minor", 5).on(AVAILABLE),
        drops("/linux/devices/0/fileMode").on("config-linux.devices.file-mode"),
        alters("/linux/devices/0/fileMode", 0o600).on("config-linux.devices.file-mode"),
    ])
}

/// Each type, what it makes, and another one.
const TYPES: &[(&str, FileKind, &str)] = &[
    ("c", FileKind::Character, "b"),
    ("b", FileKind::Block, "c"),
    ("u", FileKind::Character, "b"),
    ("p", FileKind::Fifo, "c"),
];

fn typed(&(kind, file, other): &(&'static str, FileKind, &'static str)) -> Case {
    Case::new(
        format!("linux/devices/type_{kind}"),
        format!("config-linux.devices.type-{kind}"),
    )
    // One that the host has not, so that it must be made.
    .needs((kind != "p").then_some(Need::Capability("CAP_MKNOD")))
    .bundle(move |b| {
        let mut device = json!({"path": "/dev/ours", "type": kind});
        if kind != "p" {
            (device["major"], device["minor"]) = (json!(7), json!(99));
        }
        b.push("/linux/devices", device)
    })
    .run(move |t| {
        let seen = t.must(t.judged_agent()?.get(|p| p.stat_target("/dev/ours")))?;
        t.eq("its type", seen.kind, file)
    })
    .saboteurs([edits(format!("take {kind} for {other}"), move |config| {
        config["linux"]["devices"][0] =
            json!({"path": "/dev/ours", "type": other, "major": 7, "minor": 99});
    })])
}

fn anywhere() -> Case {
    Case::new(
        "linux/devices/path_outside_dev",
        "config-linux.devices.path-anywhere",
    )
    .bundle(|b| b.push("/linux/devices", zero("/opt/x/zero")))
    .run(|t| {
        let seen = t.must(t.judged_agent()?.get(|p| p.stat_target("/opt/x/zero")))?;
        t.eq(
            "type and numbers",
            (seen.kind, seen.major, seen.minor),
            (FileKind::Character, 1, 5),
        )
    })
    .saboteurs([drops("/linux/devices"), lies("create", How::Refuse)])
}

fn owned() -> Case {
    const UID: &str = "config-linux.devices.uid";
    const GID: &str = "config-linux.devices.gid";
    Case::new("linux/devices/owner", [UID, GID])
        .needs([Need::Capability("CAP_MKNOD")])
        .bundle(|b| {
            b.push("/linux/devices", zero("/dev/ours"))
                .set("/linux/devices/0/uid", 5)
                .set("/linux/devices/0/gid", 6)
        })
        .run(|t| {
            let seen = t.agent()?.get(|p| p.stat_target("/dev/ours"))?;
            t.eq("its user", seen.uid, 5)?;
            t.on(GID).eq("its group", seen.gid, 6)
        })
        .saboteurs([
            drops("/linux/devices/0/uid").on(UID),
            alters("/linux/devices/0/uid", 6).on(UID),
            drops("/linux/devices/0/gid").on(GID),
            alters("/linux/devices/0/gid", 5).on(GID),
        ])
}

/// A device that neither the config lists nor every container has cannot be opened, though the
/// container may make its node.
fn unlisted() -> Case {
    Case::new(
        "linux/devices/unlisted_is_inaccessible",
        "config-linux.devices.unlisted-inaccessible",
    )
    .needs([Need::Root, Need::Cgroup("devices")])
    .run(|t| {
        let agent = t.agent()?;
        agent.get(|p| p.mknod("/zero", "c", 1, 5))?;
        t.eq(
            "opening a default device",
            agent.attempt(|p| p.open("/zero", "r"))?,
            "OK",
        )?;
        // /dev/kmsg: whoever may open it at all may write to it.
        agent.get(|p| p.mknod("/kmsg", "c", 1, 11))?;
        t.eq(
            "opening another one",
            agent.attempt(|p| p.open("/kmsg", "w"))?,
            "EPERM",
        )
    })
    .saboteurs([alters(
        "/linux/resources/devices",
        json!([{"allow": true, "access": "rwm"}]),
    )])
}

/// Something else is in the device's place.
fn mismatch(what: &'static str) -> Case {
    Case::new(
        format!("linux/devices/{what}_in_its_place_is_an_error"),
        "config-linux.devices.existing-mismatch-errors",
    )
    .needs([Need::Root])
    .bundle(move |b| {
        let b = b
            .dir("rootfs/opt", 0o755)
            .push("/linux/devices", zero("/opt/zero"));
        match what {
            "file" => b.file("rootfs/opt/zero", 0o644, "kept"),
            "directory" => b.dir("rootfs/opt/zero", 0o755),
            _ => b,
        }
    })
    .run(move |t| {
        if what == "other_device" {
            t.make_device(&t.rootfs("/opt/zero"), 1, 3)?;
        }
        t.refused()?;
        match what {
            "file" => t.eq("the file", t.read(t.rootfs("/opt/zero"))?, "kept"),
            _ => Ok(()),
        }
    })
    .saboteurs([drops("/linux/devices")])
}

/// Just the device that is asked for is there already.
fn matching() -> Case {
    Case::new(
        "linux/devices/same_in_its_place_is_none",
        "config-linux.devices.available",
    )
    .needs([Need::Root])
    .bundle(|b| {
        b.dir("rootfs/opt", 0o755)
            .push("/linux/devices", zero("/opt/zero"))
    })
    .run(|t| {
        t.make_device(&t.rootfs("/opt/zero"), 1, 5)?;
        let seen = t.must(t.judged_agent()?.get(|p| p.stat_target("/opt/zero")))?;
        t.eq("numbers", (seen.major, seen.minor), (1, 5))
    })
    .saboteurs([lies("create", How::Refuse)])
}

/// What is missing, the requirement, and the member.
const REFUSED: &[(&str, &str, &str)] = &[
    ("no_type", "config-linux.devices.type-required", "type"),
    ("no_path", "config-linux.devices.path-required", "path"),
    (
        "no_major",
        "config-linux.devices.major-minor-required",
        "major",
    ),
    (
        "no_minor",
        "config-linux.devices.major-minor-required",
        "minor",
    ),
];

fn refused(&(what, requirement, member): &(&'static str, &'static str, &'static str)) -> Case {
    Case::new(format!("linux/devices/{what}_is_refused"), requirement)
        .bundle(move |b| {
            b.push("/linux/devices", zero("/dev/ours"))
                .remove(&format!("/linux/devices/0/{member}"))
        })
        .run(Assert::refused)
        .saboteurs([alters("/linux/devices/0", zero("/dev/ours"))])
}
