//! Terminals: handed to a socket's listener, or served in the foreground.

use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use plimrun::sys::process::adopt;
use serde_json::json;

use super::bundle::{Bundle, args, text};

/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a caller of `--console-socket` or `--pidfd-socket` does: takes one descriptor.
pub(crate) fn take_descriptor(listener: &UnixListener) -> OwnedFd {
    take_named_descriptor(listener).1
}

/// The descriptor with the text beside it.
pub(crate) fn take_named_descriptor(listener: &UnixListener) -> (String, OwnedFd) {
    use std::os::fd::AsFd;
    let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::from(60_000u16)).expect("poll");
    assert_eq!(ready, 1, "nobody connected");
    let (stream, _) = listener.accept().expect("accept");
    let mut name = [0u8; 4096];
    let mut slices = [IoSliceMut::new(&mut name)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let received = recvmsg::<()>(
        stream.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )
    .expect("a message");
    let length = received.bytes;
    let number = received
        .cmsgs()
        .expect("whole")
        .find_map(|message| match message {
            ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
            _ => None,
        })
        .expect("a descriptor");
    (text(&name[..length]), adopt(number).expect("it is open"))
}

/// Reads until the text holds `wanted`.
fn read_until(terminal: &mut File, wanted: &str) -> String {
    use std::os::fd::AsFd;
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while !text(&seen).contains(wanted) {
        assert!(Instant::now() < deadline, "only {:?}", text(&seen));
        let mut fds = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(100u8)).expect("poll") == 0 {
            continue;
        }
        let mut buffer = [0u8; 1024];
        match terminal.read(&mut buffer) {
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
            // Nobody holds the other end now.
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    text(&seen)
}

fn with_terminal(config: &mut serde_json::Value, script: &str) {
    args(config, script);
    config["process"]["terminal"] = json!(true);
    config["process"]["consoleSize"] = json!({"height": 33, "width": 77});
    let mounts = config["mounts"].as_array_mut().expect("a list");
    mounts.push(
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
        "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}),
    );
}

const SHOW: &str = "stty size; tty; test -c /dev/console; read line; echo got $line; sleep 60";

#[test]
fn a_created_container_hands_its_terminal_over() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| with_terminal(config, SHOW));
    let path = bundle.path("console.sock");
    let listener = UnixListener::bind(&path).expect("bind");
    let (id, socket) = (bundle.id(), path.to_str().expect("UTF-8").to_owned());
    let created = bundle.plimrun(&["create", "--console-socket", &socket, &id]);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let mut terminal = File::from(take_descriptor(&listener));
    let started = bundle.plimrun(&["start", &id]);
    assert!(started.status.success(), "{}", text(&started.stderr));
    let shown = read_until(&mut terminal, "/dev/");
    assert!(shown.contains("33 77"), "{shown:?}");
    terminal.write_all(b"hello\n").expect("write");
    read_until(&mut terminal, "got hello");
    bundle.delete();
}

#[test]
fn run_detached_and_exec_hand_their_terminals_over() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| with_terminal(config, SHOW));
    let path = bundle.path("console.sock");
    let listener = UnixListener::bind(&path).expect("bind");
    let (id, socket) = (bundle.id(), path.to_str().expect("UTF-8").to_owned());
    let run = bundle.plimrun(&["run", "-d", "--console-socket", &socket, &id]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let mut terminal = File::from(take_descriptor(&listener));
    read_until(&mut terminal, "33 77");
    let exec = bundle.plimrun(&[
        "exec",
        "-d",
        "-t",
        "--console-socket",
        &socket,
        &id,
        "sh",
        "-c",
        "tty; read line; echo exec $line",
    ]);
    assert!(exec.status.success(), "{}", text(&exec.stderr));
    let mut second = File::from(take_descriptor(&listener));
    second.write_all(b"again\n").expect("write");
    let shown = read_until(&mut second, "exec again");
    assert!(shown.contains("/dev/pts/"), "{shown:?}");
    bundle.delete();
}

/// Runs plimrun on a pseudo-terminal, and gives its master.
fn on_terminal(bundle: &Bundle, args: &[&str]) -> (std::process::Child, File, OwnedFd) {
    let size = Winsize {
        ws_row: 21,
        ws_col: 43,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pair = openpty(Some(&size), None).expect("a pseudo-terminal");
    let end = || Stdio::from(pair.slave.try_clone().expect("dup"));
    let child = bundle
        .command(args)
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("plimrun starts");
    (child, File::from(pair.master), pair.slave)
}

#[test]
fn the_foreground_passes_input_and_window_size_on() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| {
        with_terminal(
            config,
            "stty size; read line; echo got $line; \
             until test \"$(stty size)\" = '50 90'; do sleep 0.05; done; echo resized; exit 5",
        );
        remove(&mut config["process"], "consoleSize");
    });
    let (mut child, mut master, slave) = on_terminal(&bundle, &["run", &bundle.id()]);
    read_until(&mut master, "21 43");
    master.write_all(b"typed\n").expect("write");
    read_until(&mut master, "got typed");
    resize(&master, 50, 90);
    // What a terminal emulator's kernel does for its foreground process group, which this one is
    // not.
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGWINCH).expect("a signal");
    read_until(&mut master, "resized");
    let status = child.wait().expect("plimrun ends");
    assert_eq!(status.code(), Some(5));
    let modes = nix::sys::termios::tcgetattr(&slave).expect("a terminal");
    let local = nix::sys::termios::LocalFlags::ICANON;
    assert!(modes.local_flags.contains(local), "left raw");
}

#[test]
fn exec_in_the_foreground_has_the_callers_size() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| {
        with_terminal(config, "sleep 60");
        remove(&mut config["process"], "terminal");
        remove(&mut config["process"], "consoleSize");
    });
    let id = bundle.id();
    assert!(bundle.plimrun(&["run", "-d", &id]).status.success());
    let (mut child, mut master, _slave) = on_terminal(
        &bundle,
        &["exec", "-t", &id, "sh", "-c", "stty size; exit 6"],
    );
    read_until(&mut master, "21 43");
    assert_eq!(child.wait().expect("plimrun ends").code(), Some(6));
    bundle.delete();
}

#[test]
fn a_console_socket_that_is_not_there_changes_nothing() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| with_terminal(config, "true"));
    let created = bundle.plimrun(&["create", "--console-socket", "/nowhere", &bundle.id()]);
    assert_eq!(created.status.code(), Some(1));
    assert!(text(&created.stderr).contains("/nowhere"));
    assert!(!Path::new(&bundle.path("store").join(bundle.id())).exists());
}

fn remove(object: &mut serde_json::Value, key: &str) {
    object.as_object_mut().expect("an object").remove(key);
}

fn resize(terminal: &File, rows: u16, columns: u16) {
    plimrun::sys::tty::resize(std::os::fd::AsFd::as_fd(terminal), rows, columns).expect("resize");
}
