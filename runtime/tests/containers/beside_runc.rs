//! plimrun beside runc: the same flags, and the same answers in each state of a container.
//!
//! Needs a runc: the one that `PLIMRUN_TEST_RUNC` names, else the one on the search path.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bundle::{Bundle, text};

/// A runtime with a store and a container of its own.
struct Runtime<'a> {
    bundle: &'a Bundle,
    program: String,
    name: &'static str,
}

/// How a command ended, and the error that its log ends with.
#[derive(Debug, PartialEq)]
struct Answer {
    code: Option<i32>,
    error: String,
    stdout: String,
}

impl Runtime<'_> {
    fn id(&self) -> String {
        format!("{}{}", self.bundle.id(), self.name)
    }

    /// Calls a command; the word ID stands for the container.
    fn call(&self, args: &[&str]) -> Answer {
        let log = self.bundle.path(&format!("{}.log", self.name));
        // Absent before the first call.
        let _ = fs::remove_file(&log);
        let id = self.id();
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(self.bundle.path(self.name))
            .arg("--log")
            .arg(&log)
            .args(["--log-format", "json"])
            .args(args.iter().map(|arg| if *arg == "ID" { &id } else { *arg }))
            .current_dir(self.bundle.path(""))
            .env_remove("NOTIFY_SOCKET");
        let output = self.bundle.finish(&mut command);
        let log = fs::read_to_string(&log).unwrap_or_default();
        let mut errors = log.lines().filter_map(|line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            (entry["level"] == "error").then(|| entry["msg"].as_str().map(str::to_owned))?
        });
        let error = errors.next_back().unwrap_or_default();
        Answer {
            code: output.status.code(),
            // runc says in some of them which of its commands failed.
            error: ["exec failed: ", "runc create failed: ", "runc run failed: "]
                .iter()
                .find_map(|prefix| error.strip_prefix(prefix))
                .unwrap_or(&error)
                .replace(&id, "ID"),
            stdout: text(&output.stdout),
        }
    }

    fn ok(&self, args: &[&str]) -> Answer {
        let answer = self.call(args);
        assert_eq!(answer.code, Some(0), "{} {args:?}: {answer:?}", self.name);
        answer
    }

    fn state(&self) -> Value {
        serde_json::from_str(&self.ok(&["state", "ID"]).stdout).expect("JSON")
    }

    /// Brings a new container into a state.
    fn enter(&self, state: &str) {
        self.ok(&["delete", "--force", "ID"]);
        match state {
            "absent" => return,
            "created" => drop(self.ok(&["create", "ID"])),
            _ => drop(self.ok(&["run", "--detach", "ID"])),
        }
        match state {
            "paused" => drop(self.ok(&["pause", "ID"])),
            "stopped" => drop(self.ok(&["kill", "ID", "KILL"])),
            _ => {}
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.state()["status"] != state {
            assert!(Instant::now() < deadline, "{} is never {state}", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Runtime<'_> {
    /// A test that fails leaves no container behind either.
    fn drop(&mut self) {
        self.call(&["delete", "--force", "ID"]);
    }
}

/// plimrun and runc, and a bundle whose program sleeps.
fn both(bundle: &Bundle) -> Option<[Runtime<'_>; 2]> {
    let runc = std::env::var("PLIMRUN_TEST_RUNC").unwrap_or_else(|_| "runc".to_owned());
    let found = Command::new(&runc)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: there is no runc");
        return None;
    }
    bundle.configure(|config| {
        config["ociVersion"] = json!("1.0.2");
        config["process"]["args"] = json!(["sleep", "60"]);
    });
    let runtime = |program: &str, name| Runtime {
        bundle,
        program: program.to_owned(),
        name,
    };
    Some([
        runtime(env!("CARGO_BIN_EXE_plimrun"), "plimrun"),
        runtime(&runc, "runc"),
    ])
}

/// What leaves a container as it is, in each state; but runc 1.1 lets a paused one go on at the last. `checkpoint` is left out where it might work: then CRIU
/// has its own words.
const COMMANDS: &[&[&str]] = &[
    &["state", "ID"],
    &["kill", "ID", "0"],
    &["kill", "--all", "ID", "0"],
    &["ps", "--format", "json", "ID"],
    &["events", "--stats", "ID"],
    &["update", "--pids-limit", "50", "ID"],
];
/// What is refused, or has no effect, in one state.
const ALSO: &[(&str, &[&[&str]])] = &[
    (
        "absent",
        &[
            &["start", "ID"],
            &["delete", "ID"],
            &["delete", "--force", "ID"],
            &["pause", "ID"],
            &["resume", "ID"],
            &["exec", "ID", "true"],
            &["checkpoint", "ID"],
        ],
    ),
    (
        "created",
        &[
            &["create", "ID"],
            &["run", "ID"],
            &["resume", "ID"],
            &["exec", "ID", "true"],
            &["checkpoint", "ID"],
        ],
    ),
    (
        "running",
        &[
            &["create", "ID"],
            &["start", "ID"],
            &["delete", "ID"],
            &["resume", "ID"],
            &["exec", "ID", "sh", "-c", "exit 9"],
        ],
    ),
    (
        "paused",
        &[
            &["create", "ID"],
            &["start", "ID"],
            &["delete", "ID"],
            &["pause", "ID"],
            &["exec", "ID", "true"],
        ],
    ),
    (
        "stopped",
        &[
            &["create", "ID"],
            &["start", "ID"],
            &["pause", "ID"],
            &["resume", "ID"],
            &["exec", "ID", "true"],
            &["checkpoint", "ID"],
            &["kill", "ID", "KILL"],
        ],
    ),
];

#[test]
fn each_state_gets_the_same_answers() {
    let Some(bundle) = Bundle::new() else { return };
    let Some(runtimes) = both(&bundle) else {
        return;
    };
    for (state, also) in ALSO {
        for runtime in &runtimes {
            runtime.enter(state);
        }
        for command in also.iter().chain(COMMANDS) {
            let [ours, theirs] = runtimes.each_ref().map(|runtime| runtime.call(command));
            let words = |answer: &Answer| (answer.code, answer.error.clone());
            assert_eq!(words(&ours), words(&theirs), "{command:?}, {state}");
        }
    }
}

#[test]
fn the_same_things_are_told_of_a_container() {
    let Some(bundle) = Bundle::new() else { return };
    let Some(runtimes) = both(&bundle) else {
        return;
    };
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    let [ours, theirs] = runtimes.each_ref().map(|runtime| {
        runtime.enter("running");
        let parsed = |args: &[&str]| -> Value {
            serde_json::from_str(&runtime.ok(args).stdout).expect("JSON")
        };
        let stats = parsed(&["events", "--stats", "ID"]);
        (
            keys(&runtime.state()),
            keys(&parsed(&["list", "--format", "json"])[0]),
            keys(&stats),
            parsed(&["ps", "--format", "json", "ID"])
                .as_array()
                .map(Vec::len),
            runtime
                .ok(&["list", "--quiet"])
                .stdout
                .replace(&runtime.id(), "ID"),
        )
    });
    assert_eq!(ours, theirs);
}

/// Command lines that no container is needed for.
const WRONG: &[&[&str]] = &[
    &["nonsense"],
    &["state"],
    &["state", "ID", "more"],
    &["state", "--nonsense", "ID"],
    &["--nonsense", "state", "ID"],
    &["create"],
    &["create", "--bundle"],
    &["create", "--bundle", "/nowhere", "ID"],
    &["create", "--preserve-fds", "x", "ID"],
    &["create", "--preserve-fds", "90", "ID"],
    &["create", "--console-socket", "/nowhere", "ID"],
    &["create", "../ID"],
    &["create", ""],
    &["kill", "ID", "SIGFUN"],
    &["exec", "ID"],
    &["exec", "ID", "true"],
    &["exec", "--process", "/nowhere", "ID"],
    &["exec", "--user", "root", "ID", "true"],
    &["exec", "--preserve-fds", "x", "ID", "true"],
    &["update", "--memory", "x", "ID"],
    &["update", "--resources", "/nowhere", "ID"],
    &["events", "--interval", "0s", "ID"],
    &["list", "--format", "xml"],
    &["spec", "--bundle", "/nowhere"],
    &["spec"],
    &["restore", "--lsm-mount-context"],
    &["--log-format", "xml", "list"],
];

#[test]
fn wrong_command_lines_end_alike() {
    let Some(bundle) = Bundle::new() else { return };
    let Some(runtimes) = both(&bundle) else {
        return;
    };
    for command in WRONG {
        let [ours, theirs] = runtimes
            .each_ref()
            .map(|runtime| runtime.call(command).code);
        assert_eq!(ours, theirs, "{command:?}");
        assert_ne!(ours, Some(0), "{command:?}");
    }
    for runtime in &runtimes {
        assert_eq!(
            runtime.ok(&["list", "--quiet"]).stdout,
            "",
            "{}",
            runtime.name
        );
    }
}

/// The long names of the flags in runc's help, one a line: `--bundle value, -b value   text`.
fn flags_in(help: &str) -> Vec<&str> {
    let lines = help.lines().map(str::trim_start);
    let names = lines.filter_map(|line| line.strip_prefix("--")?.split([' ', ',', '=']).next());
    names.collect()
}

#[test]
fn every_command_and_flag_in_runcs_help_exists() {
    let Some(bundle) = Bundle::new() else { return };
    let Some([_, runc]) = both(&bundle) else {
        return;
    };
    let help = |args: &[&str]| runc.call(args).stdout;
    let known = |flags: &[plimrun::cli::Flag], help: &str, of: &str| {
        let theirs = flags_in(help);
        assert!(theirs.contains(&"help") || of != "globals", "{of}: {help}");
        for name in theirs {
            assert!(flags.iter().any(|flag| flag.name == name), "{of}: --{name}");
        }
    };
    let general = help(&["--help"]);
    known(plimrun::cli::GLOBALS, &general, "globals");
    let commands = general.split("COMMANDS:").nth(1).expect("a list");
    let commands = commands.split("GLOBAL OPTIONS:").next().expect("a list");
    let names: Vec<_> = commands
        .lines()
        .filter_map(|line| line.split([' ', ',']).find(|word| !word.is_empty()))
        .filter(|name| !["help", "init"].contains(name))
        .collect();
    assert!(names.len() >= 15, "{general}");
    for name in names {
        let command = plimrun::cli::COMMANDS
            .iter()
            .find(|command| command.name == name);
        let command = command.unwrap_or_else(|| panic!("no command {name}"));
        known(command.flags, &help(&[name, "--help"]), name);
    }
}
