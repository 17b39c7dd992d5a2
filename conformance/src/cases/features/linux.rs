//! features-linux.md: control groups, memory policies, id-mapped mounts, network devices.

use super::{member, says, strings};
use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        cgroup("v1", "/linux/cgroup/v1", Need::CgroupV1("pids")),
        cgroup("v2", "/linux/cgroup/v2", Need::CgroupV2("pids")),
        systemd(),
        policy("modes"),
        policy("flags"),
        idmap(),
    ]
}

fn cgroup(version: &'static str, pointer: &'static str, need: Need) -> Case {
    Case::new(
        format!("features/linux/cgroup_{version}"),
        format!("features-linux.cgroup.{version}"),
    )
    .needs([need])
    .bundle(|b| b.set("/linux/resources/pids/limit", 37))
    .run(move |t| {
        if member(t, pointer)? == false {
            return t.errors(&t.try_create()?);
        }
        t.must(t.create())?;
        let seen = match version {
            "v1" => t.own_v1("pids", "pids.max")?,
            _ => t.own_v2("pids.max")?,
        };
        t.has("pids.max", seen, "37")
    })
    .saboteurs([says(pointer, false), drops("/linux/resources/pids")])
}

/// With `--systemd-cgroup`, cgroupsPath is slice, prefix and name.
fn systemd() -> Case {
    Case::new(
        "features/linux/cgroup_systemd",
        "features-linux.cgroup.systemd",
    )
    .needs([Need::Root, Need::Systemd, Need::Cgroup("pids")])
    .bundle(|b| {
        b.set("/linux/resources/pids/limit", 37)
            .set("/linux/cgroupsPath", "system.slice:plimsoll:{id}")
    })
    .run(|t| {
        let works = member(t, "/linux/cgroup/systemd")? == true;
        let outcome = t.try_create_by(t.systemd_call())?;
        if !works {
            return t.errors(&outcome);
        }
        t.succeeds(&outcome)?;
        let (_, path) = t.cgroup("pids")?;
        t.has(
            "the cgroup of init",
            path,
            format!("plimsoll-{}.scope", t.id()),
        )
    })
    .saboteurs([
        says("/linux/cgroup/systemd", false),
        lies("create", How::Refuse),
    ])
}

fn policy(list: &'static str) -> Case {
    Case::new(
        format!("features/linux/memory_policy_{list}"),
        format!("features-linux.memory-policy.{list}"),
    )
    .needs([Need::Numa])
    .run(move |t| {
        let pointer = format!("/linux/memoryPolicy/{list}");
        for name in strings(t, &pointer)? {
            let mut config = t.config()?;
            config["linux"]["memoryPolicy"] = match (list, name.as_str()) {
                ("flags", _) => json!({"mode": "MPOL_BIND", "nodes": "0", "flags": [name]}),
                (_, "MPOL_DEFAULT" | "MPOL_LOCAL") => json!({ "mode": name }),
                _ => json!({"mode": name, "nodes": "0"}),
            };
            t.set_config(&config)?;
            t.must(t.create())?;
            t.stop()?;
            t.delete()?;
        }
        Ok(())
    })
    .saboteurs([match list {
        "modes" => says("/linux/memoryPolicy/modes/0", "MPOL_PLIMSOLL"),
        _ => says("/linux/memoryPolicy/flags/0", "MPOL_F_PLIMSOLL"),
    }])
}

fn idmap() -> Case {
    const ENABLED: &str = "features-linux.mount-extensions.idmap.enabled";
    const PARTIAL: &str = "features-linux.mount-extensions.idmap.partial-still-true";
    Case::new("features/linux/idmap", [ENABLED, PARTIAL])
        .needs([Need::Root, Need::IdMappedMounts])
        .bundle(|b| {
            let mapping = json!([{"containerID": 0, "hostID": 7000, "size": 1}]);
            b.dir("source", 0o755).push(
                "/mounts",
                json!({"destination": "/mnt", "type": "none", "source": "{bundle}/source",
                       "options": ["bind", "idmap"], "uidMappings": mapping, "gidMappings": mapping}),
            )
        })
        .run(|t| {
            let enabled = member(t, "/linux/mountExtensions/idmap/enabled")? == true;
            let outcome = t.try_create()?;
            if outcome.refused() {
                // What is enabled may still refuse a mapping that the kernel or it cannot do.
                return t.on_all().errors(&outcome);
            }
            t.start()?;
            let agent = t.started()?;
            let mapped = agent.mount("/mnt")?.options.iter().any(|one| one == "idmapped");
            t.on(PARTIAL)
                .that("what is honoured is said to be enabled", !mapped || enabled, enabled)?;
            t.that("the mappings are used", mapped, mapped)
        })
        .saboteurs([
            edits("ignore the mappings", |config| {
                if let Some(mount) = config["mounts"][5].as_object_mut() {
                    mount.retain(|name, _| !name.ends_with("Mappings"));
                    mount["options"] = json!(["bind"]);
                }
            })
            .on(ENABLED),
            says("/linux/mountExtensions/idmap/enabled", false).on(PARTIAL),
        ])
}
