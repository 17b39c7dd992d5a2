//! NOTIFY_SOCKET: a container says that it is ready, and the service manager hears it.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bundle::{Bundle, text};

/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service manager, and a bundle whose program sleeps.
struct Service {
    bundle: Bundle,
    manager: UnixDatagram,
}

impl Service {
    fn new() -> Option<Self> {
        let bundle = Bundle::new()?;
        bundle.configure(|config| config["process"]["args"] = json!(["sleep", "60"]));
        let manager = UnixDatagram::bind(bundle.path("manager.sock")).expect("bind");
        manager
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout is set");
        Some(Self { bundle, manager })
    }

    fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.bundle.command(args);
        command
            .env("NOTIFY_SOCKET", self.bundle.path("manager.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("plimrun starts")
    }

    /// What the manager is told next.
    fn told(&self) -> String {
        let mut buffer = [0u8; 512];
        let length = self.manager.recv(&mut buffer).expect("a message");
        text(&buffer[..length])
    }

    fn is_told_no_more(&self) {
        self.manager.set_nonblocking(true).expect("non-blocking");
        let more = self.manager.recv(&mut [0u8; 512]);
        assert_eq!(more.expect_err("silence").kind(), ErrorKind::WouldBlock);
    }

    /// The PID of the program, once it runs.
    fn pid(&self) -> i64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.bundle.plimrun(&["state", &self.bundle.id()]);
            if let Ok(state) = serde_json::from_slice::<Value>(&state.stdout)
                && state["status"] == "running"
            {
                return state["pid"].as_i64().expect("a PID");
            }
            assert!(Instant::now() < deadline, "it does not run");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Says something as the program would, through the socket that its environment names.
    fn say(&self, words: &str) {
        let pid = self.pid();
        let deadline = Instant::now() + PATIENCE;
        let manager = self.bundle.path("manager.sock").display().to_string();
        // `run` records the container as running a little before init executes the program: until then its
        // environment is that of plimrun, which names the manager's socket, and in the middle of execve(2) it is
        // empty.
        let name = loop {
            let env = std::fs::read(format!("/proc/{pid}/environ")).expect("it lives");
            let env = text(&env);
            let mut entries = env.split('\0');
            let name = entries.find_map(|entry| entry.strip_prefix("NOTIFY_SOCKET="));
            if let Some(name) = name.filter(|name| *name != manager) {
                break name.to_owned();
            }
            assert!(Instant::now() < deadline, "it is told of no socket: {env}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let socket = PathBuf::from(format!("/proc/{pid}/root{name}"));
        let client = UnixDatagram::unbound().expect("a socket");
        client
            .send_to(words.as_bytes(), &socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
    }

    /// Hears what a manager hears of a container in the background, and that the command ends then.
    fn becomes_ready(&self, mut child: Child) {
        self.say("STATUS=nearly there\nMAINPID=1\n");
        assert_eq!(child.try_wait().expect("asked"), None, "it waits");
        self.say("STATUS=here\nREADY=1\n");
        assert_eq!(self.told(), "READY=1\n");
        assert_eq!(self.told(), format!("MAINPID={}\n", self.pid()));
        // Receiving it closes the descriptor that came along, which ends the wait.
        assert_eq!(self.told(), "BARRIER=1");
        assert!(child.wait().expect("plimrun ends").success());
        self.is_told_no_more();
    }
}

#[test]
fn a_detached_run_waits_until_the_container_is_ready() {
    let Some(service) = Service::new() else {
        return;
    };
    let child = service.spawn(&["run", "--detach", &service.bundle.id()]);
    service.becomes_ready(child);
    service.bundle.delete();
}

#[test]
fn start_waits_until_the_container_is_ready() {
    let Some(service) = Service::new() else {
        return;
    };
    let id = service.bundle.id();
    let created = service.spawn(&["create", &id]).wait().expect("it ends");
    assert!(created.success());
    service.becomes_ready(service.spawn(&["start", &id]));
    service.bundle.delete();
}

#[test]
fn start_waits_no_longer_than_the_container_lives() {
    let Some(service) = Service::new() else {
        return;
    };
    let id = service.bundle.id();
    service.bundle.configure(|_| {});
    for command in ["create", "start"] {
        let status = service.spawn(&[command, &id]).wait().expect("it ends");
        assert!(status.success(), "{command}");
    }
    service.is_told_no_more();
    service.bundle.delete();
}

#[test]
fn in_the_foreground_the_manager_goes_on_watching_plimrun() {
    let Some(service) = Service::new() else {
        return;
    };
    let mut child = service.spawn(&["run", &service.bundle.id()]);
    service.say("READY=1");
    assert_eq!(service.told(), "READY=1");
    // A container that speaks often must not wait for a socket that nobody reads; 100 are more than a
    // socket's queue holds.
    for _ in 0..100 {
        service.say("WATCHDOG=1");
    }
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("a signal");
    child.wait().expect("plimrun ends");
    service.is_told_no_more();
    service.bundle.delete();
}

#[test]
fn a_manager_that_is_gone_is_a_warning() {
    let Some(service) = Service::new() else {
        return;
    };
    let mut command = service.bundle.command(&["run", "-d", &service.bundle.id()]);
    let output = service
        .bundle
        .finish(command.env("NOTIFY_SOCKET", "/nowhere"));
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("level=warning") && stderr.contains("connect to /nowhere"),
        "{stderr}"
    );
    service.bundle.delete();
}
