//! runtime.md#lifecycle: the steps in their order, and what each leaves behind.

use crate::cases::prelude::*;

/// What every step of a whole life shows.
const WHOLE: [&str; 2] = [
    "runtime.operations.all-supported",
    "runtime.scope.creator-can-operate",
];
const CREATED: &str = "runtime.lifecycle.01-create-invoked-with-bundle-and-id";
const CREATES: &str = "runtime.operations.create.creates";
const STARTED: &str = "runtime.lifecycle.06-start-invoked-with-id";
const DELETED: &str = "runtime.lifecycle.11-delete-invoked";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "runtime/lifecycle/one_caller_drives_it_all",
            [WHOLE[0], WHOLE[1], CREATED, CREATES, STARTED, DELETED],
        )
        .run(whole_life)
        .saboteurs([
            lies("create", How::Refuse).on([CREATED, WHOLE[0], WHOLE[1]]),
            lies("create", How::Undo).on(CREATES),
            lies("start", How::Skip).on([STARTED, WHOLE[0], WHOLE[1]]),
            lies("kill", How::Skip).on(WHOLE),
            lies("delete", How::Refuse).on([DELETED, WHOLE[0], WHOLE[1]]),
        ]),
        resources_are_there_before_start(),
        Case::new(
            "runtime/lifecycle/hooks_are_those_of_the_config_at_create",
            [
                "runtime.lifecycle.02-config-updates-ignored",
                "runtime.operations.create.later-config-edits-no-effect",
            ],
        )
        .bundle(|b| {
            b.records("poststart", "early-start")
                .records("poststop", "early-stop")
        })
        .run(|t| {
            t.create()?;
            let early = t.config()?.to_string();
            t.write(
                &t.bundle().join("config.json"),
                &early.replace("early", "late"),
            )?;
            t.start()?;
            t.remove(&t.bundle().join("config.json"))?;
            t.stop()?;
            t.delete()?;
            t.on_all().eq(
                "hooks that ran",
                t.hooks_run()?,
                ["early-start", "early-stop"],
            )
        })
        .saboteurs([
            edits("run the hooks of the config as it is later", |config| {
                let late = config["hooks"].to_string().replace("early", "late");
                config["hooks"] = serde_json::from_str(&late).unwrap_or_default();
            })
            .on([
                "runtime.lifecycle.02-config-updates-ignored",
                "runtime.operations.create.later-config-edits-no-effect",
            ]),
        ]),
        Case::new(
            "runtime/lifecycle/program_has_the_configured_process",
            "runtime.lifecycle.08-program-run",
        )
        .bundle(|b| {
            b.args(&["/probe", "agent", "second word"])
                .env("LIFE=here")
                .cwd("/dev")
        })
        .run(|t| {
            let report = t.agent()?.report;
            t.eq("argv", &report.args, ["/probe", "agent", "second word"])?;
            t.has("the environment", &report.env, "LIFE=here")?;
            t.eq("the working directory", report.cwd.value(), "/dev")
        })
        .saboteurs([
            alters("/process/args/2", "another"),
            alters("/process/env/1", "LIFE=there"),
            alters("/process/cwd", "/"),
        ]),
    ];
    cases.extend(ENDS.iter().map(ends_stopped));
    cases
}

fn whole_life(t: &Trial) -> Check {
    let step = |own: &'static str| t.on([WHOLE[0], WHOLE[1], own]);
    step(CREATED).must(t.create())?;
    let id = t.on(CREATES).must(t.state())?.id;
    t.on([WHOLE[0], WHOLE[1], CREATED, CREATES])
        .eq("the id in the state", id, t.id())?;
    t.on(CREATES)
        .that("a process was made", t.init_lives()?, t.pid().ok())?;
    step(STARTED).must(t.start())?;
    step(STARTED).must(t.started())?;
    t.on(WHOLE).must(t.kill("KILL"))?;
    t.on(WHOLE).must(t.wait())?;
    step(DELETED).must(t.delete())?;
    t.on(WHOLE).errors(&t.try_state()?)
}

/// Whichever way the program ends, the container is then stopped.
struct End {
    name: &'static str,
    args: &'static [&'static str],
    killed: bool,
    own_signal: bool,
}

const ENDS: &[End] = &[
    End {
        name: "a_crash",
        args: &["/probe", "die", "11"],
        killed: false,
        own_signal: true,
    },
    End {
        name: "exit_with_0",
        args: &["/probe", "exit", "0"],
        killed: false,
        own_signal: false,
    },
    End {
        name: "exit_with_7",
        args: &["/probe", "exit", "7"],
        killed: false,
        own_signal: false,
    },
    End {
        name: "a_fatal_signal",
        args: &["/probe", "agent"],
        killed: true,
        own_signal: false,
    },
];

fn ends_stopped(end: &'static End) -> Case {
    let covers = [
        "runtime.lifecycle.10-exit-causes",
        "runtime.state.status-stopped",
    ];
    Case::new(
        format!("runtime/lifecycle/stopped_after_{}", end.name),
        covers,
    )
    // The first process of a PID namespace is safe from its own signals; the runner's own takes root
    // to mount a proc of.
    .needs(end.own_signal.then_some(Need::Root))
    .bundle(|b| {
        let b = b.args(end.args);
        if end.own_signal {
            b.without_namespace("pid")
        } else {
            b
        }
    })
    .run(|t| {
        t.create()?;
        t.start()?;
        if end.killed {
            t.kill("KILL")?;
        }
        t.wait()?;
        t.on_all().eq("status", t.state()?.status, "stopped")
    })
    .saboteurs([lies("state", How::Reword("stopped", "running")).on(covers)])
}

fn resources_are_there_before_start() -> Case {
    const ENVIRONMENT: &str = "runtime.lifecycle.02-environment-per-config";
    const RESOURCES: &str = "runtime.lifecycle.02-resources-created-before-start";
    const PROPERTIES: &str = "runtime.operations.create.non-process-properties-applied";
    const ARGS: &str = "runtime.operations.create.args-not-applied";
    Case::new(
        "runtime/lifecycle/resources_are_there_before_start",
        [ENVIRONMENT, RESOURCES, PROPERTIES, ARGS],
    )
    .bundle(|b| {
        b.hostname("early-name")
            .mount("/mnt", "tmpfs", "none", &["size=64k"])
            .args(&["/probe", "agent", "the program's own"])
    })
    .run(|t| {
        t.create()?;
        let pid = t.pid()?;
        let file = |name: &str| t.read(format!("/proc/{pid}/{name}"));
        for kind in NAMESPACES.iter().filter(|kind| kind.proc != "cgroup") {
            t.on([ENVIRONMENT, RESOURCES]).ne(
                &format!("the {} namespace after create", kind.config),
                t.namespace_of(pid, kind.proc),
                t.runtime_namespace(*kind)?,
            )?;
        }
        let mounts: Vec<String> = file("mountinfo")?.lines().map(str::to_owned).collect();
        let seen = mount_at(&mounts, "/mnt").map(|mount| mount.kind);
        t.on([RESOURCES, PROPERTIES])
            .eq("what is mounted on /mnt after create", seen, "tmpfs")?;
        t.on(PROPERTIES).eq(
            "the host name after create",
            t.host_name_of(pid)?,
            "early-name",
        )?;
        t.on(ARGS).lacks(
            "the command line of init after create",
            file("cmdline")?,
            "the program's own",
        )
    })
    .saboteurs([
        without_namespace("network").on([ENVIRONMENT, RESOURCES]),
        drops("/mounts/5").on([RESOURCES, PROPERTIES]),
        alters("/hostname", "late-name").on(PROPERTIES),
        starts_early().on(ARGS),
    ])
}
