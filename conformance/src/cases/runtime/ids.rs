//! runtime.md#create: ids that no container can have.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cases::prelude::*;
use crate::verdict::Stop;

const ERRORS: &str = "runtime.operations.create.invalid-id-errors";
const NOTHING: &str = "runtime.operations.create.invalid-id-no-new-container";

/// The names of the cases, and ids that would leave the directory of the state, or that no file
/// system takes as a name.
const IDS: &[(&str, &str)] = &[
    ("empty", ""),
    ("parent", ".."),
    ("self", "."),
    ("beside_the_root", "../beside"),
    ("two_components", "one/two"),
    ("three_hundred_characters", THREE_HUNDRED),
];

const THREE_HUNDRED: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
);

pub(super) fn cases() -> Vec<Case> {
    IDS.iter().map(refused).collect()
}

fn refused(&(name, id): &'static (&str, &str)) -> Case {
    Case::new(
        format!("runtime/create/id_refused_{name}"),
        [ERRORS, NOTHING],
    )
    .run(move |t| {
        let before = entries(t)?;
        let outcome = t.runtime(["create", "--bundle", &t.bundle_arg(), id])?;
        t.on(NOTHING)
            .eq("what lies in and beside the root", entries(t)?, before)?;
        t.errors(&outcome)
    })
    .saboteurs([
        lies("create", How::Exit(0)).on(ERRORS),
        wraps(
            "create: make a container of another id, and refuse",
            |call, next| {
                let id = "another".to_owned();
                let given = call.args.len().saturating_sub(1);
                let args = call.args[..given].iter().cloned().chain([id]);
                next(&call.with_args(args))?;
                lies("create", How::Refuse).interpose(call, next)
            },
        )
        .on(NOTHING),
    ])
}

/// The directories below the root of the state, and beside it.
fn entries(t: &Trial) -> Check<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for dir in [t.root(), t.dir().to_owned()] {
        found.extend(directories(&dir)?);
    }
    Ok(found)
}

fn directories(dir: &Path) -> Check<Vec<String>> {
    let listed = std::fs::read_dir(dir)
        .map_err(|error| Stop::broken(format!("list {}", dir.display()), error))?;
    Ok(listed
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path().display().to_string())
        .collect())
}
