//! config.md#annotations.

use crate::cases::prelude::*;

/// The keys of the image specification that the text names, with values valid there.
const IMAGE: [(&str, &str); 8] = [
    ("os", "linux"),
    ("os.version", "6.1"),
    ("os.features", "plimsoll"),
    ("architecture", "amd64"),
    ("variant", "v8"),
    ("author", "Plimsoll <plimsoll@example.org>"),
    ("created", "2024-01-02T03:04:05Z"),
    ("stopSignal", "SIGTERM"),
];

pub(super) fn cases() -> Vec<Case> {
    let image: serde_json::Map<String, Value> = IMAGE
        .iter()
        .map(|(key, value)| (format!("org.opencontainers.image.{key}"), json!(value)))
        .collect();
    vec![
        returned(
            "structured_text",
            "config.annotations.structured-or-not",
            json!({"org.example.structured": "{\"list\": [1, \"two\"]}"}),
        ),
        returned(
            "image_keys",
            "config.annotations.image-keys-allowed",
            Value::Object(image),
        ),
        returned(
            "empty_value",
            "config.annotations.values-may-be-empty",
            json!({"org.example.empty": ""}),
        ),
        accepted(
            "empty_map_is_accepted",
            "config.annotations.absent-or-empty",
            json!({}),
        ),
        accepted(
            "unknown_key_is_ignored",
            "config.annotations.unknown-keys-ignored",
            json!({"org.6f1d7c2e-plimsoll": ""}),
        ),
        refused(
            "list_is_refused",
            "key-value-map",
            json!(["org.example.key"]),
        ),
        refused("empty_key_is_refused", "keys-not-empty", json!({"": "x"})),
        refused(
            "number_is_refused",
            "values-strings",
            json!({"org.example.number": 1}),
        ),
        Case::new(
            "config/annotations/stop_signal_is_what_kill_sends",
            "config.annotations.image.stopsignal-kill",
        )
        .bundle(|b| {
            b.set(
                "/annotations",
                json!({"org.opencontainers.image.stopSignal": "SIGUSR1"}),
            )
        })
        .run(|t| {
            let agent = t.agent()?;
            let [usr1, term] = [nix::libc::SIGUSR1, nix::libc::SIGTERM];
            agent.get(|p| p.trap(&[usr1, term]))?;
            t.succeeds(&t.runtime(["kill", t.id()])?)?;
            t.eq("the signal that arrives", agent.signal()?, usr1)
        })
        .saboteurs([wraps(
            "kill: send SIGTERM where no signal is named",
            |call, next| {
                if call.operation() == "kill" && call.args.len() == 2 {
                    let args = call.args.iter().cloned().chain(["TERM".to_owned()]);
                    return next(&call.with_args(args));
                }
                next(call)
            },
        )]),
    ]
}

/// What `state` shows of annotations is what config.json says.
fn returned(fact: &str, requirement: &'static str, annotations: Value) -> Case {
    let given = annotations.clone();
    Case::new(format!("config/annotations/{fact}_is_kept"), requirement)
        .bundle(move |b| b.set("/annotations", given.clone()))
        .run(move |t| {
            t.must(t.create())?;
            let state = t.state()?.raw;
            // A runtime may add some of its own.
            let seen: serde_json::Map<String, Value> = annotations
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| (key.clone(), state["annotations"][key].clone()))
                .collect();
            t.eq("annotations in the state", seen, &annotations)
        })
        .saboteurs([
            lies("state", How::omit("/annotations")),
            drops("/annotations"),
        ])
}

fn accepted(fact: &str, requirement: &'static str, annotations: Value) -> Case {
    Case::new(format!("config/annotations/{fact}"), requirement)
        .bundle(move |b| b.set("/annotations", annotations.clone()))
        .run(|t| t.must(t.agent()).map(|_| ()))
        .saboteurs([lies("create", How::Refuse)])
}

fn refused(fact: &str, requirement: &str, annotations: Value) -> Case {
    bad(
        format!("config/annotations/{fact}"),
        format!("config.annotations.{requirement}"),
        "/annotations",
        annotations,
    )
}
