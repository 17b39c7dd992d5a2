//! Entries of hooks: which are refused, and what is taken as it comes.

use super::kind::{KINDS, Kind};
use crate::cases::prelude::*;

/// A bad member of an entry: the case's name, the requirement, the member and its value; none where
/// it is missing.
type Bad = (
    &'static str,
    &'static str,
    &'static str,
    fn() -> Option<Value>,
);

const BAD: &[Bad] = &[
    ("without_path", "path-required", "/path", || None),
    ("relative_path", "path-absolute", "/path", || {
        Some(json!("true"))
    }),
    ("timeout_of_zero", "timeout-positive", "/timeout", || {
        Some(json!(0))
    }),
    ("negative_timeout", "timeout-positive", "/timeout", || {
        Some(json!(-1))
    }),
];

pub(super) fn cases() -> Vec<Case> {
    let bad = KINDS
        .iter()
        .flat_map(|kind| BAD.iter().map(|row| bad_entry(kind, row)));
    bad.chain([subsets(), unread_stdin(), unknown_kind()])
        .collect()
}

fn bad_entry(kind: &'static Kind, &(name, requirement, member, value): &'static Bad) -> Case {
    Case::new(
        kind.fact(&format!("refused_{name}")),
        kind.requirement(requirement),
    )
    .bundle(move |b| {
        // Not done before a runtime that takes a timeout of zero at its word can abort it.
        let b = b.records_and(kind.name, "it", &["sleep", "200"]);
        match value() {
            Some(value) => b.set(&kind.pointer(member), value),
            None => b.remove(&kind.pointer(member)),
        }
    })
    .run(Assert::refused)
    .saboteurs([drops(format!("/hooks/{}", kind.name))])
}

fn subsets() -> Case {
    Case::new("config/hooks/any_subset_is_taken", "config.hooks.optional")
        .bundle(|b| {
            b.set("/hooks/prestart", json!([]))
                .set("/hooks/poststop", json!([]))
                .records("createContainer", "it")
        })
        .run(|t| {
            t.must(t.create())?;
            t.must(t.start())?;
            t.eq("hooks that ran", t.hooks_run()?, ["it"])
        })
        .saboteurs([lies("create", How::Refuse), drops("/hooks/createContainer")])
}

/// No hook reads its standard input, which holds more than a pipe takes.
fn unread_stdin() -> Case {
    Case::new(
        "config/hooks/need_not_read_the_state",
        "config.hooks.stdin-unread-tolerated",
    )
    .bundle(|b| {
        let b = b.set("/annotations", json!({"long.key": "x".repeat(200_000)}));
        let hook = |b: plimsoll_fixtures::bundle::Bundle, kind: &Kind| {
            let probe = if kind.name == "startContainer" {
                "/probe"
            } else {
                "{probe}"
            };
            b.hook(kind.name, &[probe, "true"])
        };
        KINDS.iter().fold(b, hook)
    })
    .run(|t| {
        t.must(t.create())?;
        t.must(t.start())?;
        t.hang_up();
        t.wait()?;
        t.must(t.delete())
    })
    .saboteurs([
        lies("create", How::Refuse),
        lies("start", How::Refuse),
        lies("delete", How::Refuse),
    ])
}

fn unknown_kind() -> Case {
    Case::new(
        "config/hooks/of_an_unknown_kind_do_not_run",
        "config.hooks.unknown-kind-ignored",
    )
    .bundle(|b| b.records("preboot", "it"))
    .run(|t| {
        t.must(t.create())?;
        t.must(t.start())?;
        t.eq("hooks that ran", t.hooks_run()?, Vec::<String>::new())
    })
    .saboteurs([
        lies("create", How::Refuse),
        edits("take the unknown kind for createRuntime", |config| {
            let hooks = config["hooks"]["preboot"].take();
            config["hooks"] = json!({ "createRuntime": hooks });
        }),
    ])
}
