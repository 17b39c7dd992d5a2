//! config.md#mounts: bind mounts and their sources.

use nix::mount::MsFlags;

use super::OURS;
use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SHOWN.iter().map(shown).collect();
    cases.extend([
        bound_file("existing", true),
        bound_file("missing", false),
        missing_source(),
        submounts("bind", false),
        submounts("rbind", true),
        readonly_bind(),
        over_a_file_of_proc(),
    ]);
    cases
}

/// What is shown, the requirement, the source, the type, and the option that makes it a bind mount.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
);

#[rustfmt::skip] // One row a line.
const SHOWN: &[Row] = &[
    ("bind_absolute_source", "source-bind-absolute", "{bundle}/data", Some("none"), "bind"),
    ("bind_relative_source_is_the_bundles", "source-bind-relative-to-bundle", "data", Some("none"), "bind"),
    ("bind_without_a_type", "type-optional", "{bundle}/data", None, "bind"),
    ("bind_ignores_its_type", "type-dummy-for-bind", "{bundle}/data", Some("tmpfs"), "bind"),
    ("bind_by_its_option", "bind-iff-option", "{bundle}/data", Some("none"), "bind"),
    ("rbind_by_its_option", "bind-iff-option", "{bundle}/data", Some("none"), "rbind"),
];

/// The mount shows the directory `data` of the bundle, though `create` runs elsewhere, where there
/// is another directory of that name.
fn shown(&(fact, requirement, source, kind, option): &Row) -> Case {
    let mut entry = json!({"destination": "/mnt", "source": source, "options": [option]});
    if let Some(kind) = kind {
        entry["type"] = kind.into();
    }
    Case::new(
        format!("config/mounts/{fact}"),
        format!("config.mounts.{requirement}"),
    )
    .bundle(move |b| {
        b.file("data/token", 0o644, "ours")
            .file("../elsewhere/data/token", 0o644, "the caller's")
            .push("/mounts", entry.clone())
    })
    .run(|t| {
        let call = t.create_call().cwd(t.dir().join("elsewhere"));
        let seen = t.must(t.judged_agent_by(call)?.get(|p| p.read("/mnt/token")))?;
        t.eq("/mnt/token", seen, "ours")
    })
    .saboteurs([
        alters(format!("/mounts/{OURS}/source"), "{dir}/elsewhere/data"),
        alters(
            format!("/mounts/{OURS}"),
            json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}),
        ),
    ])
}

/// How a container is shown its own share of the machine.
fn over_a_file_of_proc() -> Case {
    Case::new(
        "config/mounts/bind_over_a_file_of_proc",
        "config.mounts.bind-file",
    )
    .bundle(|b| {
        b.file("share", 0o644, "one processor").mount(
            "/proc/cpuinfo",
            "none",
            "{bundle}/share",
            &["bind"],
        )
    })
    .run(|t| {
        let seen = t.must(t.agent())?.get(|p| p.read("/proc/cpuinfo"))?;
        t.eq("/proc/cpuinfo", seen, "one processor")
    })
    .saboteurs([drops(format!("/mounts/{OURS}"))])
}

/// A file is bound: its content shows, and what is written reaches it.
fn bound_file(over: &'static str, exists: bool) -> Case {
    Case::new(
        format!("config/mounts/bind_a_file_over_an_{over}_one").replace("an_m", "a_m"),
        "config.mounts.bind-file",
    )
    .bundle(move |b| {
        let b = if exists {
            b.file("rootfs/srv/file", 0o644, "image")
        } else {
            b
        };
        b.file("file", 0o644, "bound")
            .mount("/srv/file", "none", "{bundle}/file", &["bind"])
    })
    .run(|t| {
        let agent = t.judged_agent()?;
        t.eq(
            "/srv/file",
            t.must(agent.get(|p| p.read("/srv/file")))?,
            "bound",
        )?;
        let written = agent.attempt(|p| p.write("/srv/file", "BOUND"))?;
        t.eq("writing to it", written, "OK")?;
        t.eq("the host's file", t.read(t.bundle().join("file"))?, "BOUND")
    })
    .saboteurs([
        alters(format!("/mounts/{OURS}/source"), "{bundle}/config.json"),
        alters(format!("/mounts/{OURS}/options/-"), "ro"),
    ])
}

fn missing_source() -> Case {
    Case::new(
        "config/mounts/missing_bind_source_is_refused",
        "config.mounts.source-missing-errors",
    )
    .bundle(|b| b.mount("/mnt", "none", "{dir}/nope", &["bind"]))
    .run(|t| {
        t.refused()?;
        t.that(
            "the source is not made",
            !t.dir().join("nope").exists(),
            false,
        )
    })
    .saboteurs([
        drops(format!("/mounts/{OURS}")),
        wraps("make the source", |call, next| {
            if let ("create", Some(bundle)) = (call.operation(), call.bundle()) {
                let _ = std::fs::create_dir(bundle.join("../nope"));
            }
            next(call)
        }),
    ])
}

/// Whether a mount below the source comes along.
fn submounts(option: &'static str, along: bool) -> Case {
    let other = if along { "bind" } else { "rbind" };
    Case::new(
        format!("config/mounts/option_{option}"),
        format!("config.mounts.options.{option}"),
    )
    .needs([Need::Root])
    .bundle(move |b| b.mount("/mnt", "none", "{dir}/source", &[option]))
    .run(move |t| {
        let host = t.own_mounts()?;
        host.tmpfs("source", MsFlags::empty())?;
        t.write(&host.path("source/token"), "top")?;
        host.tmpfs("source/below", MsFlags::empty())?;
        t.write(&host.path("source/below/token"), "below")?;
        let agent = t.agent()?;
        t.eq(
            "the directory's file",
            agent.attempt(|p| p.read("/mnt/token"))?,
            "OK",
        )?;
        let expected = if along { "OK" } else { "ENOENT" };
        t.eq(
            "the file of the mount below",
            agent.attempt(|p| p.read("/mnt/below/token"))?,
            expected,
        )
    })
    .saboteurs([alters(format!("/mounts/{OURS}/options/0"), other)])
}

/// A read-only bind mount leaves its source writable.
fn readonly_bind() -> Case {
    Case::new("config/mounts/readonly_bind", "config.mounts.options.ro")
        .bundle(|b| {
            b.file("data/token", 0o666, "t")
                .mount("/mnt", "none", "{bundle}/data", &["bind", "ro"])
        })
        .run(|t| {
            let agent = t.agent()?;
            let seen = agent.mount("/mnt")?;
            t.has("options of /mnt", seen.options, "ro")?;
            let written = agent.attempt(|p| p.write("/mnt/token", "x"))?;
            t.eq("writing inside", written, "EROFS")?;
            let outside = std::fs::write(t.bundle().join("data/token"), "y");
            t.that("the source is writable", outside.is_ok(), outside.is_ok())
        })
        .saboteurs([drops(format!("/mounts/{OURS}/options/1"))])
}
