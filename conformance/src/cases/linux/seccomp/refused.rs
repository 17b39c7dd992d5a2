//! Filters that are invalid.

use super::{RARE, filter};
use crate::cases::prelude::*;

/// A case's name, its requirement after `config-linux.seccomp.`, and the filter.
type Row = (&'static str, &'static str, fn() -> Value);

const INVALID: &[Row] = &[
    (
        "no_default_action",
        "default-action-required",
        || json!({ "syscalls": [] }),
    ),
    ("unknown_action", "invalid-action-errors", || {
        rule("action", "SCMP_ACT_PLIMSOLL")
    }),
    (
        "errno_of_an_action_without",
        "errno-ret-unsupported-action-errors",
        || filter(&json!({"names": [RARE.0], "action": "SCMP_ACT_KILL", "errnoRet": 1})),
    ),
    (
        "default_errno_of_an_action_without",
        "default-errno-ret-unsupported-action-errors",
        || json!({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}),
    ),
    (
        "unknown_flag",
        "invalid-flag-errors",
        || json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_PLIMSOLL"]}),
    ),
    ("no_names", "syscalls.names-nonempty", || {
        rule("names", json!([]))
    }),
    ("no_action", "syscalls.action-required", || {
        filter(&json!({ "names": [RARE.0] }))
    }),
    ("no_index", "args.index", || without("index")),
    ("index_6", "args.index", || condition("index", 6)),
    ("no_value", "args.value", || without("value")),
    ("no_operator", "args.op", || without("op")),
    ("unknown_operator", "args.op", || {
        condition("op", "SCMP_CMP_PLIMSOLL")
    }),
    (
        "metadata_without_path",
        "listener-metadata-needs-path",
        || json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "lost"}),
    ),
];

pub(super) fn cases() -> Vec<Case> {
    INVALID
        .iter()
        .map(|&(name, requirement, invalid)| {
            Case::new(
                format!("linux/seccomp/refused_{name}"),
                format!("config-linux.seccomp.{requirement}"),
            )
            .needs([Need::Seccomp])
            .bundle(move |b| b.set("/linux/seccomp", invalid()))
            .run(|t| t.errors(&t.try_create()?))
            .saboteurs([drops("/linux/seccomp")])
        })
        .collect()
}

/// A filter with one rule, in which a member has another value.
fn rule(member: &str, value: impl Into<Value>) -> Value {
    let mut rule = json!({"names": [RARE.0], "action": "SCMP_ACT_ERRNO"});
    rule[member] = value.into();
    filter(&rule)
}

/// A filter with one condition, in which a member has another value.
fn condition(member: &str, value: impl Into<Value>) -> Value {
    let mut condition = json!({"index": 0, "value": 1, "op": "SCMP_CMP_EQ"});
    condition[member] = value.into();
    rule("args", json!([condition]))
}

/// A filter with one condition that lacks a member.
fn without(member: &str) -> Value {
    let mut condition = json!({"index": 0, "value": 1, "op": "SCMP_CMP_EQ"});
    if let Some(members) = condition.as_object_mut() {
        members.remove(member);
    }
    rule("args", json!([condition]))
}
