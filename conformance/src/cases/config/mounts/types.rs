//! config.md#posix-platform-mounts: types, and data for the file system.

use super::OURS;
use crate::cases::prelude::*;
use crate::verdict::Stop;

/// Types that a container can mount, each with an option that its file system needs or takes.
const TYPES: &[(&str, &[&str])] = &[
    ("proc", &[]),
    ("sysfs", &[]),
    ("tmpfs", &[]),
    ("devpts", &["newinstance"]),
    ("mqueue", &[]),
    ("ramfs", &[]),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = TYPES
        .iter()
        .map(|&(kind, options)| typed(kind, options))
        .collect();
    cases.extend([overlay(), data(), hidepid(), remount(), copy_up()]);
    cases.extend([
        Case::new("config/mounts/no_source", "config.mounts.source-optional")
            .bundle(|b| b.push("/mounts", json!({"destination": "/mnt", "type": "tmpfs"})))
            .run(|t| {
                let seen = t.must(t.judged_agent()?.mount("/mnt"))?;
                t.eq("the type of /mnt", seen.kind, "tmpfs")
            })
            .saboteurs([
                lies("create", How::Refuse),
                drops(format!("/mounts/{OURS}")),
            ]),
        Case::new("config/mounts/no_options", "config.mounts.options-optional")
            .bundle(|b| {
                let mount = json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"});
                b.push("/mounts", mount)
            })
            .run(|t| {
                let seen = t.must(t.agent()?.mount("/mnt"))?;
                t.eq("options of /mnt", seen.options, ["rw", "relatime"])
            })
            .saboteurs([alters(format!("/mounts/{OURS}/options"), ["ro"])]),
    ]);
    cases
}

fn typed(kind: &'static str, options: &'static [&'static str]) -> Case {
    let other = if kind == "tmpfs" { "ramfs" } else { "tmpfs" };
    Case::new(
        format!("config/mounts/type_{kind}"),
        "config.mounts.type-proc-filesystems",
    )
    .needs([Need::Filesystem(kind)])
    .bundle(move |b| b.mount("/mnt", kind, kind, options))
    .run(move |t| {
        let seen = t.must(t.judged_agent()?.mount("/mnt"))?;
        t.eq("the type of /mnt", seen.kind, kind)
    })
    .saboteurs([
        drops(format!("/mounts/{OURS}/type")),
        alters(
            format!("/mounts/{OURS}"),
            json!({"destination": "/mnt", "type": other, "source": other}),
        ),
    ])
}

/// The lower directory's file shows, and a write goes to the upper one.
fn overlay() -> Case {
    Case::new(
        "config/mounts/type_overlay",
        "config.mounts.type-proc-filesystems",
    )
    // The temporary directory may be on one itself, which takes no upper directory there.
    .needs([Need::Root, Need::Filesystem("overlay")])
    .bundle(|b| {
        let data = [
            "lowerdir={dir}/layers/low",
            "upperdir={dir}/layers/up",
            "workdir={dir}/layers/work",
        ];
        b.mount("/mnt", "overlay", "overlay", &data)
    })
    .run(|t| {
        let host = t.own_mounts()?;
        host.tmpfs("layers", nix::mount::MsFlags::empty())?;
        for dir in ["low", "up", "work"] {
            t.make_dir(&host.path("layers").join(dir))?;
        }
        t.write(&host.path("layers/low/token"), "low")?;
        let agent = t.agent()?;
        let seen = t.must(agent.get(|p| p.read("/mnt/token")))?;
        t.eq("/mnt/token", seen, "low")?;
        agent.get(|p| p.create("/mnt/new"))?;
        t.that(
            "the upper directory has the new file",
            host.path("layers/up/new").exists(),
            true,
        )
    })
    .saboteurs([alters(
        format!("/mounts/{OURS}"),
        json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}),
    )])
}

/// What is no option of the table goes to the file system.
fn data() -> Case {
    const DATA: &str = "config.mounts.options.unknown-passed-as-data";
    Case::new(
        "config/mounts/data_reaches_the_filesystem",
        [DATA, "config.mounts.mount2-semantics"],
    )
    .bundle(|b| {
        let options = ["nosuid", "size=64k", "mode=1770", "nr_inodes=10"];
        b.mount("/mnt", "tmpfs", "tmpfs", &options)
    })
    .run(|t| {
        let agent = t.agent()?;
        let seen = agent.mount("/mnt")?;
        for word in ["size=64k", "mode=1770", "nr_inodes=10"] {
            t.has("file system options of /mnt", &seen.super_options, word)?;
        }
        let by = t.on("config.mounts.mount2-semantics");
        by.eq(
            "its size in bytes",
            agent.get(|p| p.statfs("/mnt"))?.size,
            65536,
        )?;
        by.eq("its mode", agent.get(|p| p.stat("/mnt"))?.mode, 0o1770)
    })
    .saboteurs([
        drops(format!("/mounts/{OURS}/options/3")).on(DATA),
        tampers("set another mode", |root| {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(root.join("mnt"), mode)
        })
        .on("config.mounts.mount2-semantics"),
    ])
}

/// An ordinary user sees no processes of others.
fn hidepid() -> Case {
    Case::new(
        "config/mounts/data_reaches_proc",
        "config.mounts.options.unknown-passed-as-data",
    )
    .bundle(|b| b.mount("/mnt", "proc", "proc", &["hidepid=2"]))
    .run(|t| {
        let seen = t.agent()?.mount("/mnt")?;
        // By number or, from Linux 5.8 on, by name.
        let hides = |word: &String| word == "hidepid=2" || word == "hidepid=invisible";
        let good = seen.super_options.iter().any(hides);
        t.that("/mnt hides processes", good, seen.super_options)
    })
    .saboteurs([drops(format!("/mounts/{OURS}/options/0"))])
}

/// A second entry changes the first one's mount.
fn remount() -> Case {
    Case::new(
        "config/mounts/option_remount",
        "config.mounts.options.remount",
    )
    .bundle(|b| {
        b.mount("/mnt", "tmpfs", "tmpfs", &["size=64k"]).mount(
            "/mnt",
            "tmpfs",
            "tmpfs",
            &["remount", "ro"],
        )
    })
    .run(|t| {
        let agent = t.agent()?;
        let table = agent.report.mountinfo.value().cloned().unwrap_or_default();
        let here = table
            .iter()
            .filter(|line| line.split(' ').nth(4) == Some("/mnt"));
        t.eq("mounts at /mnt", here.count(), 1)?;
        let seen = t.must(agent.mount("/mnt"))?;
        let words = [seen.options, seen.super_options].concat();
        t.has("options of /mnt", &words, "ro")?;
        t.has("options of /mnt", &words, "size=64k")
    })
    .saboteurs([
        drops(format!("/mounts/{}", OURS + 1)),
        drops(format!("/mounts/{}/options/0", OURS + 1)),
    ])
}

/// Where a runtime says that it has the option, the tmpfs begins with what the image has there.
fn copy_up() -> Case {
    Case::new(
        "config/mounts/option_tmpcopyup",
        "config.mounts.options.tmpcopyup",
    )
    .bundle(|b| {
        b.file("rootfs/etc/file", 0o640, "image")
            .mount("/etc", "tmpfs", "tmpfs", &["tmpcopyup"])
    })
    .run(|t| {
        let features = t.runtime(["features"])?.json().unwrap_or_default();
        let listed = features["mountOptions"].as_array();
        if !listed.is_some_and(|options| options.contains(&json!("tmpcopyup"))) {
            return Err(Stop::Skip("the runtime lists no option tmpcopyup".into()));
        }
        let agent = t.judged_agent()?;
        t.eq(
            "the type of /etc",
            t.must(agent.mount("/etc"))?.kind,
            "tmpfs",
        )?;
        let seen = t.must(agent.get(|p| p.read("/etc/file")))?;
        t.eq("/etc/file", seen, "image")?;
        t.eq("its mode", agent.get(|p| p.stat("/etc/file"))?.mode, 0o640)?;
        agent.get(|p| p.write("/etc/file", "other"))?;
        t.eq("the image's file", t.read(t.rootfs("/etc/file"))?, "image")
    })
    .saboteurs([
        drops(format!("/mounts/{OURS}/options/0")),
        drops(format!("/mounts/{OURS}")),
    ])
}
