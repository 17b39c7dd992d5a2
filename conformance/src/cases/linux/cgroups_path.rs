//! config-linux.md#cgroups-path: where the container's processes are.

use std::fs;

use crate::cases::prelude::*;

const PLACE: &str = "config-linux.cgroups-path.absolute-relative-to-mount";
const CREATED: &str = "config-linux.cgroups-path.created-if-missing";
const FORMS: &str = "config-linux.cgroups-path.abs-or-rel";

pub(super) fn cases() -> Vec<Case> {
    vec![
        absolute(),
        relative(),
        consistent(),
        existing(),
        all_processes(),
        outside(),
    ]
}

/// The controllers by which the container's place is judged.
const NEEDED: [Need; 2] = [Need::Cgroup("pids"), Need::CgroupPaths];

fn absolute() -> Case {
    Case::new("linux/cgroups_path/absolute", [PLACE, CREATED, FORMS])
        .needs(NEEDED)
        .bundle(|b| b.set("/linux/cgroupsPath", "/{id}/two/three/four"))
        .run(|t| {
            t.on(FORMS).must(t.create())?;
            let expected = format!("/{}/two/three/four", t.id());
            let (_, path) = t.cgroup("pids")?;
            // A runtime may make one more below it for the processes.
            let below = format!("{expected}/");
            let good = path == expected || path.starts_with(&below);
            t.on([PLACE, CREATED])
                .judge("the cgroup of init", good, path.into(), expected.into())
        })
        .saboteurs([
            edits("take another place", |config| {
                let path = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
                config["linux"]["cgroupsPath"] = path.replace("/two", "/2").into();
            })
            .on(PLACE),
            edits("make the upper levels only", |config| {
                let path = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
                config["linux"]["cgroupsPath"] = path.replace("/four", "").into();
            })
            .on(CREATED),
            lies("create", How::Refuse).on(FORMS),
        ])
}

fn relative() -> Case {
    Case::new("linux/cgroups_path/relative", FORMS)
        .needs(NEEDED)
        .bundle(|b| b.set("/linux/cgroupsPath", "{id}/two"))
        .run(|t| {
            t.must(t.create())?;
            let (_, path) = t.cgroup("pids")?;
            t.has("the cgroup of init", path, format!("{}/two", t.id()))
        })
        .saboteurs([
            lies("create", How::Refuse),
            edits("take the parent", |config| {
                let path = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
                config["linux"]["cgroupsPath"] = path.replace("/two", "").into();
            }),
        ])
}

fn consistent() -> Case {
    Case::new(
        "linux/cgroups_path/consistent",
        "config-linux.cgroups-path.consistent",
    )
    .needs(NEEDED)
    .bundle(|b| b.set("/linux/cgroupsPath", "{id}/always"))
    .run(|t| {
        let mut places = Vec::new();
        for dir in ["/", "/tmp"] {
            t.accepted(&t.try_create_by(t.create_call().cwd(dir))?)?;
            places.push(t.cgroup("pids")?.1);
            t.stop()?;
            t.delete()?;
        }
        t.eq("the second place", &places[1], &places[0])
    })
    .saboteurs([wraps("take another place in /tmp", |call, next| {
        let elsewhere = call.cwd.as_deref().is_some_and(|dir| dir.ends_with("tmp"));
        let moved = edits("", |config| {
            let path = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
            config["linux"]["cgroupsPath"] = format!("{path}-2").into();
        });
        if elsewhere {
            moved.interpose(call, next)
        } else {
            next(call)
        }
    })])
}

fn existing() -> Case {
    const JOINED: &str = "config-linux.cgroups-path.existing-joined";
    const NO_UPDATE: &str = "config-linux.cgroups-path.no-resources-no-update";
    Case::new("linux/cgroups_path/existing", [JOINED, NO_UPDATE])
        .needs(NEEDED)
        .bundle(|b| b.remove("/linux/resources"))
        .run(|t| {
            let dir = t.make_cgroup("pids", t.id())?;
            t.write(&dir.join("pids.max"), "77")?;
            t.must(t.create())?;
            let (mount, path) = t.cgroup("pids")?;
            let place = mount.join(path.trim_start_matches('/'));
            t.that("init is in it", place.starts_with(&dir), path)?;
            let limit = t.read(dir.join("pids.max"))?;
            t.on(NO_UPDATE).eq("pids.max", limit.trim(), "77")
        })
        .saboteurs([
            edits("take another place", |config| {
                let path = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
                config["linux"]["cgroupsPath"] = format!("{path}-2").into();
            })
            .on(JOINED),
            alters("/linux/resources/pids/limit", 78).on(NO_UPDATE),
        ])
}

fn all_processes() -> Case {
    Case::new(
        "linux/cgroups_path/all_processes",
        "config-linux.cgroups-path.all-processes-inside",
    )
    .needs(NEEDED)
    .run(|t| {
        t.create()?;
        let (mount, path) = t.cgroup("pids")?;
        let procs = mount
            .join(path.trim_start_matches('/'))
            .join("cgroup.procs");
        let inside = |pid: i32| -> Check<bool> {
            Ok(t.read(&procs)?.lines().any(|line| line == pid.to_string()))
        };
        t.has("the cgroup of init", &path, t.id())?;
        t.that(
            "cgroup.procs names the created init",
            inside(t.pid()?)?,
            t.pid()?,
        )?;
        t.start()?;
        let agent = t.started()?;
        agent.get(|p| p.spawn(&["/probe", "sleep", "600000"]))?;
        let count = t.read(&procs)?.lines().count();
        t.eq("processes with a child of the program", count, 2)
    })
    .saboteurs([wraps("move init away behind `create`", |call, next| {
        let outcome = next(call)?;
        let pid = call
            .flag("--pid-file")
            .and_then(|file| fs::read_to_string(file).ok());
        if let ("create", Some(pid)) = (call.operation(), pid) {
            leave(pid.trim());
        }
        Ok(outcome)
    })])
}

/// Moves a process into the runner's own cgroup of the pids controller.
fn leave(pid: &str) {
    if let Some((mount, path)) = crate::observe::cgroup_of("self", "pids") {
        let procs = mount
            .join(path.trim_start_matches('/'))
            .join("cgroup.procs");
        // A saboteur that does not get its way survives, and is then seen.
        let _ = fs::write(procs, pid);
    }
}

/// What leads out of the hierarchy is refused, or stays in it.
fn outside() -> Case {
    Case::new(
        "linux/cgroups_path/outside",
        "config-linux.cgroups-path.reject-errors",
    )
    .needs(NEEDED)
    .bundle(|b| b.set("/linux/cgroupsPath", "/../../{id}"))
    .run(|t| {
        if t.try_create()?.refused() {
            return t.nothing_left();
        }
        let (mount, path) = t.cgroup("pids")?;
        let inside = mount.join(path.trim_start_matches('/'));
        t.that(
            "init is in a cgroup of its own",
            path.contains(t.id()),
            &path,
        )?;
        t.that(
            "its cgroup is below the mount",
            inside.is_dir(),
            inside.display().to_string(),
        )
    })
    .saboteurs([edits(
        "take a place without the container's name",
        |config| {
            let path = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
            let name = path.trim_start_matches("/../../").replace('-', "/n");
            config["linux"]["cgroupsPath"] = format!("/{name}").into();
        },
    )])
}
