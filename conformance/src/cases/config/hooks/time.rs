//! When a hook runs: in which operation, in which order, and that the operation waits for it.

use super::kind::{KINDS, Kind};
use crate::cases::prelude::*;

const ORDER: &str = "config.hooks.listed-order";
const SEQUENCE: &str = "config.hooks.sequential";
const ONCE: &str = "config.hooks.poststop.once";

pub(super) fn cases() -> Vec<Case> {
    let kinds = KINDS.iter();
    kinds
        .flat_map(|kind| [timed(kind), ordered(kind)])
        .collect()
}

/// In its operation, not before it, and done when it returns.
fn timed(kind: &'static Kind) -> Case {
    let invoked = kind.lifecycle("invoked");
    let waited = match kind.operation {
        "create" => Some(kind.requirement("during-create")),
        "start" if kind.inside => None,
        operation => Some(kind.requirement(&format!("before-{operation}-returns"))),
    };
    let not_before = match kind.name {
        "startContainer" => Some(invoked.clone()),
        "poststart" => Some(kind.requirement("not-during-create")),
        "poststop" => Some(kind.requirement("not-before-delete")),
        _ => None,
    };
    let once = (kind.name == "poststop").then(|| ONCE.to_owned());
    let mut covers = vec![invoked.clone()];
    for other in [&waited, &not_before, &once].into_iter().flatten() {
        if !covers.contains(other) {
            covers.push(other.clone());
        }
    }
    let mut saboteurs = vec![drops(format!("/hooks/{}", kind.name)).on(invoked.clone())];
    saboteurs.extend(waited.clone().map(|waited| {
        edits("do not wait for the hook's end", |config| {
            for hooks in config["hooks"].as_object_mut().into_iter().flatten() {
                if let Some(args) = hooks.1[0]["args"].as_array_mut() {
                    args.truncate(3);
                }
            }
        })
        .on(waited)
    }));
    saboteurs.extend(
        not_before
            .clone()
            .map(|not_before| kind.taken_for("createRuntime").on(not_before)),
    );
    saboteurs.extend(once.clone().map(|once| {
        edits("run each hook twice", |config| {
            let hook = config["hooks"]["poststop"][0].clone();
            config["hooks"]["poststop"] = json!([hook.clone(), hook]);
        })
        .on(once)
    }));
    Case::new(kind.fact("run_in_their_operation"), covers)
        .bundle(|b| {
            let done = kind.shared("done");
            b.records_and(kind.name, "it", &["sleep", "20", "touch", &done])
        })
        .saboteurs(saboteurs)
        .run(move |t| {
            kind.approach(t)?;
            if let Some(not_before) = &not_before {
                t.on(not_before.clone()).eq(
                    "hooks that ran before",
                    t.hooks_run()?,
                    Vec::<String>::new(),
                )?;
            }
            let outcome = kind.operate(t)?;
            kind.settle(t)?;
            t.on(invoked.clone())
                .has("hooks that ran", t.hooks_run()?, "it")?;
            if !outcome.ok() {
                return Trial::spoilt("the runtime accepts the call", true, outcome.describe());
            }
            if let Some(waited) = &waited {
                let done = t.rootfs("/done");
                t.on(waited.clone()).that(
                    "the hook was done when the operation returned",
                    done.exists(),
                    outcome.describe(),
                )?;
            }
            if let Some(once) = &once {
                t.try_delete()?;
                t.on(once.clone())
                    .eq("hooks that ran in all", t.hooks_run()?, ["it"])?;
            }
            Ok(())
        })
}

/// Those of a kind in the listed order, each after the end of the one before.
fn ordered(kind: &'static Kind) -> Case {
    Case::new(kind.fact("run_in_the_listed_order"), [ORDER, SEQUENCE])
        .bundle(|b| {
            let (first, second) = (kind.shared("first"), kind.shared("second"));
            b.records_and(kind.name, "1", &["sleep", "20", "touch", &first])
                .records_and(kind.name, "2", &["need", &first, "touch", &second])
                .records(kind.name, "3")
        })
        .run(|t| {
            kind.approach(t)?;
            kind.operate(t)?;
            kind.settle(t)?;
            let mut ran = t.hooks_run()?;
            // A hook that is stopped by the one before it did not run out of order.
            let second = t.rootfs("/second").exists();
            if !second {
                ran.truncate(2);
            }
            let listed = ["1", "2", "3"];
            t.eq("hooks that ran", &ran, &listed[..ran.len().clamp(2, 3)])?;
            t.on(SEQUENCE)
                .that("the first hook was done when the second began", second, ran)
        })
        .saboteurs([
            edits("run the hooks from the last to the first", |config| {
                if let Some(hooks) = config["hooks"][kind.name].as_array_mut() {
                    hooks.reverse();
                }
            })
            .on(ORDER),
            edits("begin the second hook before the first is done", |config| {
                if let Some(args) = config["hooks"][kind.name][0]["args"].as_array_mut() {
                    args.truncate(3);
                }
            })
            .on(SEQUENCE),
        ])
}
