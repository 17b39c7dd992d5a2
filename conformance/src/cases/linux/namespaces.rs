//! config-linux.md#namespaces: new, joined, inherited.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &kind in NAMESPACES {
        cases.push(new(kind));
        // The container's mounts would be made in the joined or inherited mount namespace.
        if kind.config != "mount" {
            cases.push(joined(kind));
            cases.push(inherited(kind));
        }
    }
    cases
}

/// The identity of the namespace that the program is in.
fn seen(t: &Trial, kind: NamespaceKind) -> Check<String> {
    let inside = t
        .agent()?
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
        format!("config-linux.namespaces.new-{name}"),
    )
    .needs([Need::Namespace(kind.proc)])
    .bundle(move |b| b.namespace(name, None))
    .run(move |t| {
        t.ne(
            "the namespace inside",
            seen(t, kind)?,
            t.runtime_namespace(kind)?,
        )
    });
    case.saboteurs([without(kind)])
}

fn joined(kind: NamespaceKind) -> Case {
    let name = kind.config;
    Case::new(
        format!("linux/namespaces/joined_{name}"),
        format!("config-linux.namespaces.path-{name}"),
    )
    .needs([Need::Namespace(kind.proc)])
    .bundle(move |b| b.namespace(name, Some("{dir}/to-join")))
    .run(move |t| {
        let held = t.new_namespace(kind)?;
        t.set_config_at(&format!("/linux/namespaces/{}/path", last(t)?), held.path)?;
        t.eq("the namespace inside", seen(t, kind)?, held.identity)
    })
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
    .bundle(move |b| b.without_namespace(name))
    .run(move |t| {
        t.eq(
            "the namespace inside",
            seen(t, kind)?,
            t.runtime_namespace(kind)?,
        )
    })
    .saboteurs([edits(
        format!("make a new {name} namespace"),
        move |config| {
            if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                list.push(json!({ "type": name }));
            }
        },
    )])
}

fn without(kind: NamespaceKind) -> Saboteur {
    let name = kind.config;
    edits(format!("make no new {name} namespace"), move |config| {
        if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
            list.retain(|entry| entry["type"] != name);
        }
        if name == "mount" {
            // Made without, mounts would be the host's; so there must be none.
            config["mounts"] = json!([]);
        }
    })
}
