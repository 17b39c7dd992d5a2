//! Commands on containers that are records.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use plimrun::state::Status;
use serde_json::Value;

use crate::builder::{Sandbox, Stand};

#[test]
fn the_state_is_what_the_specification_says() {
    let sandbox = Sandbox::new();
    let stand = Stand::new();
    sandbox.container("k", Status::Running, stand.pid());
    let outcome = sandbox.run(&["state", "k"]);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    let state: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(state["id"], "k");
    assert_eq!(state["status"], "running");
    assert_eq!(state["pid"], stand.pid());
    assert_eq!(state["bundle"], "/bundle");
    assert_eq!(state["ociVersion"], "1.3.0");
    assert_eq!(state["annotations"]["a"], "b");
    drop(stand);
    let state: Value = serde_json::from_str(&sandbox.run(&["state", "k"]).stdout).expect("JSON");
    assert_eq!(
        (&state["status"], &state["pid"]),
        (&"stopped".into(), &0.into())
    );
}

#[test]
fn kill_sends_the_signal_that_is_named() {
    for (signal, number) in [
        (None, 15),
        (Some("KILL"), 9),
        // None that nohup(1) or a shell has its children ignore.
        (Some("SIGALRM"), 14),
        (Some("10"), 10),
    ] {
        let sandbox = Sandbox::new();
        let mut stand = Stand::new();
        sandbox.container("k", Status::Running, stand.pid());
        let args: Vec<_> = ["kill", "k"].into_iter().chain(signal).collect();
        let outcome = sandbox.run(&args);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_eq!(stand.0.wait().expect("waited for").signal(), Some(number));
        let again = sandbox.run(&args);
        assert_eq!((again.code, &*again.stderr), (1, "container not running\n"));
        assert_eq!(sandbox.run(&["kill", "--all", "k", "9"]).code, 0);
    }
}

#[test]
fn a_pid_that_another_process_has_now_gets_no_signal() {
    let sandbox = Sandbox::new();
    let mut stand = Stand::new();
    sandbox.container("k", Status::Running, stand.pid());
    let path = sandbox.path("root/k/state.json");
    let mut record: Value =
        serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
    let mark = record["pidMark"].as_u64();
    // As a kernel records it whose descriptors tell nothing, and as one whose do.
    for (start, mark) in [(1, None), (0, mark.map(|mark| mark ^ 1))] {
        record["pidStart"] = start.into();
        record["pidMark"] = mark.into();
        fs::create_dir_all(sandbox.path("root/k")).expect("made");
        fs::write(&path, record.to_string()).expect("written");
        assert!(sandbox.run(&["list"]).stdout.contains("stopped"));
        assert_eq!(sandbox.run(&["kill", "k", "KILL"]).code, 1);
        assert_eq!(sandbox.run(&["delete", "--force", "k"]).code, 0);
        assert!(
            stand.0.try_wait().expect("asked").is_none(),
            "the stranger lives"
        );
    }
}

#[test]
fn delete_is_for_stopped_containers_and_force_for_all() {
    let sandbox = Sandbox::new();
    for status in [Status::Created, Status::Running] {
        let mut stand = Stand::new();
        sandbox.container("k", status, stand.pid());
        let refused = sandbox.run(&["delete", "k"]);
        assert_eq!(refused.code, 1);
        let text = format!("cannot delete container k that is not stopped: {status}\n");
        assert_eq!(refused.stderr, text);
        assert!(
            stand.0.try_wait().expect("asked").is_none(),
            "it had no effect"
        );
        assert_eq!(sandbox.run(&["delete", "--force", "k"]).code, 0);
        assert_eq!(stand.0.wait().expect("waited for").signal(), Some(9));
        assert!(!sandbox.path("root/k").exists());
        assert_eq!(sandbox.run(&["delete", "-f", "k"]).code, 0, "again");
        let missing = sandbox.run(&["delete", "k"]);
        assert!(missing.stderr.contains("does not exist"), "{missing:?}");
    }
}

#[test]
fn what_a_killed_create_left_can_be_deleted() {
    let sandbox = Sandbox::new();
    // No record yet; a record cut short; a record whose creator is gone while its init waits.
    fs::create_dir_all(sandbox.path("root/bare/folder")).expect("made");
    fs::create_dir_all(sandbox.path("root/cut")).expect("made");
    fs::write(sandbox.path("root/cut/state.json"), "{\"ociVersion\":\"1.3").expect("written");
    let mut stand = Stand::new();
    sandbox.container("half", Status::Creating, stand.pid());

    let list = sandbox.run(&["list", "--format", "json"]);
    assert_eq!(list.code, 0);
    assert!(list.stderr.contains("container cut"), "{list:?}");
    let state = sandbox.run(&["state", "cut"]);
    assert_eq!(state.code, 1);
    assert!(state.stderr.contains("state.json"), "{state:?}");

    for id in ["bare", "cut", "half"] {
        let outcome = sandbox.run(&["delete", "--force", id]);
        assert_eq!(outcome.code, 0, "{id}: {outcome:?}");
        assert!(!sandbox.path("root").join(id).exists(), "{id}");
    }
    assert_eq!(stand.0.wait().expect("waited for").signal(), Some(9));
}

#[test]
fn poststop_hooks_run_in_order_and_a_failure_only_warns() {
    let sandbox = Sandbox::new();
    let out = sandbox.path("out");
    let script = |text: &str| serde_json::json!({"path": "/bin/sh", "args": ["sh", "-c", text], "env": ["PATH=/usr/bin:/bin"]});
    let out_text = out.display().to_string();
    let hooks = [
        script(&format!("cat > {out_text}")),
        script("exit 3"),
        script(&format!("echo third >> {out_text}")),
    ];
    let config = serde_json::json!({
        "ociVersion": "1.3.0", "root": {"path": "rootfs"}, "hooks": {"poststop": hooks},
    });
    let stand = Stand::new();
    sandbox.record("k", Status::Running, stand.pid(), &config.to_string());
    drop(stand);
    let outcome = sandbox.run(&["delete", "k"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("level=warning"), "{outcome:?}");
    let text = fs::read_to_string(&out).expect("the first hook ran");
    let (state, rest) = text.split_at(text.rfind('}').expect("a state") + 1);
    let state: Value = serde_json::from_str(state).expect("JSON");
    assert_eq!(
        (&state["id"], &state["status"]),
        (&"k".into(), &"stopped".into())
    );
    assert_eq!(rest.trim(), "third");
}

#[test]
fn a_long_list_is_as_whole_and_in_order_as_a_short_one() {
    let sandbox = Sandbox::new();
    let mut stand = Stand::new();
    let id = |number: usize| format!("c{number:03}");
    for number in 0..450 {
        let pid = if number % 7 == 0 { stand.pid() } else { 0 };
        sandbox.container(&id(number), Status::Running, pid);
    }
    fs::remove_file(sandbox.path("root/c100/state.json")).expect("removed");
    fs::write(sandbox.path("root/c300/state.json"), "{").expect("written");
    let wanted: Vec<usize> = (0..450).filter(|n| ![100, 300].contains(n)).collect();
    let list = sandbox.run(&["list", "-q"]);
    let ids: String = wanted.iter().map(|number| id(*number) + "\n").collect();
    assert_eq!((list.code, list.stdout), (0, ids));
    let list = sandbox.run(&["list"]);
    for (line, number) in list.stdout.lines().skip(1).zip(&wanted) {
        let status = if number % 7 == 0 {
            "running"
        } else {
            "stopped"
        };
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some(&*id(*number)), "{line}");
        assert_eq!(words.nth(1), Some(status), "{line}");
    }
    assert_eq!(list.stdout.lines().count(), wanted.len() + 1);
    assert!(list.stderr.contains("c300"), "{}", list.stderr);
    stand.0.kill().expect("killed");
    stand.0.wait().expect("reaped");
    assert!(!sandbox.run(&["list"]).stdout.contains("running"));
}

#[test]
fn a_list_takes_no_more_descriptors_than_it_is_allowed() {
    let sandbox = Sandbox::new();
    let stand = Stand::new();
    for number in 0..450 {
        sandbox.container(&format!("c{number}"), Status::Running, stand.pid());
    }
    let list = sandbox.run(&["list"]);
    assert_eq!(list.stdout.matches("running").count(), 450);
    // Each is fewer than are opened at once where there is room.
    for allowed in ["8", "12", "40"] {
        let output = Command::new("sh")
            .args(["-c", "ulimit -n $0 && exec \"$@\"", allowed])
            .args([env!("CARGO_BIN_EXE_plimrun"), "--root"])
            .arg(sandbox.path("root"))
            .arg("list")
            .output()
            .expect("sh runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed == list.stdout, "{allowed}: {output:?}");
    }
}

#[test]
fn list_shows_all_containers_in_order() {
    let sandbox = Sandbox::new();
    let stand = Stand::new();
    assert_eq!(sandbox.run(&["list", "-f", "json"]).stdout, "null\n");
    for id in ["b", "a"] {
        sandbox.container(id, Status::Running, stand.pid());
    }
    assert_eq!(sandbox.run(&["list", "-q"]).stdout, "a\nb\n");
    let json: Value =
        serde_json::from_str(&sandbox.run(&["list", "-f", "json"]).stdout).expect("JSON");
    assert_eq!(
        (&json[0]["id"], &json[1]["status"]),
        (&"a".into(), &"running".into())
    );
    let table = sandbox.run(&["list"]).stdout;
    let mut lines = table.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("ID          PID         STATUS "))
    );
    assert!(lines.next().is_some_and(|line| line.contains(" running ")));
}

#[test]
fn what_exec_cannot_understand_has_the_status_of_a_process_that_was_not_executed() {
    let sandbox = Sandbox::new();
    let stand = Stand::new();
    let config = r#"{"ociVersion":"1.3.0","root":{"path":"r"}}"#;
    sandbox.record("k", Status::Running, stand.pid(), config);
    for (args, code, text) in [
        (&["k"][..], 255, "usage: plimrun exec ID COMMAND [ARG]..."),
        (
            &["--process", "/nowhere", "k"],
            255,
            "/nowhere: No such file",
        ),
        (
            &["--user", "ann", "k", "true"],
            255,
            "names are not looked up",
        ),
        (
            &["--user", "1:ann", "k", "true"],
            255,
            "names are not looked up",
        ),
        (
            &["--cap", "CAP_FUN", "k", "true"],
            255,
            "the name of a capability",
        ),
        (
            &["--env", "word", "k", "true"],
            255,
            "NAME=VALUE is expected",
        ),
        (
            &["--additional-gids", "ann", "k", "true"],
            1,
            "names are not looked up",
        ),
        (&["--nonsense", "k", "true"], 1, "not defined: -nonsense"),
    ] {
        let outcome = sandbox.run(&[&["exec"], args].concat());
        assert_eq!(outcome.code, code, "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains(text), "{args:?}: {outcome:?}");
    }
}

#[test]
fn a_state_forbids_in_runcs_words() {
    let sandbox = Sandbox::new();
    let stand = Stand::new();
    sandbox.container("running", Status::Running, stand.pid());
    sandbox.container("stopped", Status::Running, 0);
    for (args, text) in [
        (
            &["start", "running"][..],
            "cannot start an already running container",
        ),
        (
            &["start", "stopped"],
            "cannot start a container that has stopped",
        ),
        (&["resume", "running"], "container not paused"),
        (&["pause", "stopped"], "container not running"),
        (
            &["exec", "stopped", "true"],
            "cannot exec in a stopped container",
        ),
        (
            &["events", "stopped"],
            "container with id stopped is not running",
        ),
        (
            &["checkpoint", "stopped"],
            "Container cannot be checkpointed in stopped state",
        ),
        (&["kill", "stopped"], "container not running"),
    ] {
        let outcome = sandbox.run(args);
        assert_ne!(outcome.code, 0, "{args:?}");
        assert_eq!(outcome.stderr, format!("{text}\n"), "{args:?}");
    }
    assert_eq!(sandbox.run(&["kill", "--all", "stopped", "9"]).code, 0);
}
