//! `plimsoll bench` on runtimes that are known: shell scripts that make no container and start the payload at
//! once, late, or never. The floor beside them makes real ones, and so does plimrun where a benchmark is ended
//! early.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use plimsoll::bench::document::{Document, Phase, Series};
use plimsoll::bench::stats::ratio;
use plimsoll::drive::{Deadline, Limits, Pidfd};
use tempfile::TempDir;

#[allow(
    dead_code,
    reason = "the rest is for targets that make one test a case"
)]
mod suite;

/// Writes a runtime that knows `run` only, and does `first` before it starts the payload.
fn runtime(dir: &Path, name: &str, first: &str) -> String {
    let path = dir.join(name);
    // NAME --root DIR run --bundle DIR ID
    let script =
        format!("#!/bin/sh\n[ \"$3\" = run ] || exit 1\n{first}\nexec \"$5/rootfs/probe\" stamp\n");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    format!("--runtime={name}={}", path.display())
}

/// Runs a benchmark; nothing where this user may not.
fn bench(dir: &Path, words: &[&str]) -> Option<(Document, Output)> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not tried: the floor needs root");
        return None;
    }
    let result = dir.join("result.json");
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["bench", "--pause", "0", "--json"])
        .arg(&result)
        .args(words)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some((Document::read(&result).unwrap(), output))
}

fn series<'a>(document: &'a Document, who: &str, phase: Phase) -> &'a Series {
    let of = |series: &&Series| series.contestant == who && series.phase == phase;
    document.series.iter().find(of).unwrap()
}

#[test]
fn a_delay_is_found_and_measured() {
    let dir = tempfile::tempdir().unwrap();
    let quick = runtime(dir.path(), "quick", "");
    let late = runtime(dir.path(), "late", "sleep 0.2");
    let Some((document, output)) = bench(dir.path(), &["--rounds", "9", &quick, &late]) else {
        return;
    };
    let run = |who| &series(&document, who, Phase::Run).ms;
    assert!(ratio(run("late"), run("quick")).unwrap().low > 1.0);
    for late in series(&document, "late", Phase::First).ms.iter().flatten() {
        assert!(*late >= 200.0, "{late}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let verdict =
        |line: &&str| line.trim_start().starts_with("run, whole ") && line.contains("ms  late");
    let line = text.lines().find(verdict).expect("a line of the verdict");
    assert!(line.ends_with("quick is faster"), "{line}");
    // The floor made its containers meanwhile.
    assert_eq!(series(&document, "floor", Phase::Run).failed, 0);
    assert_eq!(series(&document, "quick", Phase::Create).failed, 9);
}

#[test]
fn what_hangs_is_killed_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let first = format!("echo $$ >>{}\nsleep 1000", pids.display());
    let hung = runtime(dir.path(), "hung", &first);
    let Some((document, output)) = bench(dir.path(), &["--rounds", "2", "--timeout", "1", &hung])
    else {
        return;
    };
    let run = series(&document, "hung", Phase::Run);
    assert_eq!((run.failed, run.timed_out), (2, 2));
    assert_eq!(run.ms, [None, None]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("2 failed (2 killed at the time limit)"),
        "{text}"
    );
    for pid in fs::read_to_string(pids).unwrap().lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} lives");
    }
}

/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(10);

/// A benchmark that goes on until a signal ends it, in a temporary folder of its own.
struct Endless {
    dir: TempDir,
    child: Child,
    pidfd: Pidfd,
}

impl Endless {
    /// Begins it; nothing where this user may not.
    fn begin(words: &[&str], runtime: impl Fn(&Path) -> String) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("not tried: the floor needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let temporary = dir.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["bench", "--pause", "0", "--json"])
            .arg(dir.path().join("result.json"))
            .args(words)
            .arg(runtime(dir.path()))
            .env("TMPDIR", &temporary)
            .stderr(File::create(dir.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let pidfd = Pidfd::open(child.id() as i32).unwrap().unwrap();
        Some(Self { dir, child, pidfd })
    }

    /// Waits until something can be seen of it.
    fn until<T>(&self, what: &str, seen: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Deadline::after(Limits::stretched(3.0).call);
        loop {
            if let Some(seen) = seen(self) {
                return seen;
            }
            assert!(self.pidfd.alive().unwrap(), "{}", self.said());
            assert!(!deadline.left().is_zero(), "{what}: not in time");
            sleep(LOOK);
        }
    }

    /// Its directory, once it has made that.
    fn run_dir(&self) -> Option<PathBuf> {
        let mut entries = fs::read_dir(self.dir.path().join("tmp")).unwrap();
        entries.next().map(|entry| entry.unwrap().path())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for its end, and answers the exit status.
    fn status(&mut self) -> Option<i32> {
        let limit = Limits::default().event;
        if !self.pidfd.ended(Deadline::after(limit)).unwrap() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            panic!("it did not end");
        }
        self.child.wait().unwrap().code()
    }

    /// Runs another in the same temporary folder, which removes what is left of this one.
    fn next(&self) {
        let next = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["bench", "--pause", "0", "--rounds", "1", "--timeout", "5"])
            .arg(runtime(self.dir.path(), "next", ""))
            .env("TMPDIR", self.dir.path().join("tmp"))
            .output()
            .unwrap();
        assert!(next.status.success(), "{next:?}");
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    /// It says how it ended, and wrote nothing.
    fn broke_off(&self) {
        let said = self.said();
        assert!(said.contains("ended early by SIGTERM"), "{said}");
        assert!(!self.dir.path().join("result.json").exists());
        assert_eq!(self.run_dir(), None);
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

/// Processes whose mounts or command line, and cgroups whose name, tell of the run with this token.
fn remains(token: &str) -> Vec<PathBuf> {
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

#[test]
fn a_signal_ends_it_with_its_resident_containers() {
    let runtime = |_: &Path| {
        let path = suite::runtime().expect("there is a runtime");
        format!("--runtime=plimrun={}", path.display())
    };
    let words = ["--rounds", "1", "--resident", "100000"];
    let Some(mut bench) = Endless::begin(&words, runtime) else {
        return;
    };
    let dir = bench.until("its directory", Endless::run_dir);
    // Before the crowd there are two at once: one that `exec` enters, and one that is measured.
    bench.until("resident containers", |_| {
        let containers = fs::read_dir(dir.join("state-plimrun")).ok()?;
        (containers.count() >= 5).then_some(())
    });
    let token = dir.file_name().unwrap().to_str().unwrap();
    let before = remains(token);
    for kind in ["/proc", "/sys/fs/cgroup"] {
        let of_kind = before.iter().filter(|path| path.starts_with(kind));
        assert!(of_kind.count() >= 4, "{before:?}");
    }
    // Twice, as timeout(1) does.
    bench.signal(Signal::SIGTERM);
    bench.signal(Signal::SIGTERM);
    assert_eq!(bench.status(), Some(143), "{}", bench.said());
    assert_eq!(remains(token), Vec::<PathBuf>::new());
    bench.broke_off();
}

/// The process group of a runtime that hangs.
struct Hung(Pid);

impl Hung {
    /// Whether it goes: what was killed stays until the machine's init has waited for it.
    fn gone(&self) -> bool {
        let deadline = Deadline::after(Limits::default().gone);
        while killpg(self.0, None) != Err(Errno::ESRCH) && !deadline.left().is_zero() {
            sleep(LOOK);
        }
        killpg(self.0, None) == Err(Errno::ESRCH)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It may have ended before the test failed.
            let _ = killpg(self.0, Signal::SIGKILL);
        }
    }
}

/// A benchmark of a runtime that hangs.
fn hanging() -> Option<(Endless, Hung)> {
    let runtime = |dir: &Path| {
        let pid = dir.join("pid");
        // Moved there whole.
        let note = format!("echo $$ >{0}.new && mv {0}.new {0}", pid.display());
        runtime(dir, "hung", &format!("{note}\nsleep 1000"))
    };
    let bench = Endless::begin(&["--rounds", "1", "--timeout", "1000"], runtime)?;
    let hung = bench.until("the runtime", |bench| {
        let pid = fs::read_to_string(bench.dir.path().join("pid")).ok()?;
        Some(Hung(Pid::from_raw(pid.trim().parse().unwrap())))
    });
    Some((bench, hung))
}

#[test]
fn a_signal_ends_the_command_that_it_is_at() {
    let Some((mut bench, hung)) = hanging() else {
        return;
    };
    bench.signal(Signal::SIGTERM);
    assert_eq!(bench.status(), Some(143), "{}", bench.said());
    assert!(hung.gone(), "the command lives");
    bench.broke_off();
}

#[test]
fn a_further_signal_ends_it_where_it_stands() {
    let Some((mut bench, hung)) = hanging() else {
        return;
    };
    // What ends the command, and is waited for, sleeps.
    let tasks = fs::read_dir(format!("/proc/{}/task", bench.child.id())).unwrap();
    let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let watch = children.map(|pids| pids.unwrap().trim().parse().ok());
    let watch = watch.flatten().next().expect("there is a stop-watch");
    kill(Pid::from_raw(watch), Signal::SIGSTOP).unwrap();
    let deadline = Deadline::after(Limits::default().event);
    while bench.pidfd.alive().unwrap() && !deadline.left().is_zero() {
        bench.signal(Signal::SIGTERM);
        sleep(LOOK);
    }
    assert_eq!(bench.status(), Some(143), "{}", bench.said());
    assert!(bench.run_dir().is_some(), "it was cleaned up at once");
    bench.next();
    assert_eq!(bench.run_dir(), None);
    assert!(hung.gone(), "the command lives");
}
