//! config-linux.md#sysctl.

use std::fs;

use crate::cases::prelude::*;

/// Keys of the network and of the IPC namespace, with values that no kernel starts with, and others.
const APPLIED: [(&str, &str, &str, &str); 4] = [
    ("ip_forward", "net.ipv4.ip_forward", "1", "0"),
    ("somaxconn", "net.core.somaxconn", "257", "258"),
    ("msgmax", "kernel.msgmax", "4099", "4100"),
    ("mqueue_msg_max", "fs.mqueue.msg_max", "7", "8"),
];

/// Keys that are the host's unless the container has this namespace; none has the last.
const HOST: [(&str, &str, &str); 3] = [
    ("net_without_network", "net.core.somaxconn", "network"),
    ("shmmni_without_ipc", "kernel.shmmni", "ipc"),
    ("swappiness", "vm.swappiness", "none"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = APPLIED
        .map(|(fact, key, value, other)| applied(fact, key, value, other))
        .into();
    cases.extend(HOST.map(|(fact, key, namespace)| refused(fact, key, namespace)));
    cases.push(several());
    cases.push(fake_proc());
    cases.push(bad(
        "linux/sysctl/unknown_key_is_refused",
        "config-linux.sysctl.unknown-errors",
        "/linux/sysctl",
        json!({"net.ipv4.plimsoll_has_no_such_key": "1"}),
    ));
    cases
}

fn file(key: &str) -> String {
    format!("/proc/sys/{}", key.replace('.', "/"))
}

fn applied(fact: &str, key: &'static str, value: &'static str, other: &'static str) -> Case {
    Case::new(
        format!("linux/sysctl/{fact}"),
        "config-linux.sysctl.applied",
    )
    .needs([Need::Path("/proc/sys/fs/mqueue")])
    // The kernel shows these to nobody else (net/core/sysctl_net_core.c).
    .needs(key.starts_with("net.core.").then_some(Need::Root))
    .bundle(move |b| b.set("/linux/sysctl", json!({ key: value })))
    .run(move |t| {
        let host = t.read(file(key))?;
        let seen = t.agent()?.get(|p| p.read(&file(key)))?;
        t.eq("the value inside", seen.trim_end(), value)?;
        t.eq("the value outside", t.read(file(key))?, host)
    })
    .saboteurs([
        drops("/linux/sysctl"),
        alters(format!("/linux/sysctl/{key}"), other),
    ])
}

fn several() -> Case {
    Case::new("linux/sysctl/several", "config-linux.sysctl.applied")
        // Root for those of net.core, as above.
        .needs([Need::Path("/proc/sys/fs/mqueue"), Need::Root])
        .bundle(|b| {
            let entries = APPLIED.map(|(_, key, value, _)| (key.to_owned(), json!(value)));
            b.set(
                "/linux/sysctl",
                Value::Object(entries.into_iter().collect()),
            )
        })
        .run(|t| {
            let agent = t.agent()?;
            for (_, key, value, _) in APPLIED {
                let seen = agent.get(|p| p.read(&file(key)))?;
                t.eq(key, seen.trim_end(), value)?;
            }
            Ok(())
        })
        .saboteurs(APPLIED.map(|(_, key, ..)| drops(format!("/linux/sysctl/{key}"))))
}

/// A file of the image in the parameter's place takes anything and sets nothing (CVE-2025-52881).
fn fake_proc() -> Case {
    const FILE: &str = "/proc/sys/net/core/somaxconn";
    Case::new(
        "linux/sysctl/whatever_the_image_has_on_proc",
        "config-linux.sysctl.applied",
    )
    .bundle(|b| {
        b.without_mount("/proc")
            .file(&format!("rootfs{FILE}"), 0o644, "decoy")
            .mount("/true", "proc", "proc", &[])
            .set("/linux/sysctl", json!({"net.core.somaxconn": "257"}))
    })
    .run(|t| {
        // A runtime that needs a /proc of the container's may say so.
        if let Some(agent) = t.agent_or_refusal(t.create_call())? {
            let seen = agent.get(|p| p.read(&FILE.replace("/proc", "/true")))?;
            t.eq("the value inside", seen.trim_end(), "257")?;
        }
        t.eq("the image's file", t.read(t.rootfs(FILE))?, "decoy")
    })
    .saboteurs([
        drops("/linux/sysctl"),
        tampers("write to the image's file", |root| {
            fs::write(root.join(FILE.trim_start_matches('/')), "257")
        }),
    ])
}

/// The value is the host's own, so that a wrong runtime changes nothing.
fn refused(fact: &str, key: &'static str, namespace: &'static str) -> Case {
    Case::new(
        format!("linux/sysctl/{fact}_is_refused"),
        "config-linux.sysctl.host-unaffected",
    )
    // An ordinary user can mount no mqueue of an IPC namespace that is not his.
    .needs((namespace == "ipc").then_some(Need::Root))
    .bundle(move |b| {
        let value = fs::read_to_string(file(key)).unwrap_or_default();
        b.without_namespace(namespace)
            .without_mount("/sys")
            .set("/linux/sysctl", json!({ key: value.trim_end() }))
    })
    .run(Assert::refused)
    .saboteurs([drops("/linux/sysctl")])
}
