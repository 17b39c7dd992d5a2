//! For every operation there are wrong runtimes that lie about it in each way there is.

use std::collections::BTreeSet;

use plimsoll::cases;
use plimsoll::catalogue::catalogue;

/// What an operation can be lied about.
const ASPECTS: [&str; 6] = [
    "exit status",
    "state",
    "order",
    "timing",
    "cleanup",
    "hooks",
];

/// How it is known that a lie is noticed.
#[derive(Clone, Copy)]
enum Cell {
    /// A case, and the saboteur that turns it red.
    By(&'static str, &'static str),
    /// Why there is none.
    None(&'static str),
}

use Cell::{By, None};

const REPORTS: Cell = None("it only reports: nothing comes before or after, and nothing stays");
const NO_HOOKS: Cell = None("no hooks belong to it");
const ONE_ACT: Cell = None("it is one act, which has no order");
const MAKES_NOTHING: Cell = None("it makes nothing that could stay");
const OPTIONAL: Cell = None("a runtime need not have it: where it is refused the case skips");
const ITS_PROCESS: Cell =
    None("the catalogue asks only for what its process has: `drops_process` and the like");
const ITS_FILE: Cell = None("the catalogue asks only that what it writes can be run");

/// The operations, and the lies in the order of [`ASPECTS`].
#[rustfmt::skip]
const OPERATIONS: &[(&str, [Cell; 6])] = &[
    ("create", [
        By("cli/status/zero_means_done", "create: exit with 3"),
        By("runtime/lifecycle/one_caller_drives_it_all", "create: undo it at once"),
        By("config/mounts/listed_order", "swap the first two mounts of the case"),
        By("runtime/create/program_not_run", "create: start the program"),
        By("runtime/create/refuses_sysctl_that_is_not_there", "drop /linux/sysctl; create: exit with 1"),
        By("config/hooks/create_runtime_run_between_environment_and_pivot",
            "drop /hooks/createRuntime; run the createRuntime hooks behind create"),
    ]),
    ("start", [
        By("runtime/start/running_refused", "start: exit with 0"),
        By("runtime/start/runs_the_program", "start: do nothing and report success"),
        By("config/hooks/start_container_run_between_pivot_and_program",
            "run startContainer hooks as poststart ones"),
        By("config/hooks/poststart_run_in_their_operation", "do not wait for the hook's end"),
        By("config/hooks/poststart_failure_ends_the_container",
            "let the failing hook succeed; start: exit with 1"),
        By("config/hooks/poststart_run_in_their_operation", "drop /hooks/poststart"),
    ]),
    ("state", [
        By("runtime/state/unknown_id_refused", "state: exit with 0"),
        By("runtime/state/status_follows_the_lifecycle", "state: print \"running\" for \"created\""),
        REPORTS,
        By("runtime/state/status_follows_the_lifecycle", "state: print what was so the time before"),
        REPORTS,
        NO_HOOKS,
    ]),
    ("kill", [
        By("runtime/kill/unknown_id_refused", "kill: exit with 0"),
        By("runtime/kill/reaches_a_created_container", "kill: do nothing and report success"),
        ONE_ACT,
        By("runtime/kill/delivers_the_named_signal", "kill: do it with the next call only"),
        By("runtime/kill/stopped_refused", "kill: refuse, and delete --force"),
        NO_HOOKS,
    ]),
    ("delete", [
        By("runtime/delete/running_refused", "delete: exit with 0"),
        By("runtime/delete/id_is_free_again", "delete: do nothing and report success"),
        By("config/hooks/poststop_run_after_deletion",
            "drop /hooks/poststop; run the poststop hooks before delete"),
        By("runtime/delete/undoes_create", "delete: do it with the next call only"),
        By("runtime/delete/keeps_what_create_did_not_make", "delete: remove what was mounted"),
        By("config/hooks/poststop_run_in_their_operation", "run each hook twice"),
    ]),
    ("exec", [
        By("linux/seccomp/every_process_has_its_connection", "exec: exit with 1"),
        By("linux/seccomp/every_process_has_its_connection", "exec: do nothing and report success"),
        ITS_PROCESS,
        ITS_PROCESS,
        ITS_PROCESS,
        NO_HOOKS,
    ]),
    ("pause", [
        By("cli/pause/pause_of_a_paused_is_refused", "pause: exit with 0"),
        By("cli/pause/freezes_all", "pause: do nothing and report success"),
        ONE_ACT,
        By("cli/pause/freezes_all", "pause: do it with the next call only"),
        MAKES_NOTHING,
        NO_HOOKS,
    ]),
    ("resume", [
        By("cli/pause/resume_of_a_running_is_refused", "resume: exit with 0"),
        By("cli/pause/resume_thaws", "resume: do nothing and report success"),
        ONE_ACT,
        By("cli/pause/resume_thaws", "resume: do it with the next call only"),
        MAKES_NOTHING,
        NO_HOOKS,
    ]),
    ("update", [
        By("linux/systemd/update_memory", "update: exit with 1"),
        By("linux/unified/checked_update", "update: do nothing and report success"),
        ONE_ACT,
        By("linux/systemd/update_memory", "update: do it with the next call only"),
        By("linux/systemd/limits_outlive_a_reload", "update behind systemd's back"),
        NO_HOOKS,
    ]),
    ("events", [
        OPTIONAL,
        By("cli/events/out_of_memory", "drop /linux/resources/memory"),
        REPORTS,
        By("cli/events/out_of_memory", "print figures once, and no events"),
        REPORTS,
        NO_HOOKS,
    ]),
    ("features", [
        OPTIONAL,
        By("features/document/is_json", "features: print \"[]\""),
        REPORTS,
        By("features/document/is_fixed", "say when it was asked"),
        REPORTS,
        NO_HOOKS,
    ]),
    ("spec", [
        By("rootless/configuration/of_spec", "spec: refuse"),
        By("rootless/configuration/of_spec", "mount a new sysfs"),
        ITS_FILE,
        ITS_FILE,
        ITS_FILE,
        NO_HOOKS,
    ]),
];

/// Commands of runc of which neither the specification nor a document that engines rely on says what
/// they do: the catalogue has no requirement on them.
const UNSPECIFIED: &[&str] = &["run", "list", "ps", "checkpoint", "restore"];

#[test]
fn every_operation_is_lied_about_in_every_way_or_there_is_a_reason() {
    let pairs: BTreeSet<(String, String)> = cases::all()
        .iter()
        .flat_map(|case| {
            let id = case.id.to_string();
            let real = case.saboteurs.iter().filter(|one| one.equivalent.is_none());
            real.map(move |one| (id.clone(), one.text.to_string()))
                .collect::<Vec<_>>()
        })
        .collect();
    for (operation, cells) in OPERATIONS {
        for (aspect, cell) in ASPECTS.iter().zip(cells) {
            match cell {
                By(case, saboteur) => assert!(
                    pairs.contains(&((*case).to_owned(), (*saboteur).to_owned())),
                    "{operation}, {aspect}: {case} has no saboteur {saboteur:?}"
                ),
                None(why) => assert!(!why.is_empty(), "{operation}, {aspect}: no reason"),
            }
        }
    }
}

#[test]
fn what_lies_are_about_is_an_operation_of_the_table() {
    let known: BTreeSet<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
    for case in &cases::all() {
        for saboteur in &case.saboteurs {
            for part in saboteur.text.split("; ") {
                let Some((operation, _)) = part.split_once(": ") else {
                    continue;
                };
                // What makes up a command that there is not.
                let is_command = operation.chars().all(|c| c.is_ascii_lowercase());
                assert!(
                    known.contains(operation) || !is_command || operation == "frobnicate",
                    "{}: {saboteur} is about {operation}, which the table lacks",
                    case.id
                );
            }
        }
    }
}

#[test]
fn nothing_is_required_of_what_the_table_lacks() {
    for requirement in catalogue() {
        for operation in UNSPECIFIED {
            let about = format!(".{operation}.");
            assert!(
                !requirement.id.contains(&about) && !requirement.id.starts_with(&about[1..]),
                "{} asks something of {operation}",
                requirement.id
            );
        }
    }
}
