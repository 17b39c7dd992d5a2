//! A command of plimsoll that goes on until a signal ends it early, and what is left of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plimsoll::drive::{Deadline, Limits, Pidfd};
use tempfile::TempDir;

/// Longer than any of these takes on a busy machine.
const PATIENCE: f64 = 10.0;

/// The command, in a temporary folder of its own.
pub(crate) struct Endless {
    dir: TempDir,
    child: Child,
    pidfd: Pidfd,
}

impl Endless {
    /// Begins it; the words may be of the folder. Nothing where this user makes no containers.
    pub(crate) fn begin(words: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("not tried: it needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let temporary = dir.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let into = |name| File::create(dir.path().join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(words(dir.path()))
            .env("TMPDIR", &temporary)
            .stdout(into("stdout"))
            .stderr(into("stderr"))
            .spawn()
            .unwrap();
        let pidfd = Pidfd::open(child.id() as i32).unwrap().unwrap();
        Some(Self { dir, child, pidfd })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What is in a file of its folder.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Waits until something can be seen of it.
    pub(crate) fn until<T>(&self, what: &str, seen: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Deadline::after(Limits::stretched(PATIENCE).call);
        loop {
            if let Some(seen) = seen(self) {
                return seen;
            }
            assert!(!self.ended_soon(), "{}", self.read("stderr"));
            assert!(!deadline.left().is_zero(), "{what}: not in time");
        }
    }

    /// What is in its temporary folder.
    pub(crate) fn temporary(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.file("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Its directory, once it has made that.
    pub(crate) fn run_dir(&self) -> Option<PathBuf> {
        let named = |path: &PathBuf| path.display().to_string().contains("/plimsoll-");
        self.temporary().into_iter().find(named)
    }

    /// What is in its file `pid`, where a runtime says which process it is.
    pub(crate) fn told_pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.file("pid")).ok()?;
        Some(Pid::from_raw(text.trim().parse().unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Whether it ends before it is looked again for something else.
    pub(crate) fn ended_soon(&self) -> bool {
        let look = Deadline::after(Limits::default().look);
        self.pidfd.ended(look).unwrap()
    }

    /// Waits for its end, and answers the exit status.
    pub(crate) fn status(&mut self) -> Option<i32> {
        let limit = Limits::stretched(PATIENCE).event;
        if !self.pidfd.ended(Deadline::after(limit)).unwrap() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            panic!("it did not end");
        }
        self.child.wait().unwrap().code()
    }

    /// Begins another with the same temporary folder, which removes what is left of this one.
    pub(crate) fn next(&self) {
        Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["run", "--runtime=/bin/true", "config/hostname/seen_inside"])
            .env("TMPDIR", self.file("tmp"))
            .output()
            .unwrap();
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        if self.run_dir().is_some() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            self.next();
        }
    }
}

/// What a shell writes into the file `pid` of a folder: which process it is. Moved there whole.
pub(crate) fn note(dir: &Path) -> String {
    let pid = dir.join("pid");
    format!("echo $$ >{0}.new && mv {0}.new {0}", pid.display())
}

/// Processes whose mounts or command line, and cgroups whose name, tell of the run with this directory.
pub(crate) fn remains(run_dir: &Path) -> Vec<PathBuf> {
    let token = run_dir.file_name().unwrap().to_str().unwrap();
    let mentions = |file: PathBuf| {
        fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(token))
    };
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let mut found = entries(Path::new("/proc"));
    found
        .retain(|process| mentions(process.join("mountinfo")) || mentions(process.join("cmdline")));
    let mut dirs = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = dirs.pop() {
        for below in entries(&dir).into_iter().filter(|below| below.is_dir()) {
            if below.display().to_string().contains(token) {
                found.push(below);
            } else if !below.is_symlink() {
                dirs.push(below);
            }
        }
    }
    found
}
