//! runtime.md#operations: what each operation refuses in which state, and that a refusal changes
//! nothing.

use crate::cases::prelude::*;

/// The states in which a container can be when an operation comes.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Unknown,
    Created,
    Running,
    Stopped,
    Deleted,
}

/// An operation that is wrong in a phase: what it is, when, its case, the requirements that it is
/// an error, and those that it changes nothing.
type Wrong = (
    &'static str,
    Phase,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const START: &str = "runtime.operations.start.not-created-errors";
const START_NOTHING: &[&str] = &[
    "runtime.operations.start.not-created-no-effect",
    "runtime.errors.failed-start-leaves-container",
];
const KILL: &str = "runtime.operations.kill.not-created-or-running-errors";
const KILL_NOTHING: &[&str] = &["runtime.operations.kill.not-created-or-running-no-effect"];
const DELETE: &str = "runtime.operations.delete.nonexistent-errors";
const CREATED: &str = "runtime.operations.delete.created-errors";
const CREATED_NOTHING: &[&str] = &["runtime.operations.delete.created-no-effect"];
const RUNNING: &str = "runtime.operations.delete.running-errors";
const RUNNING_NOTHING: &[&str] = &["runtime.operations.delete.running-no-effect"];
const STATE: &str = "runtime.operations.state.nonexistent-errors";

#[rustfmt::skip]
const WRONG: &[Wrong] = &[
    ("start", Phase::Unknown, "unknown_id_refused", &[START, "cli.start.exit-nonzero"], &[]),
    ("start", Phase::Running, "running_refused", &[START], START_NOTHING),
    ("start", Phase::Stopped, "stopped_refused", &[START], START_NOTHING),
    ("kill", Phase::Unknown, "unknown_id_refused", &[KILL, "cli.kill.exit-nonzero"], &[]),
    ("kill", Phase::Stopped, "stopped_refused", &[KILL], KILL_NOTHING),
    ("delete", Phase::Unknown, "unknown_id_refused", &[DELETE, "cli.delete.exit-nonzero"], &[]),
    ("delete", Phase::Created, "created_refused", &[CREATED], CREATED_NOTHING),
    ("delete", Phase::Running, "running_refused", &[RUNNING], RUNNING_NOTHING),
    ("state", Phase::Unknown, "unknown_id_refused", &[STATE, "cli.state.exit-nonzero"], &[]),
    ("state", Phase::Deleted, "deleted_id_refused", &[STATE], &[]),
];

/// What each operation is called with when it is to miss the id, and the requirement.
const WITHOUT_ID: &[(&str, &[&str], &str)] = &[
    ("state", &[], "runtime.operations.state.missing-id-errors"),
    (
        "create",
        &["--bundle", "{bundle}"],
        "runtime.operations.create.missing-id-errors",
    ),
    ("start", &[], "runtime.operations.start.missing-id-errors"),
    ("kill", &[], "runtime.operations.kill.missing-id-errors"),
    ("delete", &[], "runtime.operations.delete.missing-id-errors"),
];

pub(super) fn cases() -> Vec<Case> {
    let wrong = WRONG.iter().map(refused);
    wrong.chain(WITHOUT_ID.iter().map(without_id)).collect()
}

/// The operation on the trial's container.
fn call(t: &Trial, operation: &str) -> Check<crate::drive::Outcome> {
    match operation {
        "kill" => t.try_kill("TERM"),
        other => t.runtime([other, t.id()]),
    }
}

fn refused(&(operation, phase, fact, errors, nothing): &'static Wrong) -> Case {
    let mut saboteurs = vec![lies(operation, How::Exit(0)).on(errors)];
    if !nothing.is_empty() {
        saboteurs.push(acts_all_the_same(operation).on(nothing));
    }
    Case::new(
        format!("runtime/{operation}/{fact}"),
        [errors, nothing].concat(),
    )
    .bundle(|b| b.records("poststop", "stopped"))
    .run(move |t| {
        reach(t, phase)?;
        let before = picture(t, phase)?;
        let outcome = call(t, operation)?;
        if !nothing.is_empty() {
            t.on(nothing).eq(
                "the container after the refused call",
                picture(t, phase)?,
                before,
            )?;
        }
        t.on(errors).errors(&outcome)
    })
    .saboteurs(saboteurs)
}

/// A runtime that ends the container where it refuses the operation.
fn acts_all_the_same(operation: &'static str) -> Saboteur {
    wraps(
        format!("{operation}: refuse, and delete --force"),
        move |call, next| {
            let outcome = next(call)?;
            if call.operation() == operation && !outcome.ok() {
                next(&call.aside(["delete", "--force", call.id()]))?;
            }
            Ok(outcome)
        },
    )
}

/// Brings the trial's container into a phase.
fn reach(t: &Trial, phase: Phase) -> Check {
    match phase {
        Phase::Unknown => {}
        Phase::Created => t.create()?,
        Phase::Running => {
            t.agent()?;
        }
        Phase::Stopped => {
            t.run_to_exit()?;
        }
        Phase::Deleted => {
            t.run_to_exit()?;
            t.delete()?;
        }
    }
    Ok(())
}

/// All that a call may not change: the state, the process, the cgroups, the hooks that ran.
fn picture(t: &Trial, phase: Phase) -> Check<Value> {
    let mut left = crate::engine::leftovers(t)?;
    if phase == Phase::Stopped && t.runtime_itself().systemd_driver() {
        // systemd removes the scope of what has stopped, in its own time.
        left.retain(|thing| !thing.starts_with("cgroup "));
    }
    let mut state = t.try_state()?.json().unwrap_or_default();
    if let Some(members) = state.as_object_mut() {
        let named = ["ociVersion", "id", "status", "pid", "bundle", "annotations"];
        members.retain(|name, _| named.contains(&name.as_str()));
    }
    Ok(json!({
        "state": state,
        "process lives": t.init_lives()?,
        "on the host": left,
        "hooks": t.hooks_run()?,
    }))
}

fn without_id(&(operation, args, requirement): &'static (&str, &[&str], &str)) -> Case {
    Case::new(
        format!("runtime/{operation}/missing_id_refused"),
        requirement,
    )
    .run(move |t| {
        let bundle = t.bundle_arg();
        let args = args.iter().map(|arg| arg.replace("{bundle}", &bundle));
        let missing: Vec<String> = [operation.to_owned()].into_iter().chain(args).collect();
        t.errors(&t.runtime(missing.clone())?)?;
        let empty = missing.into_iter().chain([String::new()]);
        t.errors(&t.runtime(empty)?)
    })
    .saboteurs([lies(operation, How::Exit(0))])
}
