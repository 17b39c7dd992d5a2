//! What the exit status of an operation says, and of the container's process.

use crate::cases::prelude::*;

/// Operations, and the requirement that they end with 0 where they succeed.
const ZERO: &[(&str, &str)] = &[
    ("create", "cli.create.exit-zero"),
    ("start", "cli.start.exit-zero"),
    ("state", "cli.state.exit-zero"),
    ("kill", "cli.kill.exit-zero"),
    ("delete", "cli.delete.exit-zero"),
];

/// The requirement on the end of a container's process, which its ancestor can wait for.
const OBSERVABLE: &str = "cli.container-exit.observable";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "cli/status/zero_means_done",
            ZERO.iter().map(|row| row.1).collect::<Vec<_>>(),
        )
        .run(|t| {
            t.on(ZERO[0].1).succeeds(&t.try_create()?)?;
            t.on(ZERO[1].1).succeeds(&t.try_start()?)?;
            t.started()?;
            let state = t.try_state()?;
            t.on(ZERO[2].1).succeeds(&state)?;
            t.on([ZERO[0].1, ZERO[1].1]).eq(
                "the status after create and start",
                state.json().map(|state| state["status"].clone()),
                "running",
            )?;
            t.on(ZERO[3].1).succeeds(&t.try_kill("KILL")?)?;
            t.on(ZERO[3].1).must(t.wait())?;
            t.on(ZERO[4].1).succeeds(&t.try_delete()?)?;
            t.on(ZERO[4].1).errors(&t.try_state()?)
        })
        .saboteurs(
            ZERO.iter()
                .map(|&(operation, requirement)| lies(operation, How::Exit(3)).on(requirement))
                .chain([
                    lies("kill", How::Skip).on(ZERO[3].1),
                    lies("delete", How::Skip).on(ZERO[4].1),
                ]),
        ),
        Case::new(
            "cli/status/of_a_failed_create",
            "cli.create.exit-nonzero-on-error",
        )
        .run(|t| {
            let nowhere = t.fresh_path("nowhere").display().to_string();
            t.errors(&t.runtime(["create", "--bundle", &nowhere, t.id()])?)?;
            t.write(&t.bundle().join("config.json"), "{ no JSON")?;
            t.errors(&t.try_create()?)
        })
        .saboteurs([lies("create", How::Exit(0))]),
        Case::new("cli/status/of_the_program_can_be_waited_for", OBSERVABLE)
            .bundle(|b| b.args(&["/probe", "exit", "42"]))
            .run(|t| {
                t.create()?;
                t.start()?;
                t.eq(
                    "the end of the program",
                    t.wait()?.to_string(),
                    "exit status 42",
                )
            })
            .saboteurs([alters("/process/args/2", "41")]),
        Case::new(
            "cli/status/of_a_killed_program_can_be_waited_for",
            OBSERVABLE,
        )
        .run(|t| {
            t.agent()?;
            t.kill("KILL")?;
            t.eq(
                "the end of the program",
                t.wait()?.to_string(),
                "killed by signal 9",
            )
        })
        // Not PID 1 of its namespace, so that TERM ends it as well; the runner's own takes root to
        // mount a proc of.
        .needs([Need::Root])
        .bundle(|b| b.without_namespace("pid"))
        .saboteurs([lies("kill", How::Argument("KILL", "TERM"))]),
    ]
}
