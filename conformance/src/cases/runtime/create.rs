//! runtime.md#create: what it makes, what it refuses, what it leaves alone.

use crate::cases::prelude::*;

const DUPLICATE: &str = "runtime.operations.create.duplicate-id-errors";
const NO_NEW: &str = "runtime.operations.create.duplicate-id-no-new-container";
const UNIQUE: &str = "runtime.state.id-unique-on-host";

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
        .saboteurs([starts_early()]),
        Case::new(
            "runtime/create/duplicate_id_refused",
            [DUPLICATE, NO_NEW, UNIQUE],
        )
        .run(|t| {
            t.create()?;
            let before = t.state()?.raw;
            let create = ["create", "--bundle", &t.bundle_arg(), t.id()];
            let while_created = t.runtime(create)?;
            let same = |what: &str| {
                t.on(NO_NEW).that(
                    "the first container's process lives on",
                    t.init_lives()?,
                    what,
                )?;
                t.on([NO_NEW, UNIQUE]).eq(what, t.state()?.raw, &before)
            };
            same("the state of the first container")?;
            t.on(NO_NEW).must(t.start())?;
            t.started()?;
            let while_running = t.runtime(create)?;
            let status = t.state()?.status;
            t.on(NO_NEW)
                .eq("the status of the first container", status, "running")?;
            t.stop()?;
            let while_stopped = t.runtime(create)?;
            for outcome in [while_created, while_running, while_stopped] {
                t.on([DUPLICATE, UNIQUE]).errors(&outcome)?;
            }
            Ok(())
        })
        .saboteurs([
            lies("create", How::Exit(0)).on([DUPLICATE, UNIQUE]),
            lies("create", How::After(&["delete", "--force", "{id}"])).on(NO_NEW),
        ]),
        Case::new(
            "runtime/create/missing_config_refused",
            [
                "bundle.config-json-missing-errors",
                "runtime.operations.create.missing-bundle-errors",
            ],
        )
        .run(|t| {
            t.remove(&t.bundle().join("config.json"))?;
            t.on_all().refused()
        })
        .saboteurs([lies("create", How::Skip).on([
            "bundle.config-json-missing-errors",
            "runtime.operations.create.missing-bundle-errors",
        ])]),
    ]
}
