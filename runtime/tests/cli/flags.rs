//! Every flag of runc 1.5.1, by its sources: taken, and the command goes on to what it is about.

use std::fs;

use crate::builder::{Sandbox, run};

/// A flag and a value to try it with; none for a switch.
type Try = (&'static str, Option<&'static str>);

/// Commands, the flags of each, and what is said in an empty store once they are understood.
const COMMANDS: &[(&str, &[Try], &str)] = &[
    ("create", CREATE, "config.json: No such file"),
    ("run", RUN, "config.json: No such file"),
    ("restore", RESTORE, "config.json: No such file"),
    ("start", &[], GONE),
    ("state", &[], GONE),
    ("pause", &[], GONE),
    ("resume", &[], GONE),
    ("kill", &[("all", None)], GONE),
    ("delete", &[("force", None)], GONE),
    ("exec", EXEC, GONE),
    ("ps", &[("format", Some("json"))], GONE),
    ("events", &[("interval", Some("5s")), ("stats", None)], GONE),
    ("update", UPDATE, GONE),
    ("checkpoint", CHECKPOINT, GONE),
    ("list", &[("format", Some("json")), ("quiet", None)], ""),
    ("features", &[], ""),
    ("spec", &[("bundle", Some("new")), ("rootless", None)], ""),
];

const GONE: &str = "container does not exist";

const CREATE: &[Try] = &[
    ("bundle", Some(".")),
    ("console-socket", Some("s")),
    ("pidfd-socket", Some("s")),
    ("pid-file", Some("f")),
    ("no-pivot", None),
    ("no-new-keyring", None),
    ("preserve-fds", Some("0")),
];

const RUN: &[Try] = &[
    ("bundle", Some(".")),
    ("console-socket", Some("s")),
    ("pidfd-socket", Some("s")),
    ("pid-file", Some("f")),
    ("no-pivot", None),
    ("no-new-keyring", None),
    ("preserve-fds", Some("0")),
    ("detach", None),
    ("keep", None),
    ("no-subreaper", None),
];

const EXEC: &[Try] = &[
    ("console-socket", Some("s")),
    ("cwd", Some("/")),
    ("env", Some("A=b")),
    ("tty", None),
    ("user", Some("1:2")),
    ("additional-gids", Some("3")),
    ("process", Some("f")),
    ("detach", None),
    ("pid-file", Some("f")),
    ("process-label", Some("l")),
    ("apparmor", Some("p")),
    ("no-new-privs", None),
    ("cap", Some("CAP_KILL")),
    ("preserve-fds", Some("0")),
    ("cgroup", Some("below")),
    ("ignore-paused", None),
];

const UPDATE: &[Try] = &[
    ("resources", Some("resources.json")),
    ("blkio-weight", Some("100")),
    ("cpu-period", Some("100000")),
    ("cpu-quota", Some("50000")),
    ("cpu-burst", Some("1000")),
    ("cpu-share", Some("512")),
    ("cpu-rt-period", Some("100000")),
    ("cpu-rt-runtime", Some("1000")),
    ("cpu-idle", Some("1")),
    ("cpuset-cpus", Some("0")),
    ("cpuset-mems", Some("0")),
    ("kernel-memory", Some("64m")),
    ("kernel-memory-tcp", Some("64m")),
    ("memory", Some("64m")),
    ("memory-reservation", Some("32m")),
    ("memory-swap", Some("-1")),
    ("pids-limit", Some("50")),
    ("l3-cache-schema", Some("L3:0=f")),
    ("mem-bw-schema", Some("MB:0=50")),
];

const CHECKPOINT: &[Try] = &[
    ("image-path", Some("i")),
    ("work-path", Some("w")),
    ("parent-path", Some("p")),
    ("leave-running", None),
    ("tcp-established", None),
    ("tcp-skip-in-flight", None),
    ("link-remap", None),
    ("ext-unix-sk", None),
    ("shell-job", None),
    ("lazy-pages", None),
    ("status-fd", Some("1")),
    ("page-server", Some("127.0.0.1:27")),
    ("file-locks", None),
    ("pre-dump", None),
    ("manage-cgroups-mode", Some("soft")),
    ("empty-ns", Some("network")),
    ("auto-dedup", None),
];

const RESTORE: &[Try] = &[
    ("console-socket", Some("s")),
    ("image-path", Some("i")),
    ("work-path", Some("w")),
    ("tcp-established", None),
    ("ext-unix-sk", None),
    ("shell-job", None),
    ("file-locks", None),
    ("manage-cgroups-mode", Some("soft")),
    ("bundle", Some(".")),
    ("detach", None),
    ("pid-file", Some("f")),
    ("no-subreaper", None),
    ("no-pivot", None),
    ("empty-ns", Some("network")),
    ("auto-dedup", None),
    ("lazy-pages", None),
    ("lsm-profile", Some("apparmor:p")),
    ("lsm-mount-context", Some("c")),
];

const GLOBALS: &[Try] = &[
    ("debug", None),
    ("log", Some("log")),
    ("log-format", Some("json")),
    ("root", Some("other")),
    ("systemd-cgroup", None),
    ("rootless", Some("auto")),
];

/// The ways to write a flag, as clients do.
fn spellings((name, value): Try) -> Vec<Vec<String>> {
    match value {
        None => vec![
            vec![format!("--{name}")],
            vec![format!("-{name}")],
            vec![format!("--{name}=true"), format!("--{name}")],
        ],
        Some(value) => vec![
            vec![format!("--{name}"), value.to_owned()],
            vec![format!("-{name}"), value.to_owned()],
            vec![format!("--{name}={value}"), format!("-{name}={value}")],
        ],
    }
}

/// Those that want no container.
fn takes_no_id(command: &str) -> bool {
    ["list", "features", "spec"].contains(&command)
}

#[test]
fn every_flag_of_runc_is_taken_in_every_spelling() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("resources.json"), "{}").expect("write");
    for (command, flags, said) in COMMANDS {
        let tries = flags.iter().flat_map(|flag| spellings(*flag));
        for words in tries.chain([Vec::new()]) {
            // `spec` writes, and never twice.
            let _ = fs::remove_dir_all(sandbox.path("new"));
            let _ = fs::remove_file(sandbox.path("config.json"));
            fs::create_dir(sandbox.path("new")).expect("mkdir");
            let mut args = vec![*command];
            args.extend(words.iter().map(String::as_str));
            if !takes_no_id(command) {
                args.push("nobody");
            }
            if *command == "exec" {
                args.push("true");
            }
            // It is meant for what may be gone.
            let forced = *command == "delete" && !words.is_empty();
            let said = if forced { "" } else { *said };
            let outcome = sandbox.run(&args);
            let code = match (said.is_empty(), *command) {
                (true, _) => 0,
                (false, "exec") => 255,
                (false, _) => 1,
            };
            assert_eq!(outcome.code, code, "{args:?}: {outcome:?}");
            assert!(outcome.stderr.contains(said), "{args:?}: {outcome:?}");
        }
    }
}

#[test]
fn every_global_flag_of_runc_is_taken_before_the_command() {
    let sandbox = Sandbox::new();
    for flag in GLOBALS {
        for words in spellings(*flag) {
            let mut args: Vec<_> = words.iter().map(String::as_str).collect();
            args.extend(["state", "nobody"]);
            let outcome = run(&sandbox.path(""), &args);
            assert_eq!(outcome.code, 1, "{args:?}: {outcome:?}");
            assert!(outcome.stderr.contains(GONE), "{args:?}: {outcome:?}");
        }
    }
}
