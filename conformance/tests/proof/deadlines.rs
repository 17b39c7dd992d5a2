//! Every deadline is stretched by `--timeout-factor`: only `drive/limit.rs` makes time limits, and
//! nothing waits but for an event until a deadline.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use plimsoll::case::Case;
use plimsoll::drive::Limits;
use plimsoll::verdict::Verdict;
use plimsoll_fixtures::executable;

use crate::toy::Toy;

/// Files that make spans of time which are no deadline of a run of cases, and why.
const SPANS: &[(&str, &str)] = &[
    ("drive/limit.rs", "here they are made"),
    ("bench/", "the benchmark's pauses and its own --timeout"),
    ("cli/bench.rs", "its options"),
    ("cli/fuzz.rs", "the budget of a search"),
    (
        "drive/interrupt.rs",
        "within what time a signal is the same request again",
    ),
    ("report/junit.rs", "how long cases took"),
    ("report/progress.rs", "how often the line is drawn"),
];

/// Files that choose how far limits are stretched, and why.
const STRETCHES: &[(&str, &str)] = &[
    ("cli/args.rs", "--timeout and --timeout-factor"),
    (
        "engine/run.rs",
        "options of which nobody says anything else",
    ),
    ("bench/tools.rs", "the benchmark has no --timeout-factor"),
];

/// The sources of the library, by their path below `src`, without their tests and comments.
fn sources() -> Vec<(String, String)> {
    fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("a folder of sources") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        let name = path
            .strip_prefix(&src)
            .expect("below it")
            .display()
            .to_string();
        (name, lines.collect::<Vec<_>>().join("\n"))
    };
    files.into_iter().map(read).collect()
}

/// Every file that has one of the words is one that may, and every one that may does.
fn only(words: &[&str], allowed: &[(&str, &str)]) {
    let sources = sources();
    assert!(sources.len() > 100, "the sources are found");
    let has = |text: &str| words.iter().any(|word| text.contains(word));
    for (name, text) in &sources {
        let may = allowed.iter().any(|(start, _)| name.starts_with(start));
        assert!(may || !has(text), "{name} has one of {words:?}");
    }
    for (start, why) in allowed {
        let does = |(name, text): &(String, String)| name.starts_with(start) && has(text);
        assert!(sources.iter().any(does), "{start} has none: {why}");
    }
}

#[test]
fn only_one_file_makes_time_limits() {
    only(
        &[
            "Duration::from_",
            "Duration::new",
            "Duration::try_from",
            "Duration::MAX",
        ],
        SPANS,
    );
}

#[test]
fn only_the_command_line_stretches_them() {
    only(&["Limits::"], STRETCHES);
}

#[test]
fn nothing_sleeps() {
    only(
        &[
            "sleep(",
            "park_timeout",
            "recv_timeout",
            "wait_timeout",
            "thread::sleep",
        ],
        &[],
    );
}

/// How long a call that hangs is waited for.
fn hangs(limits: Limits) -> Duration {
    let toy = Toy::within(limits);
    let case = Case::new("toy/hang/is_ended", "toy.hangs").run(|t| t.runtime(["hang"]).map(|_| ()));
    let begun = Instant::now();
    let verdict = toy.judge(&case, &toy.runtime);
    assert!(
        matches!(&verdict, Verdict::Fail(failure) if failure.timed_out),
        "{verdict:?}"
    );
    begun.elapsed()
}

#[test]
fn a_call_that_hangs_is_ended_when_the_stretched_limit_says_so() {
    // Unstretched, the first would take ten minutes and the second a hundredth of a second.
    assert!(hangs(Limits::with_call(600.0, 0.0001)) < Duration::from_secs(60));
    assert!(hangs(Limits::with_call(0.01, 50.0)) >= Duration::from_millis(500));
}

#[test]
fn a_run_takes_the_factor_from_the_command_line() {
    let toy = Toy::within(Limits::default());
    let hanging = toy.path().with_file_name("hanging");
    executable::write(&hanging, b"#!/bin/sh\nexec tail -f /dev/null\n").expect("a file");
    let begun = Instant::now();
    // Each call would take ten minutes.
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["run", "--timeout", "600", "--timeout-factor", "0.0005"])
        .arg("--runtime")
        .arg(format!("hanging={}", hanging.display()))
        .arg("cli/status/zero_means_done")
        .output()
        .expect("plimsoll starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("time limit"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(300));
}
