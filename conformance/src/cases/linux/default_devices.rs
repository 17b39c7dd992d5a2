//! config-linux.md#default-devices.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use plimsoll_fixtures::probe::{FileKind, Refusal};

use crate::cases::config::user_namespace;
use crate::cases::prelude::*;
use crate::trial::Agent;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = DEFAULT.iter().map(default).collect();
    cases.extend([
        console(),
        no_console(),
        ptmx(),
        in_user_namespace(),
        none_left(),
    ]);
    cases
}

/// What an ordinary user does with a device, and what comes of it.
type Use = fn(&Agent<'_>) -> Check<String>;

const SWALLOWS: Use = |agent| {
    agent.get(|p| p.write("/dev/null", "x"))?;
    agent.get(|p| p.read("/dev/null"))
};
const ZEROS: Use = |agent| {
    let read: Result<Value, Refusal> = agent.ask(|p| p.ask(&["read", "/dev/zero", "4"]))?;
    Ok(read.map_or_else(|_| "refused".into(), |text| text.to_string()))
};
const FULL: Use = |agent| agent.attempt(|p| p.write("/dev/full", "x"));
const RANDOM: Use = |agent| agent.attempt(|p| p.ask(&["read", "/dev/random", "16"]));
const URANDOM: Use = |agent| agent.attempt(|p| p.ask(&["read", "/dev/urandom", "16"]));
const NO_TERMINAL: Use = |agent| agent.attempt(|p| p.open("/dev/tty", "r"));

/// The devices of every container, with what comes of their use:
/// linux/Documentation/admin-guide/devices.txt.
type Row = (&'static str, u32, u32, Use, &'static str);

const DEFAULT: &[Row] = &[
    ("null", 1, 3, SWALLOWS, ""),
    ("zero", 1, 5, ZEROS, r#""\u0000\u0000\u0000\u0000""#),
    ("full", 1, 7, FULL, "ENOSPC"),
    ("random", 1, 8, RANDOM, "OK"),
    ("urandom", 1, 9, URANDOM, "OK"),
    ("tty", 5, 0, NO_TERMINAL, "ENXIO"),
];

fn default(&(name, major, minor, used, comes): &Row) -> Case {
    let path = format!("/dev/{name}");
    let inside = move |root: &std::path::Path| root.join("dev").join(name);
    Case::new(
        format!("linux/devices/default_{name}"),
        format!("config-linux.default-devices.{name}"),
    )
    .needs([Need::Ids])
    .bundle(|b| b.user(1000, 1000))
    .run(move |t| {
        let agent = t.agent()?;
        let seen = t.must(agent.get(|p| p.stat_target(&path)))?;
        t.eq(
            "type and numbers",
            (seen.kind, seen.major, seen.minor),
            (FileKind::Character, major, minor),
        )?;
        // Bits beyond those are the runtime's choice.
        t.eq("everybody may read and write it", seen.mode & 0o666, 0o666)?;
        t.eq("using it", used(&agent)?, comes)
    })
    // What a runtime supplies unasked cannot be dropped from the config.
    .saboteurs([
        tampers(format!("supply no /dev/{name}"), move |root| {
            fs::remove_file(inside(root))
        }),
        tampers(format!("keep /dev/{name} to root"), move |root| {
            // The node may be the host's, bound: so another one takes its place.
            fs::remove_file(inside(root))?;
            mknod(
                &inside(root),
                SFlag::S_IFCHR,
                Mode::empty(),
                makedev(major.into(), minor.into()),
            )?;
            fs::set_permissions(inside(root), fs::Permissions::from_mode(0o600))
        }),
    ])
}

fn console() -> Case {
    Case::new(
        "linux/devices/console_is_the_terminal",
        "config-linux.default-devices.console-with-terminal",
    )
    .bundle(|b| {
        b.set("/process/terminal", true).args(&[
            "/probe",
            "do",
            "child",
            "write",
            "/dev/console",
            "to-the-console",
            ";",
            "sleep",
            "60000",
        ])
    })
    .run(|t| {
        let mut terminal = t.console()?.create()?;
        t.start()?;
        t.must(terminal.read_until("to-the-console"))?;
        let table = t.read(format!("/proc/{}/mountinfo", t.pid()?))?;
        let lines: Vec<String> = table.lines().map(str::to_owned).collect();
        let seen = mount_at(&lines, "/dev/console");
        t.eq(
            "the mount at /dev/console",
            seen.map(|mount| mount.kind),
            "devpts",
        )
    })
    .saboteurs([tampers("supply no /dev/console", |root| {
        fs::remove_file(root.join("dev/console"))
    })])
}

/// A console that is there without a terminal is not the host's.
fn no_console() -> Case {
    Case::new(
        "linux/devices/no_console_without_a_terminal",
        "config-linux.default-devices.console-without-terminal",
    )
    .run(|t| {
        let seen = t.agent()?.ask(|p| p.stat_target("/dev/console"))?;
        let numbers = seen.ok().map(|stat| (stat.kind, stat.major, stat.minor));
        t.ne("/dev/console", numbers, (FileKind::Character, 5, 1))
    })
    .saboteurs([alters(
        "/linux/devices",
        json!([{"path": "/dev/console", "type": "c", "major": 5, "minor": 1}]),
    )])
}

fn ptmx() -> Case {
    Case::new(
        "linux/devices/ptmx_is_of_the_containers_pts",
        "config-linux.default-devices.ptmx",
    )
    .run(|t| {
        let agent = t.agent()?;
        let ptmx = t.must(agent.get(|p| p.stat_target("/dev/ptmx")))?;
        let own = agent.get(|p| p.stat("/dev/pts/ptmx"))?;
        t.eq(
            "type, numbers and inode",
            (ptmx.kind, ptmx.major, ptmx.minor, ptmx.inode),
            (own.kind, own.major, own.minor, own.inode),
        )?;
        t.must(agent.get(|p| p.ask(&["hold", "/dev/ptmx", "rw"])))?;
        let terminals = agent.get(|p| p.list("/dev/pts"))?;
        let names: Vec<String> = terminals.into_iter().map(|entry| entry.name).collect();
        t.has("terminals in /dev/pts", names, "0")
    })
    .saboteurs([
        tampers("supply no /dev/ptmx", |root| {
            fs::remove_file(root.join("dev/ptmx"))
        }),
        tampers("lead /dev/ptmx elsewhere", |root| {
            fs::remove_file(root.join("dev/ptmx"))?;
            symlink("null", root.join("dev/ptmx"))
        }),
    ])
}

fn in_user_namespace() -> Case {
    Case::new(
        "linux/devices/default_ones_in_a_user_namespace",
        "config-linux.default-devices.with-userns",
    )
    .needs([Need::Root, Need::Namespace("user")])
    .bundle(user_namespace)
    .run(|t| {
        let agent = t.agent()?;
        for (name, major, minor, ..) in DEFAULT {
            let path = format!("/dev/{name}");
            let seen = t.must(agent.get(|p| p.stat_target(&path)))?;
            t.eq(
                &format!("{path}: type and numbers"),
                (seen.kind, seen.major, seen.minor),
                (FileKind::Character, *major, *minor),
            )?;
        }
        t.eq(
            "writing to /dev/null",
            agent.attempt(|p| p.write("/dev/null", "x"))?,
            "OK",
        )
    })
    .saboteurs([tampers("supply no /dev/zero", |root| {
        fs::remove_file(root.join("dev/zero"))
    })])
}

/// Devices on the container's own /dev do not show in the root file system on the host.
fn none_left() -> Case {
    Case::new(
        "linux/devices/none_are_left_in_the_image",
        "config-linux.default-devices.not-host-visible",
    )
    .run(|t| {
        t.create()?;
        t.start()?;
        t.stop()?;
        t.delete()?;
        let dev = t.rootfs("/dev");
        let Ok(entries) = fs::read_dir(&dev) else {
            return t.that("there is no /dev in the image", !dev.exists(), true);
        };
        let mut nodes = Vec::new();
        for entry in entries {
            let kind = entry
                .and_then(|entry| Ok((entry.file_name(), entry.file_type()?)))
                .map_err(|error| Stop::broken("list /dev of the image", error))?;
            if kind.1.is_char_device() || kind.1.is_block_device() {
                nodes.push(kind.0.display().to_string());
            }
        }
        t.eq("devices in /dev of the image", nodes, Vec::<String>::new())
    })
    .saboteurs([edits("mount nothing on /dev", |config| {
        if let Some(mounts) = config["mounts"].as_array_mut() {
            mounts.retain(|mount| {
                mount["destination"]
                    .as_str()
                    .is_none_or(|at| !at.starts_with("/dev"))
            });
        }
    })
    // Nobody else can make devices: they would be mounts on files.
    .needs([Need::Root])])
}
