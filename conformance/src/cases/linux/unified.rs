//! config-linux.md#unified, and what of version 1 has no place in version 2.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let v2 = Need::CgroupV2("pids");
    vec![
        written(),
        unknown_file(),
        several_lines(),
        converted(),
        impossible(),
        checked_update(),
        frozen(),
        bad(
            "linux/unified/refused_missing_controller",
            "config-linux.unified.missing-controller-errors",
            "/linux/resources/unified",
            json!({"nosuch.max": "1"}),
        )
        .needs([v2]),
        bad(
            "linux/unified/refused_path",
            "config-linux.unified.path-traversal-rejected",
            "/linux/resources/unified",
            json!({"../pids.max": "33"}),
        )
        .needs([v2]),
        bad(
            "linux/unified/refused_on_v1",
            "config-linux.unified.on-v1-errors",
            "/linux/resources/unified",
            json!({"pids.max": "33"}),
        )
        .needs([Need::CgroupV1("pids")]),
        bad(
            "linux/unified/refused_swap_without_limit",
            "config-linux.resources.memory.swap-without-limit",
            "/linux/resources/memory",
            json!({"swap": 64 << 20}),
        )
        .needs([Need::CgroupV2("memory")]),
    ]
}

/// Files of three controllers, each with a value.
const FILES: [(&str, &str); 3] = [
    ("memory.high", "67108864"),
    ("pids.max", "33"),
    ("cpu.weight", "55"),
];

fn written() -> Case {
    const FILE: &str = "config-linux.unified.file-keys";
    const ENABLED: &str = "config-linux.unified.controllers-enabled";
    Case::new("linux/unified/files_are_written", [FILE, ENABLED])
        .needs(["memory", "pids", "cpu"].map(Need::CgroupV2))
        .needs([Need::CgroupPaths])
        .bundle(|b| {
            let b = b.set("/linux/cgroupsPath", "/{id}/two/three");
            FILES.iter().fold(b, |b, (file, value)| {
                b.set(&format!("/linux/resources/unified/{file}"), *value)
            })
        })
        .run(|t| {
            t.create()?;
            for (file, value) in FILES {
                // A file that is there shows that its controller is enabled.
                t.on_all().has(file, t.own_v2(file)?, value)?;
            }
            Ok(())
        })
        .saboteurs([
            drops("/linux/resources/unified/memory.high").on(FILE),
            alters("/linux/resources/unified/cpu.weight", "56").on(FILE),
            drops("/linux/resources/unified").on(ENABLED),
        ])
}

/// A file that no other property of config.json leads to.
fn unknown_file() -> Case {
    Case::new(
        "linux/unified/unknown_files_are_written",
        "config-linux.unified.unknown-written",
    )
    .needs([Need::CgroupV2("memory")])
    .bundle(|b| b.set("/linux/resources/unified/memory.oom.group", "1"))
    .run(|t| {
        t.create()?;
        t.has("memory.oom.group", t.own_v2("memory.oom.group")?, "1")
    })
    .saboteurs([drops("/linux/resources/unified")])
}

fn several_lines() -> Case {
    Case::new(
        "linux/unified/several_lines",
        "config-linux.unified.multi-line-values",
    )
    .needs([Need::CgroupV2("io"), Need::Path("/sys/block/loop1")])
    .bundle(|b| {
        let lines = "7:0 rbps=1048576\n7:1 wiops=120";
        b.set("/linux/resources/unified/io.max", lines)
    })
    .run(|t| {
        t.create()?;
        let seen = t.own_v2("io.max")?.join("\n");
        t.has("io.max", &seen, "7:0 rbps=1048576")?;
        t.has("io.max", &seen, "wiops=120")
    })
    .saboteurs([
        alters("/linux/resources/unified/io.max", "7:0 rbps=1048576"),
        alters("/linux/resources/unified/io.max", "7:1 wiops=120"),
    ])
}

fn converted() -> Case {
    Case::new(
        "linux/unified/v1_settings_are_converted",
        "config-linux.unified.v1-conversion",
    )
    .needs([Need::CgroupV2("memory"), Need::CgroupV2("pids")])
    .bundle(|b| {
        b.set("/linux/resources/memory/limit", 64 << 20)
            .set("/linux/resources/pids/limit", 37)
    })
    .run(|t| {
        t.must(t.create())?;
        t.has("memory.max", t.own_v2("memory.max")?, "67108864")?;
        t.has("pids.max", t.own_v2("pids.max")?, "37")
    })
    .saboteurs([
        drops("/linux/resources/memory"),
        drops("/linux/resources/pids"),
    ])
}

/// Properties that version 2 has nothing for.
const IMPOSSIBLE: [(&str, &str); 3] = [
    ("/linux/resources/network", "classID"),
    ("/linux/resources/memory", "swappiness"),
    ("/linux/resources/memory", "kernelTCP"),
];

fn impossible() -> Case {
    Case::new(
        "linux/unified/refused_impossible_conversion",
        "config-linux.unified.v1-conversion-impossible-errors",
    )
    .needs([Need::CgroupV2("pids"), Need::CgroupV2("memory")])
    .run(|t| {
        let honest = t.config()?;
        for (pointer, member) in IMPOSSIBLE {
            let mut config = honest.clone();
            let object = pointer.trim_start_matches("/linux/resources/");
            config["linux"]["resources"][object] = json!({ member: 60 });
            t.set_config(&config)?;
            t.errors(&t.try_create()?)?;
        }
        Ok(())
    })
    .saboteurs([
        drops("/linux/resources/network"),
        drops("/linux/resources/memory"),
    ])
}

fn checked_update() -> Case {
    const CHECK: &str = "config-linux.resources.memory.check-before-update-check";
    const REJECT: &str = "config-linux.resources.memory.check-before-update-reject";
    Case::new("linux/unified/checked_update", [REJECT, CHECK])
        .needs([Need::CgroupV2("memory")])
        .bundle(|b| b.set("/linux/resources/memory/limit", 96 << 20))
        .run(|t| {
            let agent = t.agent()?;
            agent.get(|p| p.ask(&["mem-hold", "33554432"]))?;
            let file = t.fresh_path("resources.json");
            let resources = json!({"memory": {"limit": 1 << 20, "checkBeforeUpdate": true}});
            t.write(&file, &resources.to_string())?;
            let file = file.display().to_string();
            t.on_all()
                .errors(&t.runtime(["update", "--resources", &file, t.id()])?)?;
            t.on_all()
                .has("memory.max", t.own_v2("memory.max")?, "100663296")?;
            t.that("the program lives", t.init_lives()?, t.pid()?)
        })
        .saboteurs(
            [
                lies("update", How::Skip),
                drops_resources("/memory/checkBeforeUpdate"),
                alters_resources("/memory/checkBeforeUpdate", false),
            ]
            .map(|wrong| wrong.on([CHECK, REJECT])),
        )
}

/// A cgroup in which nothing can run is an error, or made fit: a runtime that hangs fails.
fn frozen() -> Case {
    Case::new(
        "linux/unified/unfit_cgroup",
        "config-linux.cgroups.unfit-errors",
    )
    .needs([Need::CgroupV2("pids"), Need::CgroupPaths])
    .run(|t| {
        let dir = t.make_cgroup("pids", t.id())?;
        t.write(&dir.join("cgroup.freeze"), "1")?;
        let outcome = t.try_create()?;
        if outcome.refused() {
            return t.errors(&outcome);
        }
        t.must(t.start())?;
        t.must(t.started()).map(|_| ())
    })
    .saboteurs([lies("create", How::Exit(0))])
}
