//! runtime.md#delete.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "runtime/delete/undoes_create",
            [
                "runtime.operations.delete.removes-created-resources",
                "runtime.operations.delete.stopped-succeeds",
            ],
        )
        .run(|t| {
            t.run_to_exit()?;
            let outcome = t.try_delete()?;
            t.on("runtime.operations.delete.stopped-succeeds")
                .succeeds(&outcome)?;
            t.nothing_left()
        })
        .saboteurs([
            lies("delete", How::Skip).on("runtime.operations.delete.removes-created-resources"),
            lies("delete", How::Refuse).on("runtime.operations.delete.stopped-succeeds"),
        ]),
        Case::new(
            "runtime/delete/running_refused",
            [
                "runtime.operations.delete.running-errors",
                "runtime.operations.delete.running-no-effect",
            ],
        )
        .run(|t| {
            t.agent()?;
            t.errors(&t.try_delete()?)?;
            t.on("runtime.operations.delete.running-no-effect").that(
                "the container's process lives on",
                t.init_lives()?,
                t.try_state()?.describe(),
            )
        })
        .saboteurs([
            lies("delete", How::Exit(0)).on("runtime.operations.delete.running-errors"),
            lies("delete", How::Then(&["delete", "--force", "{id}"]))
                .on("runtime.operations.delete.running-no-effect"),
        ]),
        Case::new(
            "runtime/delete/id_is_free_again",
            "runtime.operations.delete.id-reusable",
        )
        .run(|t| {
            t.run_to_exit()?;
            t.delete()?;
            t.succeeds(&t.try_create()?)
        })
        .saboteurs([lies("delete", How::Skip)]),
    ]
}
