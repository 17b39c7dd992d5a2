//! The log file, as podman and containerd read it.

use std::fs;

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
