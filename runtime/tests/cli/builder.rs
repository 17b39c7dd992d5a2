//! The one way in which these tests run plimrun.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plimrun::cli::rfc3339;
use plimrun::state::{Process, Record, Status, Store};
use tempfile::TempDir;

/// A root directory of its own, and the commands run on it.
pub(crate) struct Sandbox {
    dir: TempDir,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process that stands for a container's; it is ended with the test.
pub(crate) struct Stand(pub(crate) Child);

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.path("root"))
    }

    /// Runs plimrun with this sandbox's root and waits for it.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let root = self.path("root");
        let mut all = vec!["--root", root.to_str().expect("UTF-8")];
        all.extend(args);
        run(self.dir.path(), &all)
    }

    /// Records a container whose process is `pid`.
    pub(crate) fn container(&self, id: &str, status: Status, pid: i32) {
        self.record(id, status, pid, "{}");
    }

    /// The same, with a copy of a configuration.
    pub(crate) fn record(&self, id: &str, status: Status, pid: i32, config: &str) {
        let process = Process::find(pid);
        let record = Record {
            oci_version: "1.3.0".to_owned(),
            id: id.to_owned(),
            recorded: status,
            pid,
            bundle: "/bundle".into(),
            rootfs: "/bundle/rootfs".into(),
            created: rfc3339(std::time::SystemTime::now()),
            owner: 0,
            annotations: [("a".to_owned(), "b".to_owned())].into(),
            pid_start: process.map_or(0, |process| process.start),
            pid_mark: process.and_then(|process| process.mark),
            creator: None,
            init_exe: None,
            cgroup: None,
            resctrl: None,
            private_pid_namespace: true,
            plain_start: false,
            plain_delete: false,
        };
        let mut container = self.store().create(record, |_| {}).expect("recorded");
        container.write_config(config).expect("written");
        container.keep();
    }
}

/// Runs plimrun in a folder without any root of its own.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_plimrun"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("plimrun runs");
    Outcome {
        code: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self(Command::new("sleep").arg("60").spawn().expect("sleep runs"))
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0.id() as i32
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // It may have been killed by the test already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
