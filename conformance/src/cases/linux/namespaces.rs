//! config-linux.md#namespaces: new, joined, inherited.

use plimsoll_fixtures::bundle::Bundle;

use crate::cases::prelude::*;
use crate::drive::Call;
use crate::observe::{MOUNT, NewNamespace, facts};
use crate::trial::Agent;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &kind in NAMESPACES.iter().chain(&[USER, TIME]) {
        cases.push(new(kind));
        cases.push(joined(kind));
        cases.push(match kind.config {
            "mount" => inherited_mount(),
            _ => inherited(kind),
        });
    }
    cases.push(nothing_new());
    cases
}

/// What a container in a user namespace needs: the ids as they are, so that its root file system
/// stays its own. An ordinary user's container has its mapping already.
fn same_ids(config: &mut Value) {
    if config["linux"]["uidMappings"].is_array() {
        return;
    }
    let map = json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
}

/// That a type is supported at all: a runtime that refuses it fails in no more than a SHOULD.
fn supported(kind: NamespaceKind) -> String {
    format!("config-linux.namespaces.type-{}-supported", kind.config)
}

/// The identity of the namespace that the program is in, where the type is supported.
fn seen_if_supported(t: &Trial, kind: NamespaceKind) -> Check<String> {
    t.on(supported(kind)).must(t.create())?;
    t.start()?;
    identity(t, &t.started()?, kind)
}

/// The identity of the namespace that the program is in.
fn identity(t: &Trial, agent: &Agent<'_>, kind: NamespaceKind) -> Check<String> {
    let inside = agent
        .report
        .namespaces
        .get(kind.proc)
        .and_then(|seen| seen.value().cloned());
    // From outside, where the container has no /proc.
    match inside.or_else(|| t.namespace_of(t.pid().ok()?, kind.proc)) {
        Some(identity) => Ok(identity),
        None => Trial::spoilt("the namespace of the program", "an identity", Value::Null),
    }
}

fn new(kind: NamespaceKind) -> Case {
    let name = kind.config;
    let case = Case::new(
        format!("linux/namespaces/new_{name}"),
        [
            format!("config-linux.namespaces.new-{name}"),
            supported(kind),
        ],
    )
    .needs([Need::Namespace(kind.proc)])
    // An ordinary user maps but his own ids.
    .needs((kind == USER).then_some(Need::Root))
    .bundle(move |b| match kind {
        USER => b.changed(same_ids).namespace(name, None),
        _ => b.namespace(name, None),
    })
    .run(move |t| {
        let seen = t.must(seen_if_supported(t, kind))?;
        t.ne("the namespace inside", seen, t.runtime_namespace(kind)?)
    });
    // Without his own, an ordinary user can mount nothing, no proc, no sysfs.
    let root = ["mount", "pid", "network"]
        .contains(&name)
        .then_some(Need::Root);
    case.saboteurs([
        without(kind).needs(root),
        lies("create", How::Refuse).on(supported(kind)),
    ])
}

fn joined(kind: NamespaceKind) -> Case {
    let name = kind.config;
    Case::new(
        format!("linux/namespaces/joined_{name}"),
        [
            format!("config-linux.namespaces.path-{name}"),
            supported(kind),
        ],
    )
    .needs([Need::Namespace(kind.proc)])
    .bundle(move |b| b.namespace(name, Some("{dir}/to-join")))
    .run(move |t| {
        let held = t.new_namespace(kind)?;
        t.set_config_at(&format!("/linux/namespaces/{}/path", last(t)?), held.path)?;
        t.eq(
            "the namespace inside",
            seen_if_supported(t, kind)?,
            held.identity,
        )
    })
    .saboteurs([lies("create", How::Refuse).on(supported(kind))])
    .saboteurs([edits(
        format!("make a new {name} namespace instead"),
        move |config| {
            for entry in config["linux"]["namespaces"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                if entry["type"] == name {
                    *entry = json!({ "type": name });
                }
            }
            if kind == USER {
                same_ids(config);
            }
        },
    )])
}

/// The index of the last namespace, which is the case's own.
fn last(t: &Trial) -> Check<usize> {
    Ok(t.config()?["linux"]["namespaces"]
        .as_array()
        .map_or(0, |list| list.len() - 1))
}

fn inherited(kind: NamespaceKind) -> Case {
    let name = kind.config;
    Case::new(
        format!("linux/namespaces/inherited_{name}"),
        format!("config-linux.namespaces.inherit-{name}"),
    )
    .needs([Need::Namespace(kind.proc)])
    // The usual proc and sysfs may be mounted only by who owns those namespaces; and an ordinary user
    // makes no namespace at all without one of users.
    .needs(matches!(name, "pid" | "network" | "user").then_some(Need::Root))
    .bundle(move |b| b.without_namespace(name))
    .run(move |t| {
        t.eq(
            "the namespace inside",
            identity(t, &t.agent()?, kind)?,
            t.runtime_namespace(kind)?,
        )
    })
    .saboteurs([edits(
        format!("make a new {name} namespace"),
        move |config| {
            if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                list.push(json!({ "type": name }));
            }
            if kind == USER {
                same_ids(config);
            }
        },
    )])
}

/// The runtime is called in a mount namespace of the case's, so that what is mounted stays there.
fn inherited_mount() -> Case {
    Case::new(
        "linux/namespaces/inherited_mount",
        "config-linux.namespaces.inherit-mount",
    )
    .needs([Need::Program("nsenter")])
    .bundle(|b| no_mounts(b).without_namespace("mount"))
    .run(|t| {
        let (held, call) = in_a_mount_namespace(t)?;
        t.must(t.agent_by(call))?;
        let seen = t.namespace_of(t.pid()?, MOUNT.proc);
        t.eq("the namespace of the program", seen, held.identity)
    })
    .saboteurs([alters("/linux/namespaces/-", json!({"type": "mount"}))])
}

/// No mounts, which would be made in the namespace that the runtime is in.
pub(super) fn no_mounts(b: Bundle) -> Bundle {
    ["proc", "dev"]
        .iter()
        .fold(b, |b, dir| b.dir(&format!("rootfs/{dir}"), 0o755))
        .set("/mounts", json!([]))
}

/// A new mount namespace, and a `create` in it: there the root already has a /proc, which some
/// runtimes need themselves.
pub(super) fn in_a_mount_namespace(t: &Trial) -> Check<(NewNamespace, Call)> {
    let held = t.new_namespace(MOUNT)?;
    let enter = format!("--mount={}", held.path);
    let script = format!(
        "mount -t proc proc {} && exec \"$@\"",
        t.rootfs("/proc").display()
    );
    let through = ["nsenter", &enter, "/bin/sh", "-c", &script, "sh"];
    let call = t.create_call().through(through);
    Ok((held, call))
}

/// An empty list: everything is inherited.
fn nothing_new() -> Case {
    Case::new(
        "linux/namespaces/empty_list_inherits_all",
        "config-linux.namespaces.empty-list",
    )
    .needs([Need::Program("nsenter")])
    .bundle(|b| no_mounts(b).set("/linux/namespaces", json!([])))
    .run(|t| {
        let (held, call) = in_a_mount_namespace(t)?;
        t.must(t.agent_by(call))?;
        let kinds = NAMESPACES.iter().chain(&[USER, TIME]);
        for &kind in kinds.filter(|kind| Need::Namespace(kind.proc).met(facts()).is_ok()) {
            let wanted = match kind.config {
                "mount" => held.identity.clone(),
                _ => t.runtime_namespace(kind)?,
            };
            let seen = t.namespace_of(t.pid()?, kind.proc);
            t.eq(&format!("the {} namespace", kind.config), seen, wanted)?;
        }
        Ok(())
    })
    .saboteurs([
        alters("/linux/namespaces", json!([{"type": "uts"}])),
        alters("/linux/namespaces", json!([{"type": "mount"}])),
    ])
}

fn without(kind: NamespaceKind) -> Saboteur {
    let name = kind.config;
    edits(format!("make no new {name} namespace"), move |config| {
        if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
            list.retain(|entry| entry["type"] != name);
        }
        if kind == USER {
            config["linux"]["uidMappings"].take();
            config["linux"]["gidMappings"].take();
        }
        if name == "mount" {
            // Made without, mounts would be the host's; so there must be none.
            config["mounts"] = json!([]);
        }
    })
}
