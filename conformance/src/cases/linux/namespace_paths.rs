//! config-linux.md#namespaces: paths that must be followed, and entries that must be refused.

use crate::cases::prelude::*;
use crate::observe::NETWORK;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![on_the_host()];
    cases.extend(refused());
    cases.extend(NAMESPACES.iter().chain(&[USER, TIME]).map(wrong_type));
    cases
}

/// The path exists on the host only.
fn on_the_host() -> Case {
    Case::new(
        "linux/namespaces/path_is_the_runtimes",
        "config-linux.namespaces.path-in-runtime-mount-ns",
    )
    .bundle(|b| b.namespace("network", Some("{dir}/held")))
    .run(|t| {
        let held = t.new_namespace(NETWORK)?;
        t.make_link(&held.path, &t.dir().join("held"))?;
        let report = t.must(t.agent())?.report.clone();
        let seen = report.namespaces.get("net").and_then(|seen| seen.value());
        t.eq("the namespace inside", seen, held.identity)
    })
    .saboteurs([
        edits("make a new network namespace", |config| {
            repair(config, "network");
        }),
        edits("join the runtime's own network namespace", |config| {
            let list = config["linux"]["namespaces"].as_array_mut();
            for entry in list.into_iter().flatten() {
                if entry["type"] == "network" {
                    entry["path"] = json!("/proc/self/ns/net");
                }
            }
        }),
    ])
}

/// What a runtime does that does not look: each wrong entry is a new namespace, or none.
fn repair(config: &mut Value, kind: &str) {
    if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
        list.retain(|entry| entry["type"] != kind);
        list.push(json!({ "type": kind }));
        if kind == "user" {
            let map = json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
            config["linux"]["uidMappings"] = map.clone();
            config["linux"]["gidMappings"] = map;
        }
    }
}

fn refused() -> Vec<Case> {
    let twice = "duplicate-errors";
    [
        ("type_is_required", "type-required", json!([{}])),
        (
            "unknown_type_is_refused",
            "type-unknown-errors",
            json!([{"type": "foo"}]),
        ),
        (
            "relative_path_is_refused",
            "path-absolute",
            json!([{"type": "network", "path": "self/ns/net"}]),
        ),
        (
            "missing_path_is_refused",
            "path-missing-errors",
            json!([{"type": "network", "path": "{dir}/nothing"}]),
        ),
        (
            "two_new_are_refused",
            twice,
            json!([{"type": "network"}, {"type": "network"}]),
        ),
        (
            "new_and_joined_are_refused",
            twice,
            json!([{"type": "network"}, {"type": "network", "path": "/proc/self/ns/net"}]),
        ),
        (
            "joined_twice_is_refused",
            twice,
            json!([
                {"type": "network", "path": "/proc/self/ns/net"},
                {"type": "network", "path": "/proc/self/ns/net"},
            ]),
        ),
    ]
    .into_iter()
    .map(|(fact, requirement, entries)| {
        Case::new(
            format!("linux/namespaces/{fact}"),
            format!("config-linux.namespaces.{requirement}"),
        )
        .bundle(move |b| {
            let b = b.without_namespace("network");
            let entries = entries.as_array().into_iter().flatten();
            entries.fold(b, |b, entry| b.push("/linux/namespaces", entry.clone()))
        })
        .run(|t| {
            // The relative path leads somewhere from the caller's directory.
            let outcome = t.try_create_by(t.create_call().cwd("/proc"))?;
            t.errors(&outcome)?;
            t.nothing_left()
        })
        .saboteurs([edits("make a new network namespace instead", |config| {
            if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                list.retain(|entry| entry["type"].is_string() && entry["type"] != "foo");
            }
            repair(config, "network");
        })])
    })
    .collect()
}

/// The path of a namespace of another type.
fn wrong_type(kind: &NamespaceKind) -> Case {
    let name = kind.config;
    let other = if kind.proc == "uts" { "ipc" } else { "uts" };
    Case::new(
        format!("linux/namespaces/path_of_another_type_for_{name}"),
        "config-linux.namespaces.path-wrong-type-errors",
    )
    .needs([Need::Namespace(kind.proc)])
    .bundle(move |b| b.namespace(name, Some(&format!("/proc/self/ns/{other}"))))
    .run(Assert::refused)
    .saboteurs([edits("make a new namespace instead", move |config| {
        repair(config, name);
    })
    .needs((kind.proc == "user").then_some(Need::Root))])
}
