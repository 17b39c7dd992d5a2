//! config.md#process: args and env.

use plimsoll_fixtures::bundle::Bundle;

use crate::cases::prelude::*;

/// An environment with what may trip a runtime up.
const ENV: [&str; 6] = [
    "PATH=/bin",
    "ONE=1",
    "TWO=zwei drei",
    "EMPTY=",
    "SUM=a=b",
    "Ü=ü\n",
];

pub(super) fn cases() -> Vec<Case> {
    [env(), args(), lookup(), refused()]
        .into_iter()
        .flatten()
        .collect()
}

fn env() -> Vec<Case> {
    vec![
        Case::new(
            "config/process/env_is_all_there_is",
            [
                "config.process.env-applied",
                "config.process.env-nothing-inherited",
            ],
        )
        .bundle(|b| b.set("/process/env", ENV))
        .run(|t| {
            let call = t.create_call().env("PLIMSOLL_OUTER", "leaks");
            let env = t.agent_by(call)?.report.env.clone();
            // In any order: environ(7) has none.
            for entry in ENV {
                t.has("environment", &env, entry)?;
            }
            t.on("config.process.env-nothing-inherited").lacks(
                "environment",
                env,
                "PLIMSOLL_OUTER=leaks",
            )
        })
        .saboteurs([
            drops("/process/env/1").on("config.process.env-applied"),
            alters("/process/env/-", "PLIMSOLL_OUTER=leaks")
                .on("config.process.env-nothing-inherited"),
        ]),
        Case::new("config/process/env_absent", "config.process.env-optional")
            .bundle(|b| b.remove("/process/env"))
            .run(|t| t.must(t.agent()).map(|_| ()))
            .saboteurs([lies("create", How::Refuse), lies("start", How::Refuse)]),
    ]
}

fn args() -> Vec<Case> {
    let odd = ["/probe", "agent", "", "two words", "ü", "\"it's\"", "a\nb"];
    let many: Vec<String> = ["/probe", "agent"]
        .into_iter()
        .map(str::to_owned)
        .chain((0..100).map(|n| n.to_string()))
        .collect();
    [
        ("args_are_argv", odd.map(str::to_owned).to_vec()),
        ("many_args_are_argv", many),
    ]
    .into_iter()
    .map(|(name, args)| {
        let given = args.clone();
        Case::new(format!("config/process/{name}"), "config.process.args-argv")
            .bundle(move |b| b.set("/process/args", given.clone()))
            .run(move |t| t.eq("arguments", &t.agent()?.report.args, &args))
            .saboteurs([drops("/process/args/2"), alters("/process/args/3", "two")])
    })
    .collect()
}

/// The program as `tool`, in a directory that only this bundle's PATH could name.
fn tool(b: Bundle) -> Bundle {
    b.symlink("rootfs/custom/tool", "/probe")
}

fn lookup() -> Vec<Case> {
    const PATH: &str = "config.process.args-execvp-path-lookup";
    vec![
        Case::new("config/process/program_found_by_path", PATH)
            .bundle(|b| {
                tool(b)
                    .args(&["tool", "agent"])
                    .set("/process/env", ["PATH=/nowhere:/custom"])
            })
            .run(|t| {
                let report = t.must(t.agent())?.report.clone();
                t.eq("the program that runs", report.exe.value(), "/probe")
            })
            .saboteurs([alters("/process/env/0", "PATH=/nowhere")]),
        Case::new("config/process/program_not_found_by_the_callers_path", PATH)
            .bundle(|b| {
                tool(b)
                    .args(&["tool", "agent"])
                    .set("/process/env", ["PATH=/nowhere"])
            })
            .run(|t| {
                let call = t
                    .create_call()
                    .env("PATH", "/custom:/usr/sbin:/usr/bin:/sbin:/bin");
                t.never_runs_by(call)
            })
            .saboteurs([alters("/process/env/0", "PATH=/custom")]),
        Case::new(
            "config/process/program_with_a_slash_is_not_searched",
            "config.process.args-slash-no-lookup",
        )
        .bundle(|b| {
            tool(b)
                .dir("rootfs/decoy/here", 0o755)
                .symlink("rootfs/custom/here/tool", "/probe")
                .symlink("rootfs/decoy/here/tool", "/nothing")
                .args(&["here/tool", "agent"])
                .set("/process/env", ["PATH=/decoy"])
                .cwd("/custom")
        })
        .run(|t| {
            let report = t.must(t.agent())?.report.clone();
            t.eq("the program that runs", report.exe.value(), "/probe")
        })
        .saboteurs([alters("/process/args/0", "/decoy/here/tool")]),
    ]
}

fn refused() -> Vec<Case> {
    const NONE: &str = "config.process.args-at-least-one";
    const MISSING: &str = "config.process.args-not-found-errors";
    const MODE: &str = "config.process.args-not-executable-errors";
    let agent = || alters("/process/args", ["/probe", "agent"]);
    let mut cases = vec![
        Case::new("config/process/args_absent_are_refused", NONE)
            .bundle(|b| b.remove("/process/args"))
            .run(Assert::never_runs)
            .saboteurs([agent()]),
        Case::new(
            "config/process/start_needs_a_process",
            "config.process.required-at-start",
        )
        .bundle(|b| b.remove("/process"))
        .run(Assert::never_runs)
        .saboteurs([alters(
            "/process",
            json!({"args": ["/probe", "agent"], "cwd": "/", "user": {"uid": 0, "gid": 0}}),
        )]),
    ];
    let programs: [(&str, &str, &[&str]); 5] = [
        ("args_empty_are_refused", NONE, &[]),
        ("program_missing_is_refused", MISSING, &["/nope"]),
        ("program_missing_in_path_is_refused", MISSING, &["nope"]),
        (
            "program_without_execute_permission_is_refused",
            MODE,
            &["/plain"],
        ),
        ("program_that_is_a_directory_is_refused", MODE, &["/dev"]),
    ];
    cases.extend(programs.map(|(name, requirement, args)| {
        Case::new(format!("config/process/{name}"), requirement)
            .bundle(|b| b.args(args).file("rootfs/plain", 0o644, "#!/probe true\n"))
            .run(Assert::never_runs)
            .saboteurs([agent()])
    }));
    cases
}
