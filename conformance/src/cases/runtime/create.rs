//! runtime.md#create: what it makes, what it refuses, what it leaves alone.

use std::time::Duration;

use crate::cases::prelude::*;

/// A mount that no kernel can make.
const IMPOSSIBLE: [&str; 4] = ["/mnt", "plimsollfs", "none", ""];

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "runtime/create/program_not_run",
            "runtime.lifecycle.02-program-not-run",
        )
        .run(|t| {
            t.create()?;
            let created = t.now();
            // Refused where the program already ran.
            t.try_start()?;
            let began = t.started()?.report.stamp.boottime_ns;
            t.that(
                "the program began after `create` returned",
                began > created,
                began,
            )
        })
        .saboteurs([lies("create", How::Then(&["start", "{id}"]))
            .and(lies("create", How::Linger(Duration::from_millis(100))))]),
        Case::new(
            "runtime/create/duplicate_id_refused",
            [
                "runtime.operations.create.duplicate-id-errors",
                "runtime.operations.create.duplicate-id-no-new-container",
            ],
        )
        .run(|t| {
            t.create()?;
            let again = t.runtime(["create", "--bundle", &t.bundle_arg(), t.id()])?;
            t.on("runtime.operations.create.duplicate-id-no-new-container")
                .that(
                    "the first container's process lives on",
                    t.init_lives()?,
                    t.state()?.raw,
                )?;
            t.errors(&again)
        })
        .saboteurs([
            lies("create", How::Exit(0)).on("runtime.operations.create.duplicate-id-errors"),
            lies("create", How::After(&["delete", "--force", "{id}"]))
                .on("runtime.operations.create.duplicate-id-no-new-container"),
        ]),
        Case::new(
            "runtime/create/later_config_edits_have_no_effect",
            [
                "runtime.operations.create.later-config-edits-no-effect",
                "runtime.lifecycle.02-config-updates-ignored",
            ],
        )
        .bundle(|b| b.hostname("early"))
        .run(|t| {
            t.create()?;
            let mut config = t.config()?;
            config["hostname"] = json!("late");
            t.set_config(&config)?;
            t.start()?;
            let nodename = t.started()?.report.uname.nodename;
            t.on_all().eq("nodename", nodename, "early")
        })
        .saboteurs([alters("/hostname", "late").on([
            "runtime.operations.create.later-config-edits-no-effect",
            "runtime.lifecycle.02-config-updates-ignored",
        ])]),
        Case::new(
            "runtime/create/missing_config_refused",
            "bundle.config-json-missing-errors",
        )
        .run(|t| {
            t.remove(&t.bundle().join("config.json"))?;
            t.refused()
        })
        .saboteurs([lies("create", How::Skip)]),
        Case::new(
            "runtime/create/refusal_leaves_nothing",
            "runtime.errors.leave-environment-unchanged",
        )
        .bundle(|b| {
            let [destination, kind, source, option] = IMPOSSIBLE;
            b.mount(destination, kind, source, &[option])
        })
        .run(|t| {
            let outcome = t.try_create()?;
            if !outcome.refused() {
                return Trial::spoilt("`create` errors", "an error", outcome.describe());
            }
            t.nothing_left()
        })
        // Made after all, though the exit status says that it was not.
        .saboteurs([drops("/mounts/5").and(lies("create", How::Exit(1)))]),
    ]
}
