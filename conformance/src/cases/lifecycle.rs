//! runtime.md#lifecycle and #operations: what create, start, kill and delete do to a container.

use crate::case::Case;
use crate::sabotage::{How, lies};
use crate::trial::Assert;

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "lifecycle/start/runs_the_program",
            "runtime.operations.start.runs-program",
        )
        .run(|t| {
            t.create()?;
            t.start()?;
            t.must(t.started()).map(|_| ())
        })
        .saboteurs([lies("start", How::Skip)]),
    ]
}
