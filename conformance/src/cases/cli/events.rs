//! `events`, which the specification does not have.

use std::io::BufRead;

use crate::cases::prelude::*;
use crate::trial::{Output, Step};
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![out_of_memory()]
}

fn out_of_memory() -> Case {
    Case::new("cli/events/out_of_memory", "events.out-of-memory")
        .needs([Need::Cgroup("memory")])
        .bundle(|b| {
            let limit = json!({"limit": 32 << 20, "swap": 32 << 20});
            b.set("/linux/resources/memory", limit)
        })
        .run(|t| {
            let agent = t.agent()?;
            let call = t.command(["events", "--interval", "1s", t.id()]);
            let told = t.while_printing(call, |printed| {
                // With its first figures it has long begun to watch.
                if !prints(printed, "stats") {
                    return Err(Stop::Skip("the runtime prints no events".into()));
                }
                // A child that uses twice the limit is killed.
                agent.attempt(|p| p.ask(&["child", "mem", "67108864"]))?;
                let told = prints(printed, "oom");
                if told {
                    t.steps.push(Step::Printed("\"oom\"".into()));
                }
                Ok(told)
            })?;
            t.that("`events` prints one of type oom", told, told)
        })
        .saboteurs([
            drops("/linux/resources/memory"),
            wraps("print figures once, and no events", |call, next| {
                let once = |word: &String| match word.as_str() {
                    "--interval" => "--stats".to_owned(),
                    word => word.to_owned(),
                };
                match call.operation() {
                    "events" => {
                        let words = call.args.iter().filter(|word| *word != "1s");
                        next(&call.with_args(words.map(once)))
                    }
                    _ => next(call),
                }
            }),
        ])
}

/// Whether there comes a line of this type, before the end and the deadline.
fn prints(printed: &mut Output, kind: &str) -> bool {
    printed.lines().map_while(Result::ok).any(|line| {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        event["type"] == kind
    })
}
