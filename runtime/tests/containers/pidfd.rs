//! `--pidfd-socket`: the process is signalled and awaited through what arrives.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use plimrun::sys::clone::pidfd_send_signal;
use serde_json::{Value, json};

use super::bundle::{Bundle, text};
use super::terminal::take_named_descriptor;

/// Ends the process behind the descriptor, and waits until it is gone.
fn kill(pidfd: &OwnedFd) {
    pidfd_send_signal(pidfd.as_fd(), nix::libc::SIGKILL).expect("a living process");
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let ended = poll(&mut fds, PollTimeout::from(60_000u16)).expect("poll");
    assert_eq!(ended, 1, "the process lives on");
}

#[test]
fn create_run_and_exec_hand_a_descriptor_of_their_process_over() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| config["process"]["args"] = json!(["sleep", "60"]));
    let path = bundle.path("pidfd.sock");
    let listener = UnixListener::bind(&path).expect("bind");
    let (id, socket) = (bundle.id(), path.to_str().expect("UTF-8").to_owned());
    let status = || {
        let state = bundle.plimrun(&["state", &id]).stdout;
        serde_json::from_slice::<Value>(&state).expect("JSON")["status"].clone()
    };
    let call = |args: &[&str]| {
        let output = bundle.plimrun(args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        take_named_descriptor(&listener)
    };

    let (word, created) = call(&["create", "--pidfd-socket", &socket, &id]);
    assert_eq!((word.as_str(), status()), ("standard", json!("created")));
    kill(&created);
    assert_eq!(status(), "stopped");
    bundle.delete();

    let (word, init) = call(&["run", "-d", "--pidfd-socket", &socket, &id]);
    assert_eq!((word.as_str(), status()), ("standard", json!("running")));
    let (word, entered) = call(&["exec", "-d", "--pidfd-socket", &socket, &id, "sleep", "60"]);
    assert_eq!(word, "setns");
    kill(&entered);
    assert_eq!(status(), "running");
    kill(&init);
    assert_eq!(status(), "stopped");
    bundle.delete();
}

#[test]
fn a_pidfd_socket_that_is_not_there_changes_nothing() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|_| {});
    for command in ["create", "run"] {
        let output = bundle.plimrun(&[command, "--pidfd-socket", "/nowhere", &bundle.id()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("pidfd socket /nowhere"));
        assert!(!bundle.path("store").join(bundle.id()).exists());
    }
}
