//! config.md#hostname and config.md#domainname.

use plimsoll_fixtures::probe::Uname;

use crate::cases::prelude::*;
use crate::observe::UTS;

/// The two names of a UTS namespace.
struct Part {
    property: &'static str,
    get: fn(&Uname) -> &String,
}

const PARTS: [Part; 2] = [
    Part {
        property: "hostname",
        get: |uname| &uname.nodename,
    },
    Part {
        property: "domainname",
        get: |uname| &uname.domainname,
    },
];

const HAS_UTS: Need = Need::Namespace("uts");

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for part in &PARTS {
        cases.push(seen_inside(part));
        cases.push(where_shared(part));
    }
    cases.extend([joined(&PARTS[0]), absent(&PARTS[0])]);
    cases
}

fn seen_inside(part: &'static Part) -> Case {
    let (name, pointer) = (part.property, format!("/{}", part.property));
    Case::new(
        format!("config/{name}/seen_inside"),
        format!("config.{name}.set"),
    )
    .bundle(move |b| b.set(&format!("/{name}"), "conf.example"))
    .run(move |t| t.eq(name, (part.get)(&t.agent()?.report.uname), "conf.example"))
    .saboteurs([drops(pointer.clone()), alters(pointer, "other")])
}

/// The runtime is in a UTS namespace of the case's, so that a wrong one harms nobody.
fn where_shared(part: &'static Part) -> Case {
    let name = part.property;
    Case::new(
        format!("config/{name}/set_or_refused_where_shared"),
        format!("config.{name}.runtime-uts-if-shared"),
    )
    .needs([HAS_UTS, Need::Program("nsenter")])
    .bundle(move |b| {
        b.without_namespace("uts")
            .set(&format!("/{name}"), "conf.example")
    })
    .run(move |t| {
        let held = t.new_namespace(UTS)?;
        let enter = format!("--uts={}", held.path);
        let call = t.create_call().through(["nsenter", &enter]);
        let seen = t
            .agent_or_refusal(call)?
            .map(|agent| (part.get)(&agent.report.uname).clone());
        t.one_of(
            "the name inside, if the program runs",
            seen,
            [None, Some("conf.example")],
        )
    })
    .saboteurs([drops(format!("/{name}"))])
}

fn joined(part: &'static Part) -> Case {
    Case::new(
        "config/hostname/joined_or_refused",
        "config.hostname.joined-uts",
    )
    .needs([HAS_UTS])
    .bundle(|b| {
        b.namespace("uts", Some("{dir}/held"))
            .hostname("conf.example")
    })
    .run(|t| {
        let held = t.new_namespace(UTS)?;
        t.make_link(&held.path, &t.dir().join("held"))?;
        let seen = t.agent_or_refusal(t.create_call())?.map(|agent| {
            let namespace = agent.report.namespaces.get("uts").cloned();
            let joined = namespace.and_then(|seen| seen.value().cloned());
            (joined, (part.get)(&agent.report.uname).clone())
        });
        t.one_of(
            "namespace and name, if the program runs",
            seen,
            [None, Some((Some(held.identity), "conf.example".to_owned()))],
        )
    })
    .saboteurs([drops("/hostname")])
}

fn absent(part: &'static Part) -> Case {
    Case::new(
        "config/hostname/absent_is_untouched",
        "config.hostname.absent-untouched",
    )
    .run(|t| {
        let host = t.read("/proc/sys/kernel/hostname")?;
        t.eq(
            "the name inside",
            (part.get)(&t.agent()?.report.uname),
            host.trim_end(),
        )
    })
    .saboteurs([alters("/hostname", "other")])
}
