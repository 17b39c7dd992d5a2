//! config-linux.md#rootfs-mount-propagation.

use nix::mount::{MsFlags, mount};

use crate::cases::config::{may_mount, mount_inside};
use crate::cases::prelude::*;
use crate::trial::HostMounts;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![
        shared(),
        slave(),
        private(),
        unbindable(),
        bad(
            "linux/rootfs_propagation/unknown_is_refused",
            "config-linux.rootfs-propagation.invalid-errors",
            "/linux/rootfsPropagation",
            "foo",
        ),
    ]
}

/// A case with this propagation, on a host whose mounts are shared, as most are.
fn case<const N: usize>(value: &'static str, covers: [&'static str; N]) -> Case {
    Case::new(format!("linux/rootfs_propagation/{value}"), covers)
        .needs([Need::Root])
        .bundle(move |b| may_mount(b).set("/linux/rootfsPropagation", value))
}

fn host(t: &Trial) -> Check<HostMounts<'_>> {
    let host = t.own_mounts()?;
    host.propagation("/", MsFlags::MS_REC | MsFlags::MS_SHARED)?;
    Ok(host)
}

/// The host sees nothing of the mount that the container made on /inside.
fn stays_inside(by: &impl Assert, host: &HostMounts<'_>) -> Check {
    let seen = host.at("bundle/rootfs/inside")?;
    by.that(
        "the container's mount stays inside",
        seen.is_none(),
        seen.is_some(),
    )
}

fn takes_for(other: &'static str) -> Saboteur {
    alters("/linux/rootfsPropagation", other)
}

/// Shared, but not with the host, whose own mounts stay as they are.
fn shared() -> Case {
    const SHARED: &str = "config-linux.rootfs-propagation.shared";
    const APART: &str = "config-linux.rootfs-propagation.shared-not-with-host";
    const HOST: &str = "config-linux.rootfs-propagation.host-unaffected";
    case("shared", [SHARED, APART, HOST])
        .bundle(|b| {
            may_mount(b)
                .set("/linux/rootfsPropagation", "shared")
                .dir("rootfs/inside", 0o755)
        })
        .run(|t| {
            let host = host(t)?;
            let before = host.table()?;
            let agent = t.agent()?;
            let fields = agent.mount("/")?.propagation;
            let group = fields.iter().find(|field| field.starts_with("shared:"));
            t.that("the root is shared", group.is_some(), &fields)?;
            let table = host.table()?;
            let of_group = |line: &&String| {
                let mut fields = line.split(' ').skip(6);
                fields.any(|field| Some(field) == group.map(String::as_str))
            };
            let theirs: Vec<_> = table.iter().filter(of_group).collect();
            t.on(APART).eq(
                "the host's mounts of its group",
                theirs,
                Vec::<String>::new(),
            )?;
            agent.get(|p| p.ask(&["mount", "tmpfs", "/inside", "tmpfs", "0"]))?;
            stays_inside(&t.on(APART), &host)?;
            t.on(HOST).eq("the host's mounts", host.table()?, before)
        })
        .saboteurs([
            takes_for("private").on(SHARED),
            on_host("make a mount on the host", |dir| {
                mount(
                    Some("tmpfs"),
                    &dir.join("bundle/rootfs/inside"),
                    Some("tmpfs"),
                    MsFlags::empty(),
                    None::<&str>,
                )
            })
            .on(APART),
            on_host("make the host's root private", |_| {
                mount(
                    None::<&str>,
                    "/",
                    None::<&str>,
                    MsFlags::MS_PRIVATE,
                    None::<&str>,
                )
            })
            .on(HOST),
        ])
}

/// A runtime that changes the host's mounts; the path is the trial's directory.
fn on_host(
    text: &'static str,
    change: impl Fn(&std::path::Path) -> nix::Result<()> + Send + Sync + 'static,
) -> Saboteur {
    wraps(text, move |call, next| {
        let outcome = next(call)?;
        if let ("create", Some(bundle)) = (call.operation(), call.bundle()) {
            let dir = bundle.parent().unwrap_or(bundle);
            change(dir).map_err(|error| Stop::broken("change the host's mounts", error))?;
        }
        Ok(outcome)
    })
}

/// What the host mounts below the root shows inside, and not the other way round.
fn slave() -> Case {
    case("slave", ["config-linux.rootfs-propagation.slave"])
        .bundle(|b| {
            may_mount(b)
                .set("/linux/rootfsPropagation", "slave")
                .dir("rootfs/later", 0o755)
        })
        .run(|t| {
            let host = host(t)?;
            let agent = t.agent()?;
            let fields = agent.mount("/")?.propagation;
            let receives = fields.iter().any(|field| field.starts_with("master:"));
            t.that("the root receives mounts", receives, &fields)?;
            host.tmpfs("bundle/rootfs/later", MsFlags::empty())?;
            t.must(agent.mount("/later"))?;
            mount_inside(&agent, "/inside")?;
            stays_inside(t, &host)
        })
        .saboteurs([takes_for("private")])
}

/// No mount comes in, and none goes out.
fn private() -> Case {
    case("private", ["config-linux.rootfs-propagation.private"])
        .run(|t| {
            let host = host(t)?;
            let agent = t.agent()?;
            t.eq(
                "propagation of /",
                agent.mount("/")?.propagation,
                Vec::<String>::new(),
            )?;
            host.tmpfs("bundle/rootfs/later", MsFlags::empty())?;
            let seen = agent.get(|p| p.stat("/later"))?;
            t.that("no mount arrives", !seen.mount_root, seen)?;
            mount_inside(&agent, "/inside")?;
            stays_inside(t, &host)
        })
        .saboteurs([takes_for("slave"), takes_for("shared")])
}

fn unbindable() -> Case {
    case("unbindable", ["config-linux.rootfs-propagation.unbindable"])
        .run(|t| {
            host(t)?;
            let agent = t.agent()?;
            t.has(
                "propagation of /",
                agent.mount("/")?.propagation,
                "unbindable",
            )?;
            agent.get(|p| p.mkdir("/copy"))?;
            // MS_BIND of linux/mount.h.
            let bound = agent.attempt(|p| p.ask(&["mount", "/", "/copy", "none", "4096"]))?;
            t.eq("binding the root", bound, "EINVAL")
        })
        .saboteurs([takes_for("private")])
}
