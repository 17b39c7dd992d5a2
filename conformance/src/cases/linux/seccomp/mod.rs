//! config-linux.md#seccomp.

mod actions;
mod arguments;
mod filter;
mod listener;
mod process_state;
mod refused;

use nix::libc::{SYS_getpriority, SYS_sched_get_priority_max, SYS_times};

use crate::cases::prelude::*;
use crate::verdict::Stop;

/// A system call without need for arguments, that no runtime makes between loading the filter and
/// executing the program.
const RARE: (&str, i64) = ("times", SYS_times);
/// Another one.
const OTHER: (&str, i64) = ("getpriority", SYS_getpriority);
/// A third, whose first argument may be any number.
const WITH_ARGUMENT: (&str, i64) = ("sched_get_priority_max", SYS_sched_get_priority_max);

pub(super) fn cases() -> Vec<Case> {
    [
        actions::cases(),
        arguments::cases(),
        filter::cases(),
        listener::cases(),
        process_state::cases(),
        refused::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A filter that allows everything but what one rule says.
fn filter(rule: &Value) -> Value {
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] })
}

/// A filter that refuses what its first rule does not name: of the calls that an ordinary program
/// makes, those that are to be kept.
fn allow_list(keep: impl Fn(&str) -> bool) -> Value {
    let engine: Value =
        serde_json::from_str(plimsoll_fixtures::seccomp::ENGINE).unwrap_or_default();
    let conditional = ["clone", "personality", "socket"].map(Value::from);
    let names: Vec<&Value> = engine["syscalls"][0]["names"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(&conditional)
        .filter(|name| name.as_str().is_some_and(&keep))
        .collect();
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
    })
}

/// Creates and starts the container, unless the runtime knows a value of its filter but has no
/// support for it.
fn supported(t: &Trial) -> Check {
    if t.try_create()?.refused() {
        let why = "the runtime refuses the value, which config.md#valid-values lets it";
        return Err(Stop::Skip(why.into()));
    }
    t.start()
}
