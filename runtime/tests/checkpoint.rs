//! Checkpoint and restore of a real container, with a real CRIU.
//!
//! Needs root, a static busybox and a CRIU that works on this kernel; prints why it skips otherwise.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use plimsoll_fixtures::executable;
use serde_json::{Value, json};

const BUSYBOX: &str = "/bin/busybox";
/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bundle whose program counts in a file, with a store of its own.
struct Bundle {
    dir: tempfile::TempDir,
}

impl Bundle {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let bin = dir.path().join("rootfs/bin");
        fs::create_dir_all(&bin).expect("mkdir");
        executable::copy(Path::new(BUSYBOX), &bin.join("busybox")).expect("copy");
        for name in ["sh", "sleep"] {
            symlink("busybox", bin.join(name)).expect("symlink");
        }
        let bundle = Self { dir };
        bundle.configure("one");
        bundle
    }

    /// The configuration for the container of this id.
    fn configure(&self, id: &str) {
        let unique = self.dir.path().file_name().unwrap_or_default().display();
        // A line at a time is added, so that it is whole at whatever moment the program is saved.
        let count = "i=0; while :; do i=$((i+1)); echo $i >>/count; sleep 0.05; done";
        let config = json!({
            "ociVersion": "1.3.0",
            "root": {"path": "rootfs"},
            "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"],
                "args": ["sh", "-c", count]},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                {"destination": "/bundle", "type": "bind", "source": ".", "options": ["rbind"]}],
            "linux": {
                // Tests run at once, and use the same ids.
                "cgroupsPath": format!("/plimrun{unique}-{id}"),
                "maskedPaths": ["/proc/kcore", "/proc/scsi", "/proc/nothing"],
                "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"},
                    {"type": "uts"}, {"type": "network"}, {"type": "cgroup"}]},
        });
        fs::write(self.dir.path().join("config.json"), config.to_string()).expect("write");
    }

    /// Without output: what hands its standard streams to a container is not to give it files of the host's.
    fn command(&self, path: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimrun"));
        command
            .arg("--root")
            .arg(self.dir.path().join("store"))
            .arg("--log")
            .arg(self.dir.path().join("log"))
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", path)
            // Whoever runs the tests as a service has one of his own.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn plimrun(&self, path: &str, args: &[&str]) -> Output {
        let file = |name| fs::File::create(self.dir.path().join(name)).expect("a file");
        let status = self
            .command(path, args)
            .stdout(file("stdout"))
            .status()
            .expect("plimrun starts");
        let read = |name| fs::read(self.dir.path().join(name)).unwrap_or_default();
        Output {
            status,
            stdout: read("stdout"),
            stderr: read("log"),
        }
    }

    fn ok(&self, path: &str, args: &[&str]) -> Output {
        let output = self.plimrun(path, args);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {log}");
        output
    }

    /// For what leaves a container behind.
    fn detached(&self, path: &str, args: &[&str]) {
        let status = self.command(path, args).status().expect("plimrun starts");
        assert!(status.success(), "{args:?}");
    }

    fn start(&self, path: &str) {
        self.detached(path, &["run", "--detach", "one"]);
        self.wait_beyond(3);
    }

    fn count(&self) -> Option<u32> {
        let text = fs::read_to_string(self.dir.path().join("rootfs/count"));
        text.ok()?.lines().next_back()?.parse().ok()
    }

    fn wait_beyond(&self, count: u32) {
        let deadline = Instant::now() + PATIENCE;
        while self.count().is_none_or(|now| now <= count) {
            assert!(Instant::now() < deadline, "the program counts on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn status(&self, path: &str, id: &str) -> Option<Value> {
        let output = self.plimrun(path, &["state", id]);
        let state: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(state["status"].clone())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        for id in ["one", "two"] {
            self.plimrun("", &["delete", "--force", id]);
        }
    }
}

/// The bundle, and a search path with CRIU; `None`, with the reason printed, where there is no test.
fn ready() -> Option<(Bundle, String)> {
    let skip = |why: &str| {
        println!("skipped: {why}");
        None
    };
    if !nix::unistd::geteuid().is_root() {
        return skip("checkpoints need root");
    }
    if !Path::new(BUSYBOX).exists() {
        return skip("there is no static busybox");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let check = Command::new("criu").arg("check").output();
    if !check.is_ok_and(|output| output.status.success()) {
        return skip("no criu in PATH works on this kernel (scripts/peers brings one)");
    }
    Some((Bundle::new(), path))
}

#[test]
fn a_container_goes_on_where_it_was_saved() {
    let Some((bundle, path)) = ready() else {
        return;
    };
    bundle.start(&path);
    let checkpoint = ["checkpoint", "--image-path", "images", "one"];
    bundle.ok(
        &path,
        &[
            "checkpoint",
            "--image-path",
            "first",
            "--leave-running",
            "--leave-running",
            "one",
        ],
    );
    assert_eq!(bundle.status(&path, "one"), Some("running".into()));
    bundle.ok(&path, &checkpoint);
    assert_eq!(bundle.status(&path, "one"), None, "it is gone");
    let saved = bundle.count().expect("it has counted");
    let restore = [
        "restore",
        "--image-path",
        "images",
        "--work-path",
        "work",
        "--detach",
        "--pid-file",
        "pid",
        "-no-subreaper",
        "two",
    ];
    bundle.configure("two");
    bundle.detached(&path, &restore);
    bundle.wait_beyond(saved + 2);
    assert_eq!(bundle.status(&path, "two"), Some("running".into()));
    let pid = fs::read_to_string(bundle.dir.path().join("pid")).expect("a PID file");
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
    assert!(
        cgroup.contains("-two") && !cgroup.contains("-one"),
        "{cgroup}"
    );
    assert!(bundle.dir.path().join("work/restore.log").is_file());
    bundle.ok(&path, &["delete", "--force", "two"]);
    assert!(
        !Path::new(&format!("/proc/{pid}/cwd")).exists(),
        "it has ended"
    );
}

#[test]
fn memory_may_be_saved_before_and_a_restored_container_attended_to() {
    let Some((bundle, path)) = ready() else {
        return;
    };
    bundle.start(&path);
    let before = ["checkpoint", "--pre-dump", "--image-path", "before", "one"];
    let pre_dumped = bundle.plimrun(&path, &before);
    let log = String::from_utf8_lossy(&pre_dumped.stderr).into_owned();
    assert_eq!(bundle.status(&path, "one"), Some("running".into()), "{log}");
    let mut rest = vec!["checkpoint", "--image-path", "images", "one"];
    if log.contains("Tracking memory is not available") {
        println!(
            "skipped: this kernel cannot tell which memory was written (CONFIG_MEM_SOFT_DIRTY)"
        );
    } else {
        assert!(pre_dumped.status.success(), "{log}");
        rest.splice(1..1, ["--parent-path", "../before"]);
    }
    bundle.ok(&path, &rest);
    if pre_dumped.status.success() {
        let parent = fs::canonicalize(bundle.dir.path().join("images/parent"));
        let before = fs::canonicalize(bundle.dir.path().join("before"));
        assert_eq!(parent.expect("a link"), before.expect("a folder"));
    }

    let saved = bundle.count().expect("it has counted");
    bundle.configure("two");
    let mut command = bundle.command(&path, &["restore", "--image-path", "images", "two"]);
    let mut child = command.spawn().expect("plimrun starts");
    bundle.wait_beyond(saved + 2);
    // A signal for plimrun is one for the container; the first process of a PID namespace minds only
    // those that it has asked for, and KILL.
    bundle.ok(&path, &["kill", "two", "KILL"]);
    assert_eq!(child.wait().expect("plimrun ends").code(), Some(128 + 9));
    assert_eq!(bundle.status(&path, "two"), None, "it is deleted");
}

#[test]
fn a_container_that_says_when_it_is_ready_can_be_saved_too() {
    let Some((bundle, path)) = ready() else {
        return;
    };
    let manager = bundle.dir.path().join("manager");
    let socket = std::os::unix::net::UnixDatagram::bind(&manager).expect("bind");
    let told = |args: &[&str]| {
        let mut command = bundle.command(&path, args);
        command.env("NOTIFY_SOCKET", &manager);
        assert!(
            command.status().expect("plimrun starts").success(),
            "{args:?}"
        );
    };
    // `start` waits for a container that is never ready; here nobody has to.
    told(&["create", "one"]);
    bundle.detached(&path, &["start", "one"]);
    bundle.wait_beyond(3);
    bundle.ok(&path, &["checkpoint", "--image-path", "images", "one"]);
    let saved = bundle.count().expect("it has counted");
    bundle.configure("two");
    told(&["restore", "--detach", "--image-path", "images", "two"]);
    bundle.wait_beyond(saved + 2);
    bundle.ok(&path, &["delete", "--force", "two"]);
    drop(socket);
}

#[test]
fn what_cannot_be_restored_leaves_nothing() {
    let Some((bundle, path)) = ready() else {
        return;
    };
    let images = bundle.dir.path().join("images");
    fs::create_dir(&images).expect("mkdir");
    fs::write(images.join("descriptors.json"), "[]").expect("write");
    let output = bundle.plimrun(&path, &["restore", "--image-path", "images", "two"]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("restore the container with"), "{log}");
    assert_eq!(bundle.status(&path, "two"), None);
    let left = fs::read_dir(bundle.dir.path().join("store")).expect("a store");
    assert_eq!(left.count(), 0);
}

#[test]
fn without_criu_the_container_goes_on_and_the_error_says_so() {
    if !nix::unistd::geteuid().is_root() || !Path::new(BUSYBOX).exists() {
        println!("skipped: it needs root and a static busybox");
        return;
    }
    let installed = [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ];
    if installed
        .iter()
        .any(|folder| Path::new(folder).join("criu").exists())
    {
        println!("skipped: criu is installed, and found without a search path");
        return;
    }
    let bundle = Bundle::new();
    bundle.start("/bin");
    let output = bundle.plimrun("/bin", &["checkpoint", "--image-path", "images", "one"]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("find criu"), "{log}");
    assert_eq!(bundle.status("/bin", "one"), Some("running".into()));
}
