//! config-linux.md#offset-for-time-namespace.

use plimsoll_fixtures::bundle::Bundle;

use crate::cases::prelude::*;

/// The clocks, with how the probe's report shows each.
const CLOCKS: [&str; 2] = ["monotonic", "boottime"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = CLOCKS
        .iter()
        .map(|clock| shifted(clock, clock, clock, json!({"secs": 1000, "nanosecs": 500})))
        .collect();
    cases.extend([
        shifted(
            "negative",
            "boottime",
            "secs-negative",
            json!({"secs": -10}),
        ),
        shifted(
            "without_secs",
            "boottime",
            "secs-optional",
            json!({"nanosecs": 500}),
        ),
        shifted(
            "without_nanosecs",
            "monotonic",
            "nanosecs-optional",
            json!({"secs": 7}),
        ),
        bad(
            "linux/time_offsets/unknown_clock_is_refused",
            "config-linux.time-offsets.unknown-clock-errors",
            "/linux/timeOffsets",
            json!({"realtime": {"secs": 1}}),
        )
        // Without, even the right configuration is refused.
        .needs([Need::Namespace("time")])
        .bundle(|b| with(b, json!({"realtime": {"secs": 1}}))),
        bad(
            "linux/time_offsets/refused_without_namespace",
            "config-linux.time-offsets.without-timens",
            "/linux/timeOffsets",
            json!({"monotonic": {"secs": 1}}),
        ),
    ]);
    cases
}

fn with(b: Bundle, offsets: Value) -> Bundle {
    b.namespace("time", None).set("/linux/timeOffsets", offsets)
}

fn shifted(fact: &str, clock: &'static str, requirement: &str, offset: Value) -> Case {
    let part = |name: &str| offset[name].as_i64().unwrap_or(0).to_string();
    let part_of = |name: &str| format!("/linux/timeOffsets/{clock}/{name}");
    let others = offset.as_object().into_iter().flatten();
    let others: Vec<Saboteur> = others
        .flat_map(|(name, _)| [drops(part_of(name)), alters(part_of(name), 2000)])
        .collect();
    let wanted = [clock.to_owned(), part("secs"), part("nanosecs")];
    Case::new(
        format!("linux/time_offsets/{fact}"),
        format!("config-linux.time-offsets.{requirement}"),
    )
    .needs([Need::Namespace("time")])
    .bundle(move |b| with(b, json!({ clock: offset })))
    .run(move |t| {
        let report = t.must(t.agent())?.report.clone();
        let lines = report.time_offsets.value().cloned().unwrap_or_default();
        let line = lines.iter().find(|line| line.starts_with(clock));
        let seen: Option<Vec<&str>> = line.map(|line| line.split_whitespace().collect());
        t.eq("the line of /proc/self/timens_offsets", seen, &wanted)
    })
    .saboteurs([drops(format!("/linux/timeOffsets/{clock}"))])
    .saboteurs(others)
}
