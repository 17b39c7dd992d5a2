//! Command lines that are wrong, help, version, spec, features.

use serde_json::Value;

use crate::builder::{Sandbox, run};

/// A command line, its exit status, and what its text holds.
const WRONG: &[(&[&str], i32, &str)] = &[
    (&["nonsense"], 3, "No help topic for 'nonsense'"),
    (&["state"], 1, "expected 1 argument(s), got 0"),
    (&["state", "a", "b"], 1, "expected 1 argument(s), got 2"),
    (
        &["state", "--nonsense", "a"],
        1,
        "flag provided but not defined: -nonsense",
    ),
    (
        &["restore", "--lsm-mount-context"],
        1,
        "flag needs an argument",
    ),
    (&["create"], 1, "usage: plimrun create ID"),
    (&["list", "x"], 1, "usage: plimrun list\n"),
    (
        &["kill", "a", "TERM", "x"],
        1,
        "expected 1 to 2 argument(s), got 3",
    ),
    (
        &["create", "--bundle"],
        1,
        "flag needs an argument: -bundle",
    ),
    (&["--root"], 1, "flag needs an argument: -root"),
    (
        &["--nonsense", "list"],
        1,
        "flag provided but not defined: -nonsense",
    ),
    (&["help", "nonsense"], 3, "No help topic for 'nonsense'"),
    (
        &["create", "--bundle", "/nowhere", "a"],
        1,
        "/nowhere/config.json",
    ),
    (
        &["create", "--preserve-fds", "x", "a"],
        1,
        "a number in range is expected",
    ),
    (&["kill", "a", "99"], 1, "unknown signal \"99\""),
    (&["kill", "--all", "a", "9"], 1, "does not exist"),
    (&["pause", "a"], 1, "container does not exist"),
    (&["resume", "a"], 1, "container does not exist"),
    (
        &["ps", "--format", "json", "a"],
        1,
        "container does not exist",
    ),
    (&["events", "--stats", "a"], 1, "container does not exist"),
    (&["events", "--interval", "0s", "a"], 1, "a positive time"),
    (&["events", "--interval", "5", "a"], 1, "a positive time"),
    (&["update", "a"], 1, "container does not exist"),
    (&["update", "--memory", "x", "a"], 1, "bytes such as 4096"),
    (&["update", "--cpu-quota", "x", "a"], 1, "a whole number"),
    (
        &["update", "--resources", "/nowhere", "a"],
        1,
        "/nowhere: No such file",
    ),
    (
        &["update", "--resources", "/proc/version", "a"],
        1,
        "expected value at line 1",
    ),
    (&["checkpoint", "a"], 1, "container does not exist"),
    (
        &["restore", "--bundle", "/nowhere", "a"],
        1,
        "/nowhere/config.json",
    ),
    (&["exec", "a", "true"], 255, "container does not exist"),
    (
        &["exec", "--preserve-fds", "x", "a", "true"],
        1,
        "a number in range is expected",
    ),
    (&["spec", "--bundle", "/nowhere"], 1, "/nowhere/config.json"),
    (&["list", "--format", "xml"], 1, "table or json"),
    (&["kill", "a", "SIGFUN"], 1, "unknown signal"),
    (&["state", "a"], 1, "container does not exist"),
    (&["delete", "a"], 1, "does not exist"),
    (&["start", "a"], 1, "container does not exist"),
    (&["state", "../a"], 1, "invalid container ID format"),
    (&["--log-format", "xml", "list"], 1, "text or json"),
    (&["--rootless", "maybe", "list"], 1, "true, false or auto"),
    (
        &["--log", "/nonexistent/log", "list"],
        1,
        "/nonexistent/log: No such file",
    ),
];

#[test]
fn wrong_command_lines_have_the_exit_status_and_text_that_clients_know() {
    let sandbox = Sandbox::new();
    for (args, code, text) in WRONG {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.code, *code, "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains(text), "{args:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
    assert!(!sandbox.path("root").exists(), "nothing is left behind");
}

#[test]
fn a_long_flag_may_have_one_dash_or_two_and_come_again() {
    let sandbox = Sandbox::new();
    for args in [
        &["list", "-quiet"][..],
        &["list", "--quiet=true", "-q"],
        &["-log-format", "json", "list", "-q"],
        &[
            "--log-format=json",
            "list",
            "-format=json",
            "--format",
            "table",
            "-q",
        ],
    ] {
        let outcome = sandbox.run(args);
        assert_eq!(
            (outcome.code, &*outcome.stdout, &*outcome.stderr),
            (0, "", ""),
            "{args:?}"
        );
    }
}

#[test]
fn version_and_help_are_printed() {
    let sandbox = Sandbox::new();
    for flag in ["--version", "-v", "-version"] {
        let outcome = sandbox.run(&[flag]);
        let lines: Vec<_> = outcome.stdout.lines().collect();
        assert_eq!((outcome.code, lines.len()), (0, 3), "{outcome:?}");
        assert!(lines[0].starts_with("plimrun version "));
        assert!(lines[1].starts_with("commit: "));
        assert_eq!(lines[2], "spec: 1.3.0");
    }
    let general = sandbox.run(&[]).stdout;
    for command in plimrun::cli::COMMANDS {
        assert_eq!(
            general.contains(&format!("\n  {} ", command.name)),
            !command.hidden
        );
        let help = sandbox.run(&[command.name, "--help"]);
        assert_eq!(help.code, 0, "{}", command.name);
        assert!(
            help.stdout
                .starts_with(&format!("Usage: plimrun {}", command.name))
        );
        assert!(
            command
                .flags
                .iter()
                .all(|flag| help.stdout.contains(flag.help))
        );
    }
}

#[test]
fn spec_writes_a_configuration_and_never_over_one() {
    let sandbox = Sandbox::new();
    for (bundle, flags) in [("a", &[][..]), ("b", &["--rootless"])] {
        let path = sandbox.path(bundle);
        std::fs::create_dir(&path).expect("made");
        let mut args = vec!["spec", "--bundle", path.to_str().expect("UTF-8")];
        args.extend(flags);
        assert_eq!(sandbox.run(&args).code, 0);
        plimrun::spec::load(&path).expect("valid");
        let before = std::fs::read(path.join("config.json")).expect("written");
        let again = sandbox.run(&args);
        assert_eq!(again.code, 1);
        assert!(again.stderr.contains("exists"), "{again:?}");
        assert_eq!(
            std::fs::read(path.join("config.json")).expect("there"),
            before
        );
    }
}

#[test]
fn features_are_json_and_standard_error_is_silent() {
    let outcome = run(&std::env::temp_dir(), &["features"]);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    let features: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(features["ociVersionMax"], "1.3.0");
    assert_eq!(
        features["linux"]["mountExtensions"]["idmap"]["enabled"],
        true
    );
}
