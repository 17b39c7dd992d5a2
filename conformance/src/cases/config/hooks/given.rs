//! What a hook is given: its arguments and environment, the state, the namespaces that it runs in.

use super::kind::{KINDS, Kind};
use crate::cases::prelude::*;
use crate::trial::HookRun;

const STDIN: &str = "config.hooks.state-on-stdin";
const SCHEMA: &str = "config.hooks.state-on-stdin.schema";
const PID_OUTSIDE: &str = "runtime.state.pid-runtime-view-in-runtime-ns-hooks";
const PID_INSIDE: &str = "runtime.state.pid-container-view-in-container-ns-hooks";

pub(super) fn cases() -> Vec<Case> {
    let kinds = KINDS.iter();
    kinds
        .flat_map(|kind| [surroundings(kind), state(kind)])
        .collect()
}

/// Path, namespaces, arguments and environment.
fn surroundings(kind: &'static Kind) -> Case {
    let side = if kind.inside { "container" } else { "runtime" };
    // createContainer hooks run in the container's namespaces, by a path of the runtime's.
    let resolved = if kind.name == "startContainer" {
        "container"
    } else {
        "runtime"
    };
    let path = kind.requirement(&format!("path-resolves-in-{resolved}-namespace"));
    let place = kind.requirement(&format!("runs-in-{side}-namespace"));
    let (args, env) = (kind.requirement("args-argv"), kind.requirement("env"));
    let missing = if kind.name == "startContainer" {
        "/nowhere"
    } else {
        "{rootfs}{probe}"
    };
    let other = match kind.name {
        "createContainer" | "startContainer" => "createRuntime",
        _ => "createContainer",
    };
    Case::new(
        kind.fact("runs_where_and_as_configured"),
        [&path, &place, &args, &env].map(Clone::clone),
    )
    .bundle(|b| {
        b.records(kind.name, "it")
            .set(&kind.pointer("/args/0"), "argument zero")
            .set(&kind.pointer("/env"), json!(["ONE=1", "TWO=two words"]))
    })
    .saboteurs([
        alters(kind.pointer("/path"), missing).on(path.clone()),
        kind.taken_for(other).on(place.clone()),
        alters(kind.pointer("/args/0"), "another").on(args.clone()),
        drops(kind.pointer("/env")).on(env.clone()),
        alters(kind.pointer("/env/0"), "ONE=2").on(env.clone()),
    ])
    .run(move |t| {
        t.on(path.clone()).must(kind.reach(t))?;
        let run = t.on(path.clone()).must(t.hook_run("it"))?;
        let report = &run.record.report;
        if kind.inside {
            t.can_look_at(t.pid()?)?;
        }
        for namespace in NAMESPACES {
            let ours = t.runtime_namespace(*namespace)?;
            let expected = match (kind.inside, namespace.proc) {
                (false, _) => ours,
                (true, "pid" | "cgroup") => continue,
                (true, name) => t.namespace_of(t.pid()?, name).unwrap_or_default(),
            };
            t.on(place.clone()).eq(
                &format!("the hook's {} namespace", namespace.config),
                report.namespaces.get(namespace.proc),
                expected,
            )?;
        }
        t.on(args.clone()).eq(
            "the hook's first argument",
            report.args.first(),
            "argument zero",
        )?;
        t.on(args.clone())
            .eq("the hook's second argument", report.args.get(1), "hook")?;
        t.on(env.clone()).eq(
            "the hook's environment",
            &report.env,
            ["ONE=1", "TWO=two words"],
        )
    })
}

/// The state on standard input.
fn state(kind: &'static Kind) -> Case {
    let status = format!("{STDIN}.status-{}", kind.case.replace('_', "-"));
    let pid = match (kind.name, kind.inside) {
        ("poststop", _) => None,
        (_, true) => Some(PID_INSIDE),
        (_, false) => Some(PID_OUTSIDE),
    };
    let covers = [STDIN.to_owned(), status.clone(), SCHEMA.to_owned()];
    let mut saboteurs = vec![
        kind.hears("hook.key", "another.key").on(STDIN),
        kind.hears(kind.status, "paused").on(status.clone()),
        kind.hears("\"ociVersion\"", "\"version\"").on(SCHEMA),
    ];
    saboteurs.extend(pid.map(|pid| kind.hears("\"pid\"", "\"process\"").on(pid)));
    Case::new(
        kind.fact("gets_the_state"),
        covers
            .into_iter()
            .chain(pid.map(str::to_owned))
            .collect::<Vec<_>>(),
    )
    .bundle(|b| {
        b.set("/annotations", json!({"hook.key": "value"}))
            .records(kind.name, "it")
    })
    .saboteurs(saboteurs)
    .run(move |t| {
        kind.reach(t)?;
        let state = t.hook_run("it").map(|run: HookRun| run.state())?;
        let given = json!([state["id"], state["bundle"], state["annotations"]]);
        let expected = json!([t.id(), t.bundle_arg(), {"hook.key": "value"}]);
        t.eq("id, bundle and annotations in the state", given, expected)?;
        if let Some(pid) = pid {
            let expected = if kind.inside { 1 } else { t.pid()? };
            t.on(pid).eq("pid in the state", &state["pid"], expected)?;
        }
        t.on(status.clone())
            .eq("status in the state", &state["status"], kind.status)?;
        t.on(SCHEMA).eq(
            "what is wrong with the state",
            state_faults(&state),
            Vec::<String>::new(),
        )
    })
}
