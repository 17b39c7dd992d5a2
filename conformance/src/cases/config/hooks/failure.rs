//! What a failing hook does to the container: runtime.md#lifecycle, steps 3 to 13.

use super::kind::{KINDS, Kind};
use crate::cases::prelude::*;
use crate::drive::Pidfd;
use crate::verdict::Stop;

const SKIPS: &str = "config.hooks.failure-skips-later-hooks";
const SIGNAL: &str = "config.hooks.failure-includes-signal";

pub(super) fn cases() -> Vec<Case> {
    let fatal = KINDS.iter().filter(|kind| kind.name != "poststop");
    fatal
        .map(fails)
        .chain(KINDS.iter().map(times_out))
        .chain(FAILURES.iter().map(counts_as_failure))
        .chain([poststop_failure_is_a_warning()])
        .collect()
}

/// Let the failing hook of the kind succeed.
fn forgives(kind: &'static Kind) -> Saboteur {
    edits("let the failing hook succeed", move |config| {
        if let Some(args) = config["hooks"][kind.name][1]["args"].as_array_mut() {
            args.truncate(3);
        }
    })
}

/// The operation errors, the container is stopped and destroyed, poststop hooks run and no others.
fn fails(kind: &'static Kind) -> Case {
    let errors = kind.lifecycle("failure-errors");
    let stops = kind.lifecycle("failure-stops-container");
    let continues = kind.lifecycle("failure-continues-at-12");
    let gone = [stops.clone(), continues.clone()];
    Case::new(
        kind.fact("failure_ends_the_container"),
        [&errors, &stops, &continues, &SKIPS.to_owned()].map(Clone::clone),
    )
    .bundle(|b| {
        let b = b
            .records(kind.name, "1")
            .records_and(kind.name, "2", &["exit", "3"])
            .records(kind.name, "3");
        let later = KINDS
            .iter()
            .skip_while(|other| other.name != kind.name)
            .skip(1);
        later.fold(b, |b, other| b.records(other.name, other.name))
    })
    .saboteurs([
        lies(kind.operation, How::Exit(0)).on(errors.clone()),
        forgives(kind)
            .and(lies(kind.operation, How::Exit(1)))
            .on(gone.clone()),
        drops("/hooks/poststop").on(continues.clone()),
        edits("run the failing hook last", move |config| {
            if let Some(hooks) = config["hooks"][kind.name].as_array_mut() {
                hooks.swap(1, 2);
            }
        })
        .on(SKIPS),
    ])
    .run(move |t| {
        kind.approach(t)?;
        let outcome = kind.operate(t)?;
        t.on(errors.clone()).errors(&outcome)?;
        t.on(gone.clone()).nothing_left()?;
        let ran = t.hooks_run()?;
        t.on(continues.clone())
            .has("hooks that ran", &ran, "poststop")?;
        t.on(SKIPS)
            .eq("hooks that ran", &ran, ["1", "2", "poststop"])
    })
}

/// A hook past its timeout is ended, and has failed.
fn times_out(kind: &'static Kind) -> Case {
    Case::new(
        kind.fact("is_aborted_at_its_timeout"),
        kind.requirement("timeout-aborts"),
    )
    .bundle(|b| {
        let done = kind.shared("done");
        b.records_and(kind.name, "it", &["sleep", "2500", "touch", &done])
            .set(&kind.pointer("/timeout"), 1)
    })
    .run(|t| {
        kind.approach(t)?;
        let outcome = kind.operate(t)?;
        match kind.name {
            "startContainer" => {
                let ran = kind.settle(t)?;
                t.that("the program does not run", !ran, outcome.describe())?;
            }
            // Since release 1.3 a failure of poststart is an error; before, both only warn.
            "poststart" | "poststop" => {}
            _ => t.errors(&outcome)?,
        }
        t.that(
            "the hook was aborted",
            !t.rootfs("/done").exists(),
            outcome.describe(),
        )?;
        let hook = t.hook_run("it")?;
        if kind.inside {
            // Its process id is one of the container's.
            return Ok(());
        }
        let pid = hook.record.report.pid;
        let lives = match Pidfd::open(pid) {
            Ok(None) => Ok(false),
            Ok(Some(process)) => process.alive(),
            Err(error) => Err(error),
        };
        let lives = lives.map_err(|error| Stop::broken(format!("look at process {pid}"), error))?;
        t.that("the hook's process is gone", !lives, pid)
    })
    .saboteurs([
        drops(kind.pointer("/timeout")),
        alters(kind.pointer("/timeout"), 1000),
    ])
}

/// Ways to fail other than by an exit status: the case's name, and the hook's path and arguments.
const FAILURES: &[(&str, &str, &[&str])] = &[
    ("killed_by_a_signal", "{probe}", &["probe", "die", "9"]),
    ("that_is_not_there", "{dir}/missing", &["missing"]),
    ("that_is_no_program", "{bundle}/config.json", &["config"]),
];

fn counts_as_failure(&(name, path, args): &'static (&str, &str, &[&str])) -> Case {
    Case::new(format!("config/hooks/one_{name}_has_failed"), SIGNAL)
        .bundle(move |b| {
            b.set(
                "/hooks/createRuntime",
                json!([{"path": path, "args": args}]),
            )
        })
        .run(Assert::refused)
        .saboteurs([drops("/hooks/createRuntime")])
}

fn poststop_failure_is_a_warning() -> Case {
    const WARNS: &str = "runtime.lifecycle.13-poststop-failure-warns";
    const FLOW: &str = "runtime.warnings.flow-continues";
    const REST: &str = "runtime.lifecycle.13-poststop-failure-remaining-hooks-run";
    const ON: &str = "runtime.lifecycle.13-poststop-failure-lifecycle-continues";
    Case::new(
        "config/hooks/poststop_failure_is_a_warning",
        [WARNS, FLOW, REST, ON],
    )
    .bundle(|b| {
        b.records("poststop", "1")
            .records_and("poststop", "2", &["exit", "3"])
            .records("poststop", "3")
    })
    .run(|t| {
        t.run_to_exit()?;
        let outcome = t.try_delete()?;
        t.on(ON).nothing_left()?;
        t.on(REST)
            .eq("hooks that ran", t.hooks_run()?, ["1", "2", "3"])?;
        t.on([WARNS, FLOW]).succeeds(&outcome)?;
        t.on(ON).must(t.create())
    })
    .saboteurs([
        lies("delete", How::Exit(1)).on([WARNS, FLOW]),
        edits("end the hooks with the failing one", |config| {
            if let Some(hooks) = config["hooks"]["poststop"].as_array_mut() {
                hooks.truncate(2);
            }
        })
        .on(REST),
        lies("delete", How::Refuse).on(ON),
    ])
}
