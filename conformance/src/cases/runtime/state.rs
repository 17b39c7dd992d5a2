//! runtime.md#state and #query-state.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cases::prelude::*;

const NO_ALIAS: &str = "runtime.state.status-extra-values-new-states-only";
const SCHEMA: &str = "runtime.state.json-schema";
/// The states that the specification defines, and so may not be called otherwise.
const STATUSES: [&str; 4] = ["creating", "created", "running", "stopped"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        status_follows_the_lifecycle(),
        creating_while_a_hook_runs(),
        pid_is_the_one_process(),
        Case::new(
            "runtime/state/pid_is_no_other_process_once_stopped",
            "runtime.state.pid-absent-or-zero-when-stopped",
        )
        .run(|t| {
            t.run_to_exit()?;
            let pid = t.state()?.raw["pid"].as_u64().unwrap_or(0);
            let process = fs::read_link(format!("/proc/{pid}/exe")).ok();
            t.that(
                "the pid of a stopped container is of no process",
                process.is_none(),
                pid,
            )
        })
        .saboteurs([lies("state", How::output("/pid", std::process::id()))]),
        follows_its_schema(),
        bundle_is_absolute(),
        annotations_are_the_configured_ones(),
        Case::new(
            "runtime/state/no_annotations_without_any",
            "runtime.state.annotations-none",
        )
        .run(|t| {
            t.create()?;
            let state = t.state()?.raw;
            let seen = state.get("annotations").cloned();
            t.that(
                "the annotations are absent or an empty map",
                seen.is_none() || seen == Some(json!({})),
                seen,
            )
        })
        .saboteurs([lies("state", How::output("/annotations", Value::Null))]),
    ];
    cases.extend(
        PRESENT
            .iter()
            .map(|&(member, requirement)| present(member, requirement)),
    );
    cases
}

fn follows_its_schema() -> Case {
    Case::new(
        "runtime/state/follows_its_schema",
        [
            SCHEMA,
            "runtime.operations.state.returns-state",
            "runtime.state.pid-integer-minimum",
            "cli.state.stdout-json",
        ],
    )
    .bundle(|b| b.set("/annotations", json!({"a.key": "a value"})))
    .run(|t| {
        let judge = || -> Check {
            let printed = t.try_state()?;
            let state = printed.json();
            t.on("cli.state.stdout-json").that(
                "standard output is one JSON document",
                state.is_some(),
                &printed.stdout,
            )?;
            let state = state.unwrap_or_default();
            t.on("runtime.state.pid-integer-minimum").that(
                "pid is an integer from 0",
                state.get("pid").is_none_or(Value::is_u64),
                &state,
            )?;
            t.on([SCHEMA, "runtime.operations.state.returns-state"]).eq(
                "what is wrong with the state",
                state_faults(&state),
                Vec::<String>::new(),
            )
        };
        t.create()?;
        judge()?;
        t.start()?;
        judge()?;
        t.stop()?;
        judge()
    })
    .saboteurs([
        lies("state", How::output("/annotations/a.key", 7)).on(SCHEMA),
        lies("state", How::output("/ociVersion", "1.0")).on(SCHEMA),
        lies("state", How::output("/bundle", "bundle")).on(SCHEMA),
        lies("state", How::output("/status", "Created")).on(SCHEMA),
        lies("state", How::omit("/ociVersion"))
            .on([SCHEMA, "runtime.operations.state.returns-state"]),
        lies("state", How::output("/pid", "7")).on("runtime.state.pid-integer-minimum"),
        lies("state", How::Print("{} and so on")).on("cli.state.stdout-json"),
    ])
}

fn annotations_are_the_configured_ones() -> Case {
    Case::new(
        "runtime/state/annotations_are_the_configured_ones",
        "runtime.state.annotations-content",
    )
    .bundle(|b| b.set("/annotations", json!({"one.key": "", "two.key": "zwölf"})))
    .run(|t| {
        t.create()?;
        let state = t.state()?.raw;
        let seen = state.get("annotations").cloned();
        t.one_of(
            "the annotations",
            seen,
            [json!(null), json!({"one.key": "", "two.key": "zwölf"})],
        )
    })
    .saboteurs([
        drops("/annotations/one.key"),
        alters("/annotations/two.key", "elf"),
    ])
}

fn status_follows_the_lifecycle() -> Case {
    Case::new(
        "runtime/state/status_follows_the_lifecycle",
        [
            "runtime.state.status-created",
            "runtime.state.status-running",
            "runtime.state.status-stopped",
            NO_ALIAS,
            "cli.create.returns-only-when-created",
            "cli.start.returns-after-start",
        ],
    )
    .run(|t| {
        let status = || -> Check<String> {
            let status = t.state()?.status;
            t.on(NO_ALIAS).one_of("status", &status, STATUSES)?;
            Ok(status)
        };
        t.create()?;
        t.on([
            "runtime.state.status-created",
            "cli.create.returns-only-when-created",
        ])
        .eq("status after create", status()?, "created")?;
        t.start()?;
        t.on([
            "runtime.state.status-running",
            "cli.start.returns-after-start",
        ])
        .eq("status after start", status()?, "running")?;
        t.started()?.exit(0)?;
        t.wait()?;
        t.on("runtime.state.status-stopped")
            .eq("status after exit", status()?, "stopped")
    })
    .saboteurs([
        lies("state", How::Reword("created", "running")).on([
            "runtime.state.status-created",
            "cli.create.returns-only-when-created",
        ]),
        lies("state", How::Reword("running", "created")).on([
            "runtime.state.status-running",
            "cli.start.returns-after-start",
        ]),
        lags("state").on([
            "runtime.state.status-running",
            "cli.start.returns-after-start",
        ]),
        lies("state", How::Reword("stopped", "running")).on("runtime.state.status-stopped"),
        lies("state", How::Reword("stopped", "exited")).on(NO_ALIAS),
    ])
}

fn creating_while_a_hook_runs() -> Case {
    const CREATING: &str = "runtime.state.status-creating";
    Case::new(
        "runtime/state/creating_while_a_hook_of_create_runs",
        CREATING,
    )
    .bundle(|b| b.holds("createRuntime", "held"))
    .run(|t| {
        let (created, seen) = t.while_held(&t.create_call(), "held", || t.try_state())?;
        t.accepted(&created)?;
        // Or it cannot be seen yet.
        let status = seen.json().map(|state| state["status"].clone());
        t.that(
            "the status while `create` runs is creating, if any",
            !seen.ok() || status == Some(json!("creating")),
            status,
        )
    })
    .saboteurs([lies(
        "state",
        How::Print(r#"{"ociVersion":"1.3.0","id":"a","status":"created","pid":1,"bundle":"/b"}"#),
    )
    .and(lies("state", How::Exit(0)))])
}

fn pid_is_the_one_process() -> Case {
    const CREATED: &str = "runtime.state.pid-created";
    const RUNNING: &str = "runtime.state.pid-running";
    const SAME: &str = "runtime.state.pid-same-process";
    Case::new(
        "runtime/state/pid_is_the_one_process",
        [RUNNING, CREATED, SAME],
    )
    .bundle(|b| b.file("rootfs/marker", 0o644, ""))
    .run(|t| {
        t.create()?;
        let created = t.state()?.pid;
        t.can_look_at(created)?;
        let namespace = t.namespace_of(created, "pid");
        t.on(CREATED).that(
            "the pid after create is of a process in another PID namespace than ours",
            namespace.is_some() && namespace != t.namespace_of(std::process::id() as i32, "pid"),
            created,
        )?;
        t.start()?;
        let agent = t.started()?;
        let running = t.state()?.pid;
        t.on(SAME).eq("the pid after start", running, created)?;
        t.eq(
            "the PID namespace of the pid",
            t.namespace_of(running, "pid"),
            agent.report.namespaces.get("pid"),
        )?;
        let marker = format!("/proc/{running}/root/marker");
        t.that(
            "its root is the container's",
            Path::new(&marker).exists(),
            &marker,
        )?;
        let command = fs::read(format!("/proc/{running}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        t.eq("its command line", command, "/probe\0agent\0")
    })
    .saboteurs([
        lies("state", How::output("/pid", std::process::id())).on(CREATED),
        lies("state", How::omit("/pid")).on(CREATED),
        // Two processes of ours: a stable one while created, and a changing one.
        wraps("state: another pid once running", |call, next| {
            let outcome = next(call)?;
            if outcome.stdout.contains("running") {
                return lies("state", How::output("/pid", 1)).interpose(call, next);
            }
            Ok(outcome)
        })
        .on(SAME),
        alters("/process/args", json!(["/probe", "agent", "more"])).on(RUNNING),
    ])
}

fn bundle_is_absolute() -> Case {
    const ABSOLUTE: &str = "runtime.state.bundle-absolute";
    const USABLE: &str = "runtime.state.bundle-usable";
    Case::new(
        "runtime/state/bundle_is_absolute_and_usable",
        [ABSOLUTE, USABLE],
    )
    .run(|t| {
        let create = t.command(["create", "--bundle", "./bundle/", t.id()]);
        let outcome = t.try_create_by(create.cwd(t.dir()))?;
        t.accepted(&outcome)?;
        let bundle = t.state()?.bundle;
        t.that("the path is absolute", bundle.starts_with('/'), &bundle)?;
        let inode = |file: &Path| fs::metadata(file).map(|meta| (meta.dev(), meta.ino())).ok();
        t.on(USABLE).eq(
            "the config.json below it",
            inode(&Path::new(&bundle).join("config.json")),
            inode(&t.bundle().join("config.json")),
        )
    })
    .saboteurs([
        lies("state", How::output("/bundle", "bundle")).on(ABSOLUTE),
        lies("state", How::output("/bundle", "/")).on(USABLE),
    ])
}

/// Members of the state that are always there.
const PRESENT: &[(&str, &str)] = &[
    ("ociVersion", "runtime.state.oci-version-present"),
    ("id", "runtime.state.id-present"),
    ("status", "runtime.state.status-present"),
    ("bundle", "runtime.state.bundle-present"),
];

fn present(member: &'static str, requirement: &'static str) -> Case {
    let pointer = format!("/{member}");
    Case::new(
        format!("runtime/state/{}_is_a_string", member.to_lowercase()),
        requirement,
    )
    .run(move |t| {
        t.create()?;
        let outcome = t.try_state()?;
        let value = outcome.json().and_then(|state| state.get(member).cloned());
        t.that(
            &format!("`{member}` is a string"),
            value.as_ref().is_some_and(Value::is_string),
            value,
        )
    })
    .saboteurs([
        lies("state", How::omit(pointer.clone())),
        lies("state", How::output(pointer, 7)),
    ])
}
