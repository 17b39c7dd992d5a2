//! config.md#root.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::mounts::may_mount;
use crate::cases::prelude::*;
use crate::verdict::Stop;

/// What is right where the case's root is wrong.
const RIGHT: &str = "rootfs";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![readonly(), writable()];
    cases.extend([
        at(
            "relative",
            "config.root.path-relative",
            "a/b/rootfs",
            "bundle/a/b",
        ),
        at(
            "absolute",
            "config.root.path-absolute",
            "{dir}/away/rootfs",
            "away",
        ),
        missing(
            "config/root/missing_is_refused",
            "config.root.required-linux",
            "/root",
            json!({"path": RIGHT}),
        ),
        missing(
            "config/root/no_path_is_refused",
            "config.root.path-required",
            "/root/path",
            RIGHT,
        ),
        no_directory("missing", |b| b),
        no_directory("file", |b| b.file("none", 0o755, "x")),
        no_directory("dangling_link", |b| b.symlink("none", "nowhere")),
        mounts_keep_their_flags(),
        mount_points_are_made(),
        no_escape(),
    ]);
    cases
}

fn readonly() -> Case {
    Case::new(
        "config/root/readonly_is_not_writable",
        "config.root.readonly-true",
    )
    .bundle(|b| {
        b.set("/root/readonly", true)
            .file("rootfs/there", 0o666, "x")
    })
    .run(|t| {
        let agent = t.agent()?;
        t.eq(
            "making a file in /",
            agent.attempt(|p| p.create("/new"))?,
            "EROFS",
        )?;
        t.eq(
            "writing to one",
            agent.attempt(|p| p.write("/there", "y"))?,
            "EROFS",
        )?;
        t.has("options of /", agent.mount("/")?.options, "ro")?;
        // MS_REMOUNT | MS_BIND of linux/mount.h.
        let again = agent.attempt(|p| p.ask(&["mount", "none", "/", "none", "4128"]))?;
        t.eq("remounting it without the capability", again, "EPERM")
    })
    .saboteurs([drops("/root/readonly"), alters("/root/readonly", false)])
}

fn writable() -> Case {
    Case::new(
        "config/root/writable_by_default",
        "config.root.readonly-default-false",
    )
    .run(|t| {
        let made = t.agent()?.attempt(|p| p.create("/new"))?;
        t.eq("making a file in /", made, "OK")?;
        t.that(
            "the file is in the root on the host",
            t.rootfs("/new").exists(),
            true,
        )
    })
    .saboteurs([alters("/root/readonly", true)])
}

/// The root is where the config says, wherever `create` runs.
fn at(
    form: &'static str,
    requirement: &'static str,
    path: &'static str,
    parent: &'static str,
) -> Case {
    Case::new(format!("config/root/{form}_path"), requirement)
        .bundle(move |b| {
            b.set("/root/path", path)
                .file("rootfs/marker", 0o644, "configured")
                .file("../caller/a/b/rootfs/marker", 0o644, "the caller's")
        })
        .run(move |t| {
            let parent = t.dir().join(parent);
            t.make_dir(&parent)?;
            t.rename(&t.rootfs("/"), &parent.join("rootfs"))?;
            let callers = t.dir().join("caller/a/b/rootfs/probe");
            t.link(&t.probe_path(), &callers)?;
            let call = t.create_call().cwd(t.dir().join("caller"));
            let seen = t.judged_agent_by(call)?.get(|p| p.read("/marker"))?;
            t.eq("/marker", seen, "configured")
        })
        .saboteurs([alters("/root/path", "{dir}/caller/a/b/rootfs")])
}

/// No directory is at `none`, where the root should be.
fn no_directory(
    what: &'static str,
    prepare: fn(plimsoll_fixtures::bundle::Bundle) -> plimsoll_fixtures::bundle::Bundle,
) -> Case {
    Case::new(
        format!("config/root/{what}_is_no_directory"),
        "config.root.path-directory-exists",
    )
    .bundle(move |b| prepare(b).set("/root/path", "none"))
    .run(Assert::refused)
    .saboteurs([alters("/root/path", RIGHT)])
}

fn mounts_keep_their_flags() -> Case {
    Case::new(
        "config/root/readonly_leaves_mounts_writable",
        "config.root.readonly-submounts-unaffected",
    )
    .bundle(|b| {
        b.set("/root/readonly", true)
            .mount("/mnt", "tmpfs", "tmpfs", &[])
    })
    .run(|t| {
        let made = t.agent()?.attempt(|p| p.create("/mnt/new"))?;
        t.eq("making a file on a tmpfs", made, "OK")
    })
    .saboteurs([alters("/mounts/5/options", ["ro"])])
}

/// A mount point that a read-only root lacks: made, or an error, but never no mount.
fn mount_points_are_made() -> Case {
    Case::new(
        "config/root/readonly_with_a_missing_mount_point",
        "config.root.readonly-mountpoints-created",
    )
    .bundle(|b| {
        b.set("/root/readonly", true)
            .mount("/not/there", "tmpfs", "tmpfs", &[])
    })
    .run(|t| {
        let outcome = t.try_create()?;
        if !outcome.ok() {
            t.errors(&outcome)?;
            return t.nothing_left();
        }
        t.start()?;
        t.must(t.started()?.mount("/not/there")).map(|_| ())
    })
    .saboteurs([drops("/mounts/5")])
}

/// The container's root is the configured directory, and nothing is above it.
fn no_escape() -> Case {
    Case::new("config/root/nothing_is_above_it", "config.root.no-escape")
        .bundle(may_mount)
        .run(|t| {
            let agent = t.agent()?;
            let meta = fs::metadata(t.rootfs("/"))
                .map_err(|error| Stop::broken("look at the root", error))?;
            let inode =
                |path: &'static str| -> Check<u64> { Ok(agent.get(move |p| p.stat(path))?.inode) };
            t.eq("the inode of /", inode("/")?, meta.ino())?;
            t.eq("the inode of /..", inode("/..")?, meta.ino())?;
            t.eq(
                "the inode of /proc/1/root/..",
                inode("/proc/1/root/..")?,
                meta.ino(),
            )?;
            // The way out of a mere chroot(2): the working directory stays outside the new root.
            agent.get(|p| p.mkdir("/trap"))?;
            agent.get(|p| p.ask(&["chroot", "/trap"]))?;
            agent.get(|p| p.ask(&["chdir", "../../../../../../../../.."]))?;
            t.eq("the inode of the way up", inode(".")?, meta.ino())
        })
        .saboteurs([edits("take the root's parent for the root", |config| {
            config["root"]["path"] = json!("{bundle}");
            config["process"]["args"][0] = json!("/rootfs/probe");
        })])
}
