//! config-linux.md#the-container-process-state: what the agent is told.

use serde_json::Value;

use super::listener::{notified, relays, send};
use crate::cases::prelude::*;
use crate::trial::Delivery;

const JSON: &str = "config-linux.process-state.json-payload";
const RIGHTS: &str = "config-linux.process-state.fds-by-scm-rights";
const VERSION: &str = "config-linux.process-state.oci-version";
const PID: &str = "config-linux.process-state.pid";
const STATE: &str = "config-linux.process-state.state";
const FDS: &str = "config-linux.process-state.fds";
const METADATA: &str = "config-linux.process-state.metadata";
const SEVERAL: &str = "config-linux.process-state.several-sendmsg";
const FIRST: &str = "config-linux.process-state.fds-first-call-only";

pub(super) fn cases() -> Vec<Case> {
    vec![document(), without_metadata(), large()]
}

fn document() -> Case {
    notified(
        "process_state_is_sent",
        [JSON, RIGHTS, VERSION, PID, STATE, FDS],
    )
    .run(|t| {
        let agent = t.seccomp_agent()?;
        t.create()?;
        t.start()?;
        let delivery = agent.take()?;
        let sent = delivery.state();
        t.that("a JSON object came", sent.is_object(), &delivery.text)?;
        let descriptors = delivery.fds.len();
        t.on(RIGHTS)
            .that("descriptors came", descriptors > 0, descriptors)?;
        let version = sent["ociVersion"].as_str().unwrap_or_default();
        let numbers = version.split('.').take(2);
        let semantic = numbers.filter(|part| part.parse::<u32>().is_ok()).count() == 2;
        t.on(VERSION)
            .that("ociVersion is a version", semantic, version)?;
        t.on(PID).eq("pid", &sent["pid"], t.pid()?)?;
        let state = &sent["state"];
        t.on(STATE).eq("the id in state", &state["id"], t.id())?;
        t.on(STATE).one_of(
            "the status in state",
            &state["status"],
            ["creating", "created", "running"],
        )?;
        let names = sent["fds"].as_array().map(Vec::len);
        t.on(FDS)
            .eq("how many descriptors have names", names, descriptors)
    })
    .saboteurs([
        relays("send half of it", |to, delivery| {
            send(to, &delivery.text[..delivery.text.len() / 2], &delivery)
        })
        .on(JSON),
        relays("send no descriptor", |to, mut delivery| {
            delivery.fds.clear();
            send(to, &delivery.text, &delivery)
        })
        .on(RIGHTS),
        without("/ociVersion").on(VERSION),
        without("/pid").on(PID),
        without("/state/id").on(STATE),
        without("/state/status").on(STATE),
        without("/fds/0").on(FDS),
    ])
}

/// A runtime that leaves an entry of the process state out, by its JSON pointer.
fn without(pointer: &'static str) -> Saboteur {
    relays(format!("send no {pointer}"), move |to, delivery| {
        let mut state = delivery.state();
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        match state.pointer_mut(parent) {
            Some(Value::Object(map)) => drop(map.remove(name)),
            Some(Value::Array(list)) => list.clear(),
            _ => {}
        }
        send(to, &state.to_string(), &delivery)
    })
}

fn without_metadata() -> Case {
    notified("process_state_without_metadata", METADATA)
        .bundle(|b| {
            b.set("/linux/seccomp", super::listener::notifying())
                .remove("/linux/seccomp/listenerMetadata")
        })
        .run(|t| {
            let agent = t.seccomp_agent()?;
            t.create()?;
            t.start()?;
            let state = agent.take()?.state();
            t.one_of(
                "metadata",
                state.get("metadata").cloned(),
                [None, Some(json!(""))],
            )
        })
        .saboteurs([alters("/linux/seccomp/listenerMetadata", "some")])
}

/// More than the buffer of a socket holds, so that no single sendmsg(2) takes it.
fn large() -> Case {
    let metadata = "m".repeat(400_000);
    let given = metadata.clone();
    notified("process_state_larger_than_a_socket", [SEVERAL, FIRST])
        .bundle(move |b| {
            b.set("/linux/seccomp", super::listener::notifying())
                .set("/linux/seccomp/listenerMetadata", given.clone())
        })
        .run(move |t| {
            let listener = t.listen(t.dir().join("seccomp"), 1)?;
            t.create()?;
            t.start()?;
            let mut messages = listener.connections()?.into_iter().flatten();
            let Some(first) = messages.next() else {
                return Trial::spoilt("the runtime sends", "a message", Value::Null);
            };
            let rest: Vec<_> = messages.collect();
            let late: usize = rest.iter().map(|message| message.descriptors.len()).sum();
            let ahead = first.descriptors.len();
            t.on(FIRST).eq(
                "whether the first has descriptors, and how many come later",
                (ahead > 0, late),
                (true, 0),
            )?;
            let mut bytes = first.bytes;
            for message in rest {
                bytes.extend(message.bytes);
            }
            let state: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let seen = state["metadata"].as_str().map(str::len);
            t.eq("the length of the metadata", seen, metadata.len())
        })
        .saboteurs([
            relays("send the beginning", |to, delivery| {
                send(to, &delivery.text[..1000], &delivery)
            })
            .on(SEVERAL),
            relays(
                "send the descriptors behind the beginning",
                |to, delivery| {
                    let (head, tail) = delivery.text.split_at(1000);
                    let none = Delivery {
                        text: String::new(),
                        fds: Vec::new(),
                        closed: true,
                    };
                    send(to, head, &none)?;
                    send(to, tail, &delivery)
                },
            )
            .on(FIRST),
        ])
}
