//! The log file, as podman and containerd read it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::builder::Sandbox;

#[test]
fn a_failure_is_one_object_in_the_file_and_a_plain_line_beside_it() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("log");
    let path = log.to_str().expect("UTF-8");
    let outcome = sandbox.run(&["--log-format=json", "--log", path, "state", "nobody"]);
    assert_eq!(outcome.stderr, "container does not exist\n");
    let text = fs::read_to_string(&log).expect("written");
    let object: Value = serde_json::from_str(&text).expect("exactly one object");
    assert_eq!(object["level"], "error");
    assert_eq!(object["msg"], "container does not exist");
    assert!(
        object["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );

    sandbox.run(&["--log", path, "state", "nobody"]);
    let text = fs::read_to_string(&log).expect("appended");
    let second = text.lines().nth(1).expect("a second line");
    assert!(
        second.contains("level=error msg=\"container does not exist\""),
        "{second}"
    );
}

#[test]
fn a_success_leaves_the_file_empty() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("log");
    let path = log.to_str().expect("UTF-8");
    assert_eq!(
        sandbox
            .run(&["--log-format", "json", "--log", path, "list"])
            .code,
        0
    );
    assert_eq!(fs::read_to_string(&log).expect("made"), "");
}

#[test]
fn a_closed_standard_stream_is_not_taken_by_the_log() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("log");
    for closed in ["0", "1", "2"] {
        let status = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" \"$@\" {closed}>&-")])
            .arg(env!("CARGO_BIN_EXE_plimrun"))
            .arg("--log")
            .arg(&log)
            .args(["--log-format=json", "state", "nobody"])
            .status()
            .expect("a shell");
        assert_eq!(status.code(), Some(1), "{closed}");
        let text = fs::read_to_string(&log).expect("written");
        let line: Value = serde_json::from_str(&text).expect("one object and nothing else");
        assert_eq!(line["level"], "error", "{closed}");
        fs::remove_file(&log).expect("removed");
    }
}
