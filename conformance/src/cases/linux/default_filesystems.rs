//! config-linux.md#default-filesystems, of which a config names those that it wants; and
//! runtime-linux.md#dev-symbolic-links.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use crate::cases::prelude::*;
use crate::verdict::Stop;

/// Where, of which type, and the entry of the minimal bundle.
const FILESYSTEMS: &[(&str, &str, usize)] = &[
    ("/proc", "proc", 0),
    ("/sys", "sysfs", 4),
    ("/dev/pts", "devpts", 2),
    ("/dev/shm", "tmpfs", 3),
];

/// Devices that any host's /dev has: linux/Documentation/admin-guide/devices.txt.
const DEVICES: &[(&str, u64, u64)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
    ("ptmx", 5, 2),
];

/// Links in /dev, and where they lead.
const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = FILESYSTEMS.iter().map(mounted).collect();
    cases.extend(LINKS.iter().map(linked));
    cases.extend([at_create(), without_proc(), bound_dev()]);
    cases
}

fn mounted(&(point, kind, index): &(&'static str, &'static str, usize)) -> Case {
    let name = point.trim_start_matches('/').replace('/', "-");
    Case::new(
        format!("linux/filesystems/{}", name.replace('-', "_")),
        format!("config-linux.default-filesystems-{name}"),
    )
    .run(move |t| {
        t.create()?;
        let table = t.read(format!("/proc/{}/mountinfo", t.pid()?))?;
        let lines: Vec<String> = table.lines().map(str::to_owned).collect();
        let seen = mount_at(&lines, point);
        t.eq(
            &format!("the type of {point}"),
            seen.map(|mount| mount.kind),
            kind,
        )
    })
    .saboteurs([drops(format!("/mounts/{index}"))])
}

fn linked(&(name, target): &(&'static str, &'static str)) -> Case {
    Case::new(
        format!("runtime/dev_links/{name}"),
        format!("runtime-linux.dev-symlinks.{name}"),
    )
    .run(move |t| {
        let path = format!("/dev/{name}");
        let seen = t.must(t.agent()?.get(|p| p.read_link(&path)))?;
        t.eq(&format!("the link {path}"), seen, target)
    })
    .saboteurs([
        tampers(format!("make no /dev/{name}"), move |root| {
            fs::remove_file(root.join("dev").join(name))
        }),
        tampers(format!("lead /dev/{name} elsewhere"), move |root| {
            let link = root.join("dev").join(name);
            fs::remove_file(&link)?;
            symlink("null", link)
        }),
    ])
}

fn at_create() -> Case {
    Case::new(
        "runtime/dev_links/are_made_by_create",
        "runtime-linux.dev-symlinks.at-create",
    )
    .run(|t| {
        t.create()?;
        t.can_look_at(t.pid()?)?;
        let link = format!("/proc/{}/root/dev/fd", t.pid()?);
        let seen = fs::read_link(link)
            .ok()
            .map(|path| path.display().to_string());
        t.eq("the link /dev/fd before `start`", seen, "/proc/self/fd")
    })
    .saboteurs([tampers("make no link yet", |root| {
        fs::remove_file(root.join("dev/fd"))
    })])
}

fn without_proc() -> Case {
    Case::new(
        "runtime/dev_links/none_are_needed_without_proc",
        "runtime-linux.dev-symlinks.conditional-on-source",
    )
    .bundle(|b| b.without_mount("/proc").dir("rootfs/proc", 0o755))
    .run(|t| t.must(t.create()))
    .saboteurs([lies("create", How::Refuse)])
}

/// A /dev of the host's keeps the links that it has.
fn bound_dev() -> Case {
    Case::new(
        "runtime/dev_links/of_a_bound_dev_stay",
        "runtime-linux.dev-symlinks.bind-dev-untouched",
    )
    .needs([Need::Root])
    .bundle(|b| {
        let b = LINKS.iter().fold(b, |b, (name, target)| {
            b.symlink(&format!("dev/{name}"), target)
        });
        b.without_mount("/dev")
            .without_mount("/dev/pts")
            .without_mount("/dev/shm")
            .mount("/dev", "none", "{bundle}/dev", &["bind"])
    })
    .run(|t| {
        for (name, major, minor) in DEVICES {
            t.make_device(&t.bundle().join("dev").join(name), *major, *minor)?;
        }
        let before = links(&t.bundle())?;
        t.must(t.create())?;
        t.eq("inodes and times of the links", links(&t.bundle())?, before)
    })
    .saboteurs([
        lies("create", How::Refuse),
        tampers("make the link anew", |root| {
            fs::remove_file(root.join("dev/fd"))?;
            symlink("/proc/self/fd", root.join("dev/fd"))
        }),
    ])
}

fn links(bundle: &Path) -> Check<Vec<(u64, i64, i64)>> {
    LINKS
        .iter()
        .map(|(name, _)| {
            let seen = fs::symlink_metadata(bundle.join("dev").join(name))
                .map_err(|error| Stop::broken("look at a link", error))?;
            Ok((seen.ino(), seen.ctime(), seen.ctime_nsec()))
        })
        .collect()
}
