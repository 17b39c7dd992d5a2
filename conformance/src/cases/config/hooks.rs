//! config.md#posix-platform-hooks.

use crate::cases::prelude::*;

/// The kinds that `create` runs, in their order.
const CREATE: [&str; 3] = ["prestart", "createRuntime", "createContainer"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "config/hooks/kinds_of_create_in_order",
            [
                "config.hooks.prestart.before-create-runtime",
                "config.hooks.create-container.after-create-runtime",
            ],
        )
        .bundle(|b| CREATE.iter().fold(b, |b, kind| b.records(kind, kind)))
        .run(|t| {
            t.create()?;
            t.on_all().eq("hooks that ran", t.hooks_run()?, CREATE)
        })
        .saboteurs([
            swapped("prestart", "createRuntime").on("config.hooks.prestart.before-create-runtime"),
            swapped("createRuntime", "createContainer")
                .on("config.hooks.create-container.after-create-runtime"),
        ]),
        Case::new("config/hooks/listed_order", "config.hooks.listed-order")
            .bundle(|b| {
                ["1", "2", "3"]
                    .iter()
                    .fold(b, |b, tag| b.records("createRuntime", tag))
            })
            .run(|t| {
                t.create()?;
                t.eq("hooks that ran", t.hooks_run()?, ["1", "2", "3"])
            })
            .saboteurs([edits("swap createRuntime hooks 0 and 2", |config| {
                if let Some(hooks) = config["hooks"]["createRuntime"].as_array_mut() {
                    hooks.swap(0, 2);
                }
            })]),
        Case::new(
            "config/hooks/poststart_not_during_create",
            "config.hooks.poststart.not-during-create",
        )
        .bundle(|b| b.records("poststart", "poststart"))
        .run(|t| {
            t.create()?;
            t.eq(
                "hooks that ran by the end of create",
                t.hooks_run()?,
                Vec::<String>::new(),
            )
        })
        .saboteurs([edits(
            "run poststart hooks as createRuntime ones",
            |config| {
                let hooks = config["hooks"]["poststart"].take();
                config["hooks"] = json!({ "createRuntime": hooks });
            },
        )]),
        Case::new(
            "config/hooks/create_runtime_gets_the_state",
            [
                "config.hooks.state-on-stdin",
                "config.hooks.state-on-stdin.status-create-runtime",
            ],
        )
        .bundle(|b| b.records("createRuntime", "it"))
        .run(|t| {
            t.create()?;
            let state = t.hook_run("it")?.state();
            t.eq("the id that the hook was given", &state["id"], t.id())?;
            t.on("config.hooks.state-on-stdin.status-create-runtime")
                .eq("status", &state["status"], "creating")
        })
        .saboteurs([
            hears_otherwise("createRuntime", "\"id\"", "\"name\"")
                .on("config.hooks.state-on-stdin"),
            hears_otherwise("createRuntime", "creating", "created")
                .on("config.hooks.state-on-stdin.status-create-runtime"),
        ]),
        Case::new(
            "config/hooks/failing_create_runtime_refuses",
            "runtime.lifecycle.04-create-runtime-failure-errors",
        )
        .bundle(|b| b.records_and("createRuntime", "fails", &["exit", "3"]))
        .run(Assert::refused)
        .saboteurs([drops("/hooks/createRuntime"), lies("create", How::Exit(0))]),
    ]
}

/// A runtime that takes the hooks of two kinds for each other. The tags stay with the hooks.
fn swapped(one: &'static str, other: &'static str) -> Saboteur {
    edits(
        format!("run {one} hooks as {other} ones and the other way round"),
        move |config| {
            let hooks = &mut config["hooks"];
            let held = hooks[one].take();
            hooks[one] = hooks[other].take();
            hooks[other] = held;
        },
    )
}

/// A runtime that gives hooks of a kind another state: between it and the recording hook stands a
/// filter.
fn hears_otherwise(kind: &'static str, from: &'static str, to: &'static str) -> Saboteur {
    const FILTER: &str = r#"from=$1 to=$2; shift 2; sed "s/$from/$to/" | "$@""#;
    edits(
        format!("give {kind} hooks {to} for {from}"),
        move |config| {
            for hook in config["hooks"][kind].as_array_mut().into_iter().flatten() {
                let mut args = vec![
                    json!("sh"),
                    json!("-c"),
                    json!(FILTER),
                    json!("sh"),
                    json!(from),
                    json!(to),
                ];
                args.extend(hook["args"].as_array().into_iter().flatten().cloned());
                *hook = json!({ "path": "/bin/sh", "args": args, "env": ["PATH=/bin:/usr/bin"] });
            }
        },
    )
}
