//! What engines rely on beyond the specification, with real containers; recorded from their calls.
//!
//! Needs root and a static busybox; prints why it skips otherwise.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use plimsoll_fixtures::executable;
use serde_json::{Value, json};

const BUSYBOX: &str = "/bin/busybox";
/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bundle whose program sleeps, with a store of its own.
struct Engine {
    dir: tempfile::TempDir,
    program: PathBuf,
}

impl Engine {
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() || !Path::new(BUSYBOX).exists() {
            println!("skipped: it needs root and a static busybox");
            return None;
        }
        let dir = tempfile::tempdir().expect("a folder");
        let bin = dir.path().join("rootfs/bin");
        fs::create_dir_all(&bin).expect("mkdir");
        executable::copy(Path::new(BUSYBOX), &bin.join("busybox")).expect("copy");
        for name in ["sh", "sleep", "ls"] {
            symlink("busybox", bin.join(name)).expect("symlink");
        }
        let engine = Self {
            dir,
            program: env!("CARGO_BIN_EXE_plimrun").into(),
        };
        engine.configure(&["sleep", "100"]);
        Some(engine)
    }

    fn configure(&self, args: &[&str]) {
        let config = json!({
            "ociVersion": "1.0.2-dev",
            "root": {"path": "rootfs"},
            "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"],
                "args": args},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            // Tests run at once, and each calls its container k.
            "linux": {"cgroupsPath": format!("/plimrun{}", self.name()),
                "namespaces": [{"type": "pid"}, {"type": "mount"}]},
        });
        fs::write(self.path("config.json"), config.to_string()).expect("write");
    }

    /// No other test has it.
    fn name(&self) -> String {
        let name = self.dir.path().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// With its own files for standard streams, which containers may keep open.
    fn command(&self, args: &[&str]) -> Command {
        let file = |name| File::create(self.path(name)).expect("a file");
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(self.path("store"))
            .args(args)
            .current_dir(self.dir.path())
            // Whoever runs the tests as a service has one of his own.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        let status = self.command(args).status().expect("plimrun starts");
        let read = |name| fs::read(self.path(name)).expect("a file");
        Output {
            status,
            stdout: read("stdout"),
            stderr: read("stderr"),
        }
    }

    /// Succeeds, and says nothing on standard error.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{args:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn state(&self) -> Value {
        serde_json::from_str(&self.ok(&["state", "k"])).expect("JSON")
    }
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.run(&["delete", "--force", "k"]);
    }
}

#[test]
fn a_container_lives_by_the_calls_of_an_engine() {
    for name in ["plimrun", "runc", "crun"] {
        let Some(mut engine) = Engine::new() else {
            return;
        };
        // Some engines judge a runtime by the name of its file.
        let link = engine.path(name);
        symlink(&engine.program, &link).expect("symlink");
        engine.program = link;
        engine.ok(&[
            "--systemd-cgroup=false",
            "create",
            "--bundle",
            ".",
            "--pid-file",
            "pid",
            "--no-new-keyring",
            "--no-pivot=false",
            "k",
        ]);
        let state = engine.state();
        let pid = fs::read_to_string(engine.path("pid")).expect("a PID file");
        assert_eq!(pid, state["pid"].to_string(), "decimal, and no newline");
        assert_eq!(state["status"], "created");
        engine.ok(&["start", "k"]);
        assert_eq!(
            engine.ok(&["ps", "--format", "json", "k"]),
            format!("[{pid}]\n")
        );
        engine.ok(&[
            "exec",
            "--detach",
            "--pid-file",
            "pid2",
            "k",
            "sleep",
            "100",
        ]);
        let second = fs::read_to_string(engine.path("pid2")).expect("a PID file");
        assert!(
            second.parse::<i32>().is_ok_and(|second| second > 0),
            "{second:?}"
        );
        let used: Value =
            serde_json::from_str(&engine.ok(&["events", "--stats", "k"])).expect("JSON");
        assert_eq!((&used["type"], &used["id"]), (&"stats".into(), &"k".into()));
        engine.ok(&["pause", "k"]);
        assert_eq!(engine.state()["status"], "paused");
        engine.ok(&["resume", "k"]);
        engine.ok(&["kill", "k", "9"]);
        wait_for("it ends", || engine.state()["status"] == "stopped");
        engine.ok(&["kill", "--all", "k", "9"]);
        engine.ok(&["delete", "k"]);
        engine.ok(&["delete", "--force", "k"]);
        let gone = engine.run(&["delete", "k"]);
        assert!(String::from_utf8_lossy(&gone.stderr).contains("does not exist"));
    }
}

#[test]
fn a_process_that_cannot_be_executed_leaves_no_pid_file() {
    let Some(engine) = Engine::new() else {
        return;
    };
    engine.ok(&["run", "--detach", "k"]);
    for (program, text) in [
        (
            "nowhere",
            "exec: \"nowhere\": executable file not found in $PATH",
        ),
        (
            "/nowhere",
            "exec: \"/nowhere\": stat /nowhere: no such file or directory",
        ),
        (
            "/proc/version",
            "exec: \"/proc/version\": permission denied",
        ),
    ] {
        let output = engine.run(&["exec", "--detach", "--pid-file", "pid", "k", program]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{stderr}");
        assert!(stderr.starts_with(text), "{stderr}");
        assert!(!engine.path("pid").exists());
    }
}

#[test]
fn a_command_that_does_not_exist_fails_at_create() {
    let Some(engine) = Engine::new() else {
        return;
    };
    engine.configure(&["/nowhere"]);
    let output = engine.run(&[
        "--log",
        "log",
        "--log-format",
        "json",
        "create",
        "--pid-file",
        "pid",
        "k",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let log = fs::read_to_string(engine.path("log")).expect("a log");
    let object: Value = serde_json::from_str(&log).expect("exactly one object");
    let message = object["msg"].as_str().unwrap_or_default();
    assert!(
        message.contains("stat /nowhere: no such file or directory"),
        "{log}"
    );
    assert!(!engine.path("pid").exists());
    assert_eq!(engine.ok(&["list", "--quiet"]), "");
}

#[test]
fn what_an_engine_leaks_reaches_no_container() {
    let Some(engine) = Engine::new() else {
        return;
    };
    // Ten descriptors from 3 on, as buildah has them open when it calls.
    let leaky = |args: &str| {
        let pipes: Vec<String> = (3..=12).map(|fd| format!("{fd}</dev/null")).collect();
        let pipes = pipes.join(" ");
        let store = engine.path("store").display().to_string();
        let program = engine.program.display();
        let script = format!("exec bash -c 'exec {pipes}; exec {program} --root {store} {args}'");
        let file = |name| File::create(engine.path(name)).expect("a file");
        let status = Command::new("bash")
            .args(["-c", &script])
            .current_dir(engine.dir.path())
            .stdin(Stdio::null())
            .stdout(file("leaked"))
            .stderr(Stdio::null())
            .status()
            .expect("bash starts");
        assert!(status.success(), "{args}");
    };
    leaky("create k");
    leaky("start k");
    let pid = engine.state()["pid"].to_string();
    let open = || -> Vec<String> {
        let listed = fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives");
        // One may go while they are listed.
        let names = listed.flatten().map(|entry| entry.file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    // `start` returns while execve(2) closes what init had open.
    wait_for("0, 1 and 2 alone are open", || open() == ["0", "1", "2"]);
    leaky("exec k ls /proc/self/fd");
    let listed = fs::read_to_string(engine.path("leaked")).expect("a list");
    // 3 is the folder that ls reads.
    assert_eq!(
        listed.split_whitespace().collect::<Vec<_>>(),
        ["0", "1", "2", "3"]
    );
}

#[test]
fn zero_means_unset_except_where_it_is_a_value() {
    let Some(engine) = Engine::new() else {
        return;
    };
    engine.ok(&["run", "--detach", "k"]);
    let update = |how: &[&str], resources: &Value| {
        let mut args = vec!["update"];
        args.extend(how);
        args.push("k");
        fs::write(engine.path("resources"), resources.to_string()).expect("write");
        let stdin = File::open(engine.path("resources")).expect("a file");
        let status = engine
            .command(&args)
            .stdin(stdin)
            .status()
            .expect("plimrun starts");
        let stderr = fs::read_to_string(engine.path("stderr")).expect("a file");
        assert!(status.success(), "{how:?} {resources}: {stderr}");
    };
    let stats = || -> Value {
        let text = engine.ok(&["events", "--stats", "k"]);
        serde_json::from_str(&text).expect("JSON")
    };
    let limits = || {
        let data = stats()["data"].clone();
        (
            data["memory"]["usage"]["limit"].clone(),
            data["pids"]["limit"].clone(),
        )
    };
    // As dockerd 20.10 sends it.
    update(
        &["--resources", "-"],
        &json!({"memory": {"limit": 67_108_864}, "pids": {"limit": 50}}),
    );
    assert_eq!(limits(), (67_108_864.into(), 50.into()));
    update(
        &["--resources=-"],
        &json!({"memory": {"limit": 0, "kernel": 0, "reservation": 0, "swap": 0},
            "cpu": {"shares": 0, "quota": 0, "period": 0}, "blockIO": {"weight": 0}}),
    );
    assert_eq!(
        limits(),
        (67_108_864.into(), 50.into()),
        "nothing has changed"
    );
    engine.ok(&["update", "--pids-limit", "-1", "--memory", "32m", "k"]);
    assert_eq!(limits().0, 33_554_432, "a flag has units");
    assert_ne!(limits().1, 50, "and -1 is no limit");
}

#[test]
fn a_run_whose_caller_dies_can_be_cleaned_up() {
    let Some(engine) = Engine::new() else {
        return;
    };
    let mut child: Child = engine
        .command(&["run", "k"])
        .spawn()
        .expect("plimrun starts");
    wait_for("it runs", || {
        let output = engine.run(&["list", "--format", "json"]);
        String::from_utf8_lossy(&output.stdout).contains("running")
    });
    let pid = engine.state()["pid"].to_string();
    // conmon and go-runc have the kernel kill a runtime whose caller is gone.
    child.kill().expect("killed");
    child.wait().expect("waited for");
    engine.ok(&["delete", "--force", "k"]);
    wait_for("its init ends", || {
        !Path::new(&format!("/proc/{pid}/cwd")).exists()
    });
    assert_eq!(engine.ok(&["list", "--quiet"]), "");
}
