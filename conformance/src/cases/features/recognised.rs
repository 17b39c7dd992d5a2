//! Hooks, mount options, namespaces and capabilities: what is listed is recognised, and what is
//! not listed is no part of it.

use plimsoll_fixtures::probe::CAPABILITIES;

use super::{says, strings};
use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        hooks(),
        mount_options(),
        namespaces(),
        other_namespaces(),
        capabilities(),
    ]
}

fn hooks() -> Case {
    const SUPPORTED: &str = "features.hooks.supported";
    const COMPLETE: &str = "features.hooks.complete";
    Case::new("features/recognised/hooks", [SUPPORTED, COMPLETE])
        .bundle(|b| HOOKS.iter().fold(b, |b, kind| b.records(kind, kind)))
        .run(|t| {
            let mut listed = strings(t, "/hooks")?;
            t.run_to_exit()?;
            t.delete()?;
            let mut ran = t.hooks_run()?;
            listed.sort_unstable();
            ran.sort_unstable();
            let idle: Vec<_> = listed.iter().filter(|kind| !ran.contains(kind)).collect();
            t.eq("kinds that are listed and did not run", idle, json!([]))?;
            let unlisted: Vec<_> = ran.iter().filter(|kind| !listed.contains(kind)).collect();
            t.on(COMPLETE)
                .eq("kinds that ran and are not listed", unlisted, json!([]))
        })
        .saboteurs([
            drops("/hooks/startContainer").on(SUPPORTED),
            says("/hooks/-", "plimsoll").on(SUPPORTED),
            lies("features", How::omit("/hooks/0")).on(COMPLETE),
        ])
}

/// What cannot stand alone on a tmpfs: they need a source, an earlier mount or mappings.
const NOT_ALONE: &[&str] = &["bind", "rbind", "remount", "idmap", "ridmap"];

fn mount_options() -> Case {
    Case::new(
        "features/recognised/mount_options",
        "features.mount-options.recognised",
    )
    .run(|t| {
        let listed = strings(t, "/mountOptions")?;
        let mut config = t.config()?;
        let alone = listed
            .iter()
            .filter(|name| !NOT_ALONE.contains(&name.as_str()));
        let mounts = alone.map(|option| {
            json!({"destination": format!("/m/{option}"), "type": "tmpfs", "source": "tmpfs",
                   "options": [option]})
        });
        if let Some(list) = config["mounts"].as_array_mut() {
            list.extend(mounts);
        }
        t.set_config(&config)?;
        t.must(t.create())
    })
    .saboteurs([says("/mountOptions/-", "plimsoll")])
}

/// A config whose container has new namespaces of these kinds.
fn with_namespaces(config: &mut Value, kinds: &[String]) {
    let mapping = json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
    let list: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
    config["linux"]["namespaces"] = list.into();
    if kinds.iter().any(|kind| kind == "user") {
        config["linux"]["uidMappings"] = mapping.clone();
        config["linux"]["gidMappings"] = mapping;
    }
}

fn namespaces() -> Case {
    Case::new(
        "features/recognised/namespaces",
        "features-linux.namespaces.recognised",
    )
    .needs([Need::Root, Need::Namespace("user"), Need::Namespace("time")])
    .run(|t| {
        let mut config = t.config()?;
        with_namespaces(&mut config, &strings(t, "/linux/namespaces")?);
        t.set_config(&config)?;
        t.must(t.create())
    })
    .saboteurs([says("/linux/namespaces/-", "plimsoll")])
}

/// The types of config-linux.md#namespaces.
const KINDS: [&str; 8] = [
    "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time",
];

fn other_namespaces() -> Case {
    Case::new(
        "features/recognised/other_namespaces",
        "features-linux.namespaces.unlisted-errors",
    )
    .needs([Need::Namespace("user"), Need::Namespace("time")])
    .run(|t| {
        let listed = strings(t, "/linux/namespaces")?;
        let other = KINDS
            .into_iter()
            .filter(|kind| !listed.iter().any(|name| name == kind));
        let honest = t.config()?;
        for kind in other.chain(["plimsoll"]) {
            let mut config = honest.clone();
            // Beside those that the mounts of an ordinary user's container need.
            if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                list.push(json!({ "type": kind }));
            }
            t.set_config(&config)?;
            t.errors(&t.try_create()?)?;
        }
        Ok(())
    })
    .saboteurs([
        lies("features", How::Reword("\"time\"", "\"none\"")),
        edits("ignore the last namespace", |config| {
            if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                list.pop();
            }
        }),
    ])
}

fn capabilities() -> Case {
    Case::new(
        "features/recognised/capabilities",
        "features-linux.capabilities.recognised",
    )
    .run(|t| {
        let listed = strings(t, "/linux/capabilities")?;
        let facts = crate::observe::facts();
        let last = t.read("/proc/sys/kernel/cap_last_cap")?;
        let last: usize = last.trim().parse().unwrap_or_default();
        // Who makes a user namespace holds there all that the kernel has.
        let held = |name: &String| {
            let number = CAPABILITIES.iter().position(|known| known == name);
            facts.has_capability(name)
                || facts.is_ordinary_user() && number.is_some_and(|number| number <= last)
        };
        let names: Vec<&String> = listed.iter().filter(|name| held(name)).collect();
        t.set_config_at("/process/capabilities/bounding", json!(names))?;
        let inside = t.must(t.agent())?.report.capabilities.bounding.names();
        let missing: Vec<_> = names.iter().filter(|name| !inside.contains(name)).collect();
        t.eq(
            "capabilities that are listed and not given",
            missing,
            json!([]),
        )
    })
    .saboteurs([drops("/process/capabilities/bounding/3")])
}
