//! `plimsoll bench` on runtimes that are known: shell scripts that make no container and start the payload at
//! once, late, or never. The floor beside them makes real ones, and so does plimrun where a benchmark is ended
//! early.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use plimsoll::bench::document::{Document, Phase, Series};
use plimsoll::bench::stats::ratio;
use plimsoll::drive::{Deadline, Limits};
use plimsoll_fixtures::executable;

mod early;
#[allow(
    dead_code,
    reason = "the rest is for targets that make one test a case"
)]
mod suite;

use early::{Endless, note, remains};

/// Writes a runtime that knows `run` only, and does `first` before it starts the payload.
fn runtime(dir: &Path, name: &str, first: &str) -> String {
    let path = dir.join(name);
    // NAME --root DIR run --bundle DIR ID
    let script =
        format!("#!/bin/sh\n[ \"$3\" = run ] || exit 1\n{first}\nexec \"$5/rootfs/probe\" stamp\n");
    executable::write(&path, script.as_bytes()).unwrap();
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
    // Several times as long as a start of a shell, on a busy machine too.
    let late = runtime(dir.path(), "late", "sleep 0.5");
    let Some((document, output)) = bench(dir.path(), &["--rounds", "9", &quick, &late]) else {
        return;
    };
    let run = |who| &series(&document, who, Phase::Run).ms;
    assert!(ratio(run("late"), run("quick")).unwrap().low > 1.0);
    for late in series(&document, "late", Phase::First).ms.iter().flatten() {
        assert!(*late >= 500.0, "{late}");
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

/// A benchmark that goes on until a signal ends it; nothing where this user may not.
fn endless(words: &[&str], runtime: impl Fn(&Path) -> String) -> Option<Endless> {
    Endless::begin(|dir| {
        let result = dir.join("result.json").display().to_string();
        let first = ["bench", "--pause", "0", "--json", &result].map(str::to_owned);
        let words = words.iter().map(ToString::to_string);
        first
            .into_iter()
            .chain(words)
            .chain([runtime(dir)])
            .collect()
    })
}

/// It says how it ended, and wrote nothing.
fn broke_off(bench: &Endless) {
    let said = bench.read("stderr");
    assert!(said.contains("ended early by SIGTERM"), "{said}");
    assert!(!bench.file("result.json").exists());
    assert_eq!(bench.run_dir(), None);
}

#[test]
fn a_signal_ends_it_with_its_resident_containers() {
    let runtime = |_: &Path| {
        let path = suite::runtime().expect("there is a runtime");
        format!("--runtime=plimrun={}", path.display())
    };
    let words = ["--rounds", "1", "--resident", "100000"];
    let Some(mut bench) = endless(&words, runtime) else {
        return;
    };
    let dir = bench.until("its directory", Endless::run_dir);
    // Before the crowd there are two at once: one that `exec` enters, and one that is measured.
    bench.until("resident containers", |_| {
        let containers = fs::read_dir(dir.join("state-plimrun")).ok()?;
        (containers.count() >= 5).then_some(())
    });
    let before = remains(&dir);
    for kind in ["/proc", "/sys/fs/cgroup"] {
        let of_kind = before.iter().filter(|path| path.starts_with(kind));
        assert!(of_kind.count() >= 4, "{before:?}");
    }
    // Twice, as timeout(1) does.
    bench.signal(Signal::SIGTERM);
    bench.signal(Signal::SIGTERM);
    assert_eq!(bench.status(), Some(143), "{}", bench.read("stderr"));
    assert_eq!(remains(&dir), Vec::<PathBuf>::new());
    broke_off(&bench);
}

/// A runtime that hangs.
struct Hung {
    group: Pid,
    /// A pipe that each process of the group holds open.
    held: File,
}

impl Hung {
    /// Whether it goes, all of it.
    fn gone(&self) -> bool {
        let deadline = Deadline::after(Limits::stretched(10.0).gone);
        deadline.readable(self.held.as_fd()).unwrap()
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It may have ended before the test failed.
            let _ = killpg(self.group, Signal::SIGKILL);
        }
    }
}

/// A benchmark of a runtime that hangs.
fn hanging() -> Option<(Endless, Hung)> {
    let runtime = |dir: &Path| {
        let held = dir.join("held").display().to_string();
        let first = format!("mkfifo {held}\nexec 9<>{held}\n{}\nsleep 1000", note(dir));
        runtime(dir, "hung", &first)
    };
    let bench = endless(&["--rounds", "1", "--timeout", "1000"], runtime)?;
    let group = bench.until("the runtime", Endless::told_pid);
    let held = File::open(bench.file("held")).unwrap();
    Some((bench, Hung { group, held }))
}

#[test]
fn a_signal_ends_the_command_that_it_is_at() {
    let Some((mut bench, hung)) = hanging() else {
        return;
    };
    bench.signal(Signal::SIGTERM);
    assert_eq!(bench.status(), Some(143), "{}", bench.read("stderr"));
    assert!(hung.gone(), "the command lives");
    broke_off(&bench);
}

#[test]
fn a_further_signal_ends_it_where_it_stands() {
    let Some((mut bench, hung)) = hanging() else {
        return;
    };
    // What ends the command, and is waited for, sleeps.
    let tasks = fs::read_dir(format!("/proc/{}/task", bench.pid())).unwrap();
    let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let watch = children.map(|pids| pids.unwrap().trim().parse().ok());
    let watch = watch.flatten().next().expect("there is a stop-watch");
    kill(Pid::from_raw(watch), Signal::SIGSTOP).unwrap();
    let deadline = Deadline::after(Limits::stretched(10.0).event);
    loop {
        bench.signal(Signal::SIGTERM);
        if bench.ended_soon() || deadline.left().is_zero() {
            break;
        }
    }
    assert_eq!(bench.status(), Some(143), "{}", bench.read("stderr"));
    assert!(bench.run_dir().is_some(), "it was cleaned up at once");
    bench.next();
    assert_eq!(bench.run_dir(), None);
    assert!(hung.gone(), "the command lives");
}
