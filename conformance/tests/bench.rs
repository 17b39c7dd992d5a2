//! `plimsoll bench` on runtimes that are known: shell scripts that make no container and start the payload at
//! once, late, or never. The floor beside them makes real ones.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use plimsoll::bench::document::{Document, Phase, Series};
use plimsoll::bench::stats::ratio;

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
