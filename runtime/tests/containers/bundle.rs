//! Bundles with busybox inside, and plimrun called on them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use plimsoll_fixtures::executable;
use serde_json::{Value, json};

const BUSYBOX: &str = "/bin/busybox";

/// A bundle with a store of its own.
pub(crate) struct Bundle {
    dir: tempfile::TempDir,
}

impl Bundle {
    /// `None`, with the reason printed, where this machine cannot run containers.
    pub(crate) fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: containers of this test need root");
            return None;
        }
        if !Path::new(BUSYBOX).exists() {
            println!("skipped: {BUSYBOX} is not there");
            return None;
        }
        let dir = tempfile::tempdir().expect("a folder");
        let bin = dir.path().join("rootfs/bin");
        fs::create_dir_all(&bin).expect("mkdir");
        // Whatever the umask: some containers have another user.
        for folder in [&dir.path().join("rootfs"), &bin] {
            fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("chmod");
        }
        executable::copy(Path::new(BUSYBOX), &bin.join("busybox")).expect("copy");
        for name in [
            "sh", "cat", "sleep", "true", "ls", "stty", "tty", "test", "pwd", "id", "env", "nc",
            "sed", "grep", "mkdir",
        ] {
            symlink("busybox", bin.join(name)).expect("symlink");
        }
        Some(Self { dir })
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut config = json!({
            "ociVersion": "1.3.0",
            "root": {"path": "rootfs"},
            "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"],
                "args": ["true"]},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"},
                {"type": "uts"}, {"type": "network"}, {"type": "cgroup"}]},
        });
        change(&mut config);
        fs::write(self.dir.path().join("config.json"), config.to_string()).expect("write");
    }

    /// A file beside the root file system.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// plimrun with a store of its own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimrun"));
        command
            .arg("--root")
            .arg(self.path("store"))
            .args(args)
            .current_dir(self.dir.path())
            // Whoever runs the tests as a service has one of his own.
            .env_remove("NOTIFY_SOCKET");
        command
    }

    pub(crate) fn plimrun(&self, args: &[&str]) -> Output {
        self.finish(&mut self.command(args))
    }

    /// Runs a command to its end. Its output goes to files, not pipes: a container that outlives the
    /// command would hold a pipe open.
    pub(crate) fn finish(&self, command: &mut Command) -> Output {
        let file = |name| fs::File::create(self.path(name)).expect("a file");
        let status = command
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .status()
            .expect("plimrun starts");
        let read = |name| fs::read(self.path(name)).expect("a file");
        Output {
            status,
            stdout: read("stdout"),
            stderr: read("stderr"),
        }
    }

    /// Deletes the container, whatever it does.
    pub(crate) fn delete(&self) {
        let deleted = self.plimrun(&["delete", "--force", &self.id()]);
        assert!(deleted.status.success(), "{}", text(&deleted.stderr));
    }

    pub(crate) fn run(&self, change: impl FnOnce(&mut Value)) -> Output {
        self.configure(change);
        self.plimrun(&["run", &self.id()])
    }

    /// Unlike that of any other test, since cgroups are named for it.
    pub(crate) fn id(&self) -> String {
        let name = self.dir.path().file_name().unwrap_or_default();
        format!("t{}", name.to_string_lossy().trim_start_matches('.'))
    }
}

impl Drop for Bundle {
    /// A test that fails leaves no container behind either.
    fn drop(&mut self) {
        if self.path("store").join(self.id()).exists() {
            self.plimrun(&["delete", "--force", &self.id()]);
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn args(config: &mut Value, script: &str) {
    config["process"]["args"] = json!(["sh", "-c", script]);
}
