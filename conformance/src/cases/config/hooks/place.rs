//! What has happened, and what not yet, when the hooks of a kind run.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::kind::{KINDS, Kind};
use crate::cases::prelude::*;
use crate::observe::Mount;
use crate::verdict::Stop;

const NETWORK: NamespaceKind = NAMESPACES[1];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = KINDS[..2].iter().map(before_pivot_outside).collect();
    cases.extend([
        before_pivot_inside(),
        mounts_reach_the_container(),
        network_can_be_changed(),
        before_the_program(),
        after_the_program(),
        after_deletion(),
    ]);
    cases
}

/// prestart and createRuntime hooks: the namespaces are made, the root is still the host's.
fn before_pivot_outside(kind: &'static Kind) -> Case {
    let after = kind.requirement("after-environment");
    let before = kind.requirement("before-pivot-root");
    let mounts = (kind.name == "createRuntime").then(|| kind.requirement("mounts-performed"));
    let mut covers = vec![after.clone(), before.clone()];
    covers.extend(mounts.clone());
    let mut saboteurs = vec![
        without_namespace("network").on(after.clone()),
        runs_hooks(kind.name, Moment::Behind, "create").on(before.clone()),
    ];
    saboteurs.extend(mounts.clone().map(|mounts| drops("/mounts/5").on(mounts)));
    Case::new(kind.fact("run_between_environment_and_pivot"), covers)
        .bundle(|b| {
            b.mount("/mnt", "tmpfs", "none", &[])
                .holds(kind.name, "held")
        })
        .saboteurs(saboteurs)
        .run(move |t| {
            let held = t.while_held(&t.create_call(), "held", || {
                let pid = t.hook_run("held")?.state()["pid"].as_i64().unwrap_or(0) as i32;
                t.can_look_at(pid)?;
                t.on(after.clone()).ne(
                    "the network namespace of the container's process",
                    t.namespace_of(pid, NETWORK.proc).unwrap_or_default(),
                    t.runtime_namespace(NETWORK)?,
                )?;
                let config = format!("/proc/{pid}/root{}/config.json", t.bundle_arg());
                t.on(before.clone()).that(
                    "the process still sees the host's root",
                    Path::new(&config).exists(),
                    &config,
                )?;
                if let Some(mounts) = &mounts {
                    let table = t.read(format!("/proc/{pid}/mountinfo"))?;
                    t.on(mounts.clone()).that(
                        "the configured mount is made below the root",
                        mounted_below(&table, "rootfs/mnt"),
                        table,
                    )?;
                }
                Ok(())
            });
            t.on(before.clone()).must(held).map(|_| ())
        })
}

/// Whether a mount table has a mount whose point ends so.
fn mounted_below(table: &str, end: &str) -> bool {
    let mounts = table.lines().filter_map(Mount::parse);
    mounts.into_iter().any(|mount| mount.point.ends_with(end))
}

/// createContainer hooks: in the container's mount namespace, its root still the host's.
fn before_pivot_inside() -> Case {
    const AFTER: &str = "config.hooks.create-container.after-environment";
    const BEFORE: &str = "config.hooks.create-container.before-pivot-root";
    let kind = &KINDS[2];
    Case::new(
        kind.fact("run_between_environment_and_pivot"),
        [AFTER, BEFORE],
    )
    .bundle(|b| {
        b.mount("/mnt", "tmpfs", "none", &[])
            .records("createContainer", "it")
    })
    .run(|t| {
        t.create()?;
        t.start()?;
        let report = t.hook_run("it")?.record.report;
        let root = fs::metadata("/").map(|root| root.ino()).unwrap_or_default();
        let seen = report.root_inode.value().cloned().unwrap_or_default();
        t.on(BEFORE).that(
            "the hook's root is the host's",
            seen.ends_with(&format!(":{root}")),
            &seen,
        )?;
        t.on(AFTER).ne(
            "the hook's network namespace",
            report.namespaces.get(NETWORK.proc),
            t.runtime_namespace(NETWORK)?,
        )?;
        let table = report.mountinfo.value().map(|lines| lines.join("\n"));
        let table = table.unwrap_or_default();
        t.on(AFTER).that(
            "the configured mount is made below the root",
            mounted_below(&table, "rootfs/mnt"),
            table,
        )
    })
    .saboteurs([
        kind.taken_for("startContainer").on(BEFORE),
        without_namespace("network").on(AFTER),
        drops("/mounts/5").on(AFTER),
    ])
}

fn mounts_reach_the_container() -> Case {
    Case::new(
        "config/hooks/create_container_mounts_reach_the_container",
        "config.hooks.create-container.mounts-visible-to-container",
    )
    .bundle(|b| {
        b.dir("rootfs/hookmnt", 0o755).records_and(
            "createContainer",
            "it",
            &["tmpfs", "{rootfs}/hookmnt"],
        )
    })
    .run(|t| {
        let agent = t.agent()?;
        let lines = agent.report.mountinfo.value().cloned().unwrap_or_default();
        let seen = mount_at(&lines, "/hookmnt").map(|mount| mount.kind);
        t.eq(
            "what is mounted on /hookmnt in the container",
            seen,
            "tmpfs",
        )?;
        let ours = t.read("/proc/thread-self/mountinfo")?;
        t.that(
            "the host has no such mount",
            !mounted_below(&ours, "rootfs/hookmnt"),
            true,
        )
    })
    .saboteurs([
        drops("/hooks/createContainer"),
        edits(
            "run createContainer hooks in the host's namespaces",
            |config| {
                let hooks = config["hooks"]["createContainer"].take();
                config["hooks"] = json!({ "createRuntime": hooks });
            },
        )
        // Nobody else could mount there.
        .needs([Need::Root]),
    ])
}

fn network_can_be_changed() -> Case {
    // /proc/sys/net is of the network namespace of who looks.
    const ENTER: &str = r#"pid=$(grep -o '"pid": *[0-9]*' | grep -o '[0-9]*$')
exec nsenter --net=/proc/$pid/ns/net sh -c 'echo 42 > /proc/sys/net/ipv4/ip_default_ttl'"#;
    Case::new(
        "config/hooks/prestart_can_change_the_network",
        "config.hooks.prestart.network-customisable",
    )
    .needs([
        Need::Root,
        Need::Program("nsenter"),
        Need::Program("grep"),
        Need::Path("/bin/sh"),
    ])
    .bundle(|b| {
        b.set(
            "/hooks/prestart",
            json!([{
                "path": "/bin/sh",
                "args": ["sh", "-c", ENTER],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            }]),
        )
    })
    .run(|t| {
        let agent = t.agent()?;
        let value = agent.get(|p| p.read("/proc/sys/net/ipv4/ip_default_ttl"))?;
        t.eq(
            "what the hook set in the container's network",
            value.trim(),
            "42",
        )
    })
    .saboteurs([drops("/hooks/prestart")])
}

fn before_the_program() -> Case {
    const BEFORE: &str = "config.hooks.start-container.before-program";
    const AFTER: &str = "config.hooks.start-container.after-pivot";
    let kind = &KINDS[3];
    Case::new(kind.fact("run_between_pivot_and_program"), [BEFORE, AFTER])
        .bundle(|b| b.records("startContainer", "it"))
        .run(|t| {
            t.create()?;
            t.on(BEFORE).eq(
                "hooks that ran in create",
                t.hooks_run()?,
                Vec::<String>::new(),
            )?;
            t.start()?;
            let program = t.started()?.report;
            let hook = t.on(BEFORE).must(t.hook_run("it"))?.record.report;
            t.on(AFTER)
                .eq("the hook's root", &hook.root_inode, &program.root_inode)?;
            t.on(BEFORE).that(
                "the hook began before the program",
                hook.stamp.realtime_ns < program.stamp.realtime_ns,
                json!([hook.stamp.realtime_ns, program.stamp.realtime_ns]),
            )
        })
        .saboteurs([
            kind.taken_for("poststart").on(AFTER),
            drops("/hooks/startContainer")
                .and(lies(
                    "start",
                    How::Then(&["exec", "{id}", "/probe", "hook", "/hook-it"]),
                ))
                .on(BEFORE),
            kind.taken_for("createRuntime").on(BEFORE),
        ])
}

/// The program runs while a poststart hook does.
fn after_the_program() -> Case {
    let kind = &KINDS[4];
    Case::new(
        kind.fact("run_after_the_program_began"),
        kind.requirement("after-program"),
    )
    .bundle(|b| {
        // Where create runs it, it fails there, rather than being held.
        b.records_and("poststart", "early", &["need", "{dir}/created"])
            .holds("poststart", "held")
    })
    .run(|t| {
        t.must(t.create())?;
        t.write(&t.dir().join("created"), "")?;
        let start = t.command(["start", t.id()]);
        let held = t.while_held(&start, "held", || {
            let seen = command_line(t)?;
            t.eq(
                "the command line while the hook runs",
                seen,
                "/probe\0agent\0",
            )
        });
        t.must(held).map(|_| ())
    })
    .saboteurs([drops("/hooks/poststart/0").and(kind.taken_for("startContainer"))])
}

/// The command line of the container's process. In the middle of execve(2) it is empty: the kernel lays the new one
/// out after it has closed what tells a runtime that the program is executed.
fn command_line(t: &Trial) -> Check<String> {
    let deadline = t.deadline();
    loop {
        let line = fs::read(format!("/proc/{}/cmdline", t.pid()?)).unwrap_or_default();
        if !line.is_empty() || deadline.left().is_zero() || !t.init_lives()? {
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        std::thread::yield_now();
    }
}

/// The container is gone when a poststop hook runs.
fn after_deletion() -> Case {
    let kind = &KINDS[5];
    Case::new(
        kind.fact("run_after_deletion"),
        kind.requirement("after-deletion"),
    )
    .bundle(|b| b.holds("poststop", "held"))
    .run(|t| {
        if t.runtime_itself().systemd_driver() {
            let why = "systemd removes the cgroup of a stopped container: nothing is left for delete to remove";
            return Err(Stop::Skip(why.into()));
        }
        t.run_to_exit()?;
        let delete = t.command(["delete", t.id()]);
        let held = t.while_held(&delete, "held", || {
            // The record of the container may be the last to go.
            let mut left = crate::engine::leftovers(t)?;
            left.retain(|thing| !thing.starts_with("state "));
            t.eq(
                "what is left while the hook runs",
                left,
                Vec::<String>::new(),
            )
        });
        t.must(held).map(|_| ())
    })
    .saboteurs([runs_hooks("poststop", Moment::Before, "delete")])
}
