//! features-linux.md#seccomp.

use super::{member, says, strings};
use crate::cases::prelude::*;

/// A list of names, and where one of them goes in a filter.
struct List {
    /// The case's name, and the requirement's after `features-linux.seccomp.`.
    name: &'static str,
    /// The list's name in the document.
    member: &'static str,
    /// A filter with one of the names.
    filter: fn(&str) -> Value,
}

const LISTS: &[List] = &[
    List {
        name: "actions",
        member: "actions",
        filter: |name| {
            json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "{dir}/seccomp",
                   "syscalls": [{"names": ["times"], "action": name}]})
        },
    },
    List {
        name: "operators",
        member: "operators",
        filter: |name| {
            let condition = json!({"index": 0, "value": 1, "valueTwo": 1, "op": name});
            json!({"defaultAction": "SCMP_ACT_ALLOW",
                   "syscalls": [{"names": ["times"], "action": "SCMP_ACT_ERRNO", "args": [condition]}]})
        },
    },
    List {
        name: "archs",
        member: "archs",
        filter: |name| {
            json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": [name],
                   "syscalls": [{"names": ["times"], "action": "SCMP_ACT_ERRNO"}]})
        },
    },
    List {
        name: "known-flags",
        member: "knownFlags",
        filter: flag,
    },
    List {
        name: "supported-flags",
        member: "supportedFlags",
        filter: flag,
    },
];

/// WAIT_KILLABLE_RECV goes with a listener only.
fn flag(name: &str) -> Value {
    json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": [name], "listenerPath": "{dir}/seccomp",
           "syscalls": [{"names": ["times"], "action": "SCMP_ACT_NOTIFY"}]})
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = LISTS.iter().map(recognised).collect();
    cases.extend([subset(), enabled()]);
    cases
}

fn recognised(list: &'static List) -> Case {
    Case::new(
        format!("features/seccomp/{}", list.name.replace('-', "_")),
        format!("features-linux.seccomp.{}", list.name),
    )
    .needs([Need::Seccomp, Need::SeccompAction("user_notif")])
    .run(|t| {
        let _agent = t.seccomp_agent()?;
        let names = strings(t, &format!("/linux/seccomp/{}", list.member))?;
        for name in names.iter().filter(|name| !other_order(name)) {
            let mut config = t.config()?;
            let text = (list.filter)(name).to_string();
            let dir = t.dir().display().to_string();
            config["linux"]["seccomp"] =
                serde_json::from_str(&text.replace("{dir}", &dir)).unwrap_or_default();
            t.set_config(&config)?;
            t.must(t.create())?;
            t.stop()?;
            t.delete()?;
        }
        Ok(())
    })
    .saboteurs([says(
        match list.member {
            "actions" => "/linux/seccomp/actions/0",
            "operators" => "/linux/seccomp/operators/0",
            "archs" => "/linux/seccomp/archs/0",
            "knownFlags" => "/linux/seccomp/knownFlags/0",
            _ => "/linux/seccomp/supportedFlags/0",
        },
        "SCMP_PLIMSOLL",
    )])
}

/// A machine of the other byte order, for which a filter with the native one cannot be made.
fn other_order(name: &str) -> bool {
    const BIG: [&str; 11] = [
        "MIPS",
        "MIPS64",
        "MIPS64N32",
        "PPC",
        "PPC64",
        "S390",
        "S390X",
        "PARISC",
        "PARISC64",
        "M68K",
        "SHEB",
    ];
    let machine = name.strip_prefix("SCMP_ARCH_").unwrap_or_default();
    !machine.is_empty() && BIG.contains(&machine) == cfg!(target_endian = "little")
}

fn subset() -> Case {
    Case::new(
        "features/seccomp/supported_flags_are_known",
        "features-linux.seccomp.supported-subset-of-known",
    )
    .run(|t| {
        let known = strings(t, "/linux/seccomp/knownFlags")?;
        let supported = strings(t, "/linux/seccomp/supportedFlags")?;
        let more: Vec<_> = supported
            .iter()
            .filter(|flag| !known.contains(flag))
            .collect();
        t.eq("flags that are supported and not known", more, json!([]))
    })
    .saboteurs([says(
        "/linux/seccomp/supportedFlags/-",
        "SECCOMP_FILTER_FLAG_PLIMSOLL",
    )])
}

fn enabled() -> Case {
    Case::new("features/seccomp/enabled", "features-linux.seccomp.enabled")
        .needs([Need::Seccomp])
        .bundle(|b| {
            let rule = json!({"names": ["times"], "action": "SCMP_ACT_ERRNO"});
            let filter = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]});
            b.set("/linux/seccomp", filter)
        })
        .run(|t| {
            if member(t, "/linux/seccomp/enabled")? == false {
                return t.errors(&t.try_create()?);
            }
            let call = t
                .must(t.agent())?
                .attempt(|p| p.syscall(nix::libc::SYS_times, &[0]))?;
            t.eq("the call that is refused", call, "EPERM")
        })
        .saboteurs([
            says("/linux/seccomp/enabled", false),
            drops("/linux/seccomp"),
        ])
}
