//! SIGINT, SIGTERM and SIGHUP end whatever runs cases: nothing is left of it, and the log and the exit status say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use plimsoll_fixtures::executable;
use serde_json::{Value, json};

mod early;
#[allow(
    dead_code,
    reason = "the rest is for targets that make one test a case"
)]
mod suite;

use early::{Endless, note, remains};

const CASE: &str = "config/hostname/seen_inside";

/// plimrun, but its call of `start` numbered `number` does something else.
fn runtime(dir: &Path, number: usize, instead: &str) -> String {
    let plimrun = suite::runtime().expect("there is a runtime");
    let (path, starts) = (dir.join("odd"), dir.join("starts"));
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" start \"*)\n  echo >>{starts}\n  \
         [ $(wc -l <{starts}) != {number} ] || {{ {}; {instead}; }} ;;\nesac\nexec {} \"$@\"\n",
        note(dir),
        plimrun.display(),
        starts = starts.display(),
    );
    executable::write(&path, script.as_bytes()).unwrap();
    format!("--runtime={}", path.display())
}

/// Begins a command on a runtime whose call of `start` numbered `number` hangs, and waits for that.
fn hanging(words: &[&str], number: usize) -> Option<(Endless, Hung)> {
    let begun = Endless::begin(|dir| {
        let runtime = runtime(dir, number, "exec sleep 1000");
        let words = words
            .iter()
            .map(|word| word.replace("{dir}", &dir.display().to_string()));
        words.chain([runtime, "--timeout=1000".into()]).collect()
    })?;
    let call = begun.until("the call", Endless::told_pid);
    let dir = begun.run_dir().expect("it works in a directory");
    let before = remains(&dir);
    for kind in ["/proc", "/sys/fs/cgroup"] {
        let of_kind = before.iter().any(|path| path.starts_with(kind));
        assert!(of_kind, "no container in {kind}: {before:?}");
    }
    Some((begun, Hung { call, dir }))
}

/// A call that hangs, and the directory of its run.
struct Hung {
    call: Pid,
    dir: PathBuf,
}

impl Hung {
    /// Nothing is left of it.
    fn gone(&self, ended: &Endless) {
        assert!(!lives(self.call), "the call lives");
        assert_eq!(remains(&self.dir), Vec::<PathBuf>::new());
        assert_eq!(ended.temporary(), Vec::<PathBuf>::new());
    }
}

fn lives(pid: Pid) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// The signal, or SIGTERM where whoever started the tests has it ignored, as nohup(1) has SIGHUP: plimsoll heeds
/// that.
fn heeded(signal: Signal) -> Signal {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap();
    if ignored & 1 << (signal as i32 - 1) == 0 {
        signal
    } else {
        Signal::SIGTERM
    }
}

/// The lines of a log, without what is not the same each time.
fn events(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            let named = event["event"].take();
            match named.as_str() {
                Some("interrupted") => {
                    let members = event.as_object_mut().unwrap();
                    assert!(members.remove("seconds").unwrap().as_f64().unwrap() > 0.0);
                    members["event"] = named;
                    event
                }
                _ => named,
            }
        })
        .collect()
}

fn merge(ended: &Endless, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .arg("merge")
        .arg(ended.file("log"))
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn a_signal_ends_a_run_whose_log_says_what_was_judged() {
    let words = [
        "run",
        CASE,
        "--repeat=3",
        "--format=jsonl={dir}/log",
        "--format=junit={dir}/junit",
    ];
    let Some((mut run, hung)) = hanging(&words, 2) else {
        return;
    };
    // Twice, as timeout(1) does.
    run.signal(Signal::SIGTERM);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.status(), Some(143), "{}", run.read("stderr"));
    hung.gone(&run);
    let said = run.read("stderr");
    assert!(
        said.ends_with("plimsoll: ended early by SIGTERM; no junit is written\n"),
        "{said}"
    );
    let shown = run.read("stdout");
    let end = format!(
        "\n\nINTERRUPTED {CASE} on odd\nended early by SIGTERM: 2 of 3 verdicts are missing\n"
    );
    assert!(
        shown.contains("1 verdict in ") && shown.ends_with(&end),
        "{shown}"
    );
    assert_eq!(run.read("junit"), "");
    let last = json!({"event": "interrupted", "by": "SIGTERM", "missing": 2,
        "running": [{"runtime": "odd", "case": CASE}],
        "runtimes": {"odd": {"pass": 1, "fail": 0, "broken": 0, "skip": 0, "known": 0, "xpass": 0}}});
    assert_eq!(
        events(&run.read("log")),
        [
            json!("header"),
            json!("begin"),
            json!("case"),
            json!("begin"),
            last
        ]
    );
    let refused = merge(&run, &[]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(
        why.contains("was ended early by SIGTERM, so it is not a result"),
        "{why}"
    );
    let broken = merge(&run, &["--killed", "out of time", "--format", "human"]);
    assert_eq!(broken.status.code(), Some(3), "{broken:?}");
}

#[test]
fn a_signal_ends_a_wait_for_the_container() {
    // The runtime says that it has started the container, and has not.
    let run = Endless::begin(|dir| {
        let words = ["run", CASE, "--timeout-factor=1000"].map(str::to_owned);
        words
            .into_iter()
            .chain([runtime(dir, 1, "exit 0")])
            .collect()
    });
    let Some(mut run) = run else {
        return;
    };
    let call = run.until("the call", Endless::told_pid);
    run.until("its end", |_| (!lives(call)).then_some(()));
    let dir = run.run_dir().expect("it works in a directory");
    assert_ne!(remains(&dir), Vec::<PathBuf>::new());
    let signal = heeded(Signal::SIGINT);
    run.signal(signal);
    let status = 128 + signal as i32;
    assert_eq!(run.status(), Some(status), "{}", run.read("stderr"));
    Hung { call, dir }.gone(&run);
    let shown = run.read("stdout");
    assert!(shown.contains("0 verdicts in "), "{shown}");
    let end = format!("ended early by {signal}: 1 of 1 verdicts are missing\n");
    assert!(shown.ends_with(&end), "{shown}");
}

#[test]
fn a_signal_ends_cases_side_by_side_wherever_they_are() {
    let run = Endless::begin(|dir| {
        let plimrun = suite::runtime().expect("there is a runtime");
        let runtime = format!("--runtime=plimrun={}", plimrun.display());
        let log = format!("--format=jsonl={}", dir.join("log").display());
        [
            "run",
            "config/hostname",
            "--repeat=10000",
            "--jobs=3",
            &runtime,
            &log,
        ]
        .map(str::to_owned)
        .to_vec()
    });
    let Some(mut run) = run else {
        return;
    };
    let verdicts = |log: &str| {
        log.lines()
            .filter(|line| line.contains(r#""status":"#))
            .count()
    };
    run.until("verdicts", |run| {
        let log = fs::read_to_string(run.file("log")).ok()?;
        (verdicts(&log) > 3).then_some(())
    });
    let dir = run.run_dir().expect("it works in a directory");
    let signal = heeded(Signal::SIGHUP);
    run.signal(signal);
    let status = 128 + signal as i32;
    assert_eq!(run.status(), Some(status), "{}", run.read("stderr"));
    assert_eq!(remains(&dir), Vec::<PathBuf>::new());
    assert_eq!(run.temporary(), Vec::<PathBuf>::new());
    let log = run.read("log");
    let passed = log.matches(r#""status":"pass""#).count();
    assert_eq!(passed, verdicts(&log), "{log}");
    let last = events(&log).pop().unwrap();
    assert_eq!(last["runtimes"]["plimrun"]["pass"], passed);
    let running = last["running"].as_array().unwrap().len();
    assert_eq!(log.matches(r#""event":"begin""#).count(), passed + running);
}

#[test]
fn a_signal_ends_the_proof_that_cases_can_fail() {
    let words = [
        "selftest",
        CASE,
        "--format=jsonl={dir}/log",
        "--format=json={dir}/json",
    ];
    // The second call is that of a sabotaged runtime.
    let Some((mut selftest, hung)) = hanging(&words, 2) else {
        return;
    };
    selftest.signal(Signal::SIGTERM);
    assert_eq!(selftest.status(), Some(143), "{}", selftest.read("stderr"));
    hung.gone(&selftest);
    let said = selftest.read("stderr");
    assert!(
        said.ends_with("plimsoll: ended early by SIGTERM; no json is written\n"),
        "{said}"
    );
    assert_eq!(selftest.read("json"), "");
    let events = events(&selftest.read("log"));
    assert_eq!(events[..2], [json!("header"), json!("begin")]);
    assert_eq!(
        events[2]["running"],
        json!([{"runtime": "odd", "case": CASE}])
    );
    assert_eq!(events.len(), 3, "{events:?}");
}

#[test]
fn a_signal_ends_a_search_for_differences() {
    let Some((mut fuzz, hung)) = hanging(&["fuzz", "--budget=60m", "--seed=1"], 2) else {
        return;
    };
    fuzz.signal(Signal::SIGTERM);
    assert_eq!(fuzz.status(), Some(143), "{}", fuzz.read("stderr"));
    hung.gone(&fuzz);
    let shown = fuzz.read("stdout");
    assert!(shown.contains("ended early by SIGTERM"), "{shown}");
}

#[test]
fn a_signal_ends_a_repetition_and_what_it_came_to_is_kept() {
    let Some((mut repro, hung)) = hanging(&["repro", CASE, "--keep={dir}/kept"], 1) else {
        return;
    };
    repro.signal(Signal::SIGTERM);
    assert_eq!(repro.status(), Some(143), "{}", repro.read("stderr"));
    hung.gone(&repro);
    assert!(
        repro.read("stdout").contains("kept in "),
        "{}",
        repro.read("stdout")
    );
    let calls = repro
        .file("kept/odd")
        .join(CASE.replace('/', "."))
        .join("calls.json");
    assert!(fs::read_to_string(calls).unwrap().contains("create"));
}
