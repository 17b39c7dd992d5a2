//! What is made of logs.

use serde_json::json;

use crate::plimsoll;

const CASE: &str = "config/hostname/seen_inside";

/// A log of one case on one runtime.
fn log(machine: &str, status: &str) -> String {
    let counts = |name: &str| usize::from(name == status);
    let footer: serde_json::Map<_, _> = ["pass", "fail", "broken", "skip", "known", "xpass"]
        .into_iter()
        .map(|name| (name.to_owned(), counts(name).into()))
        .collect();
    let lines = [
        json!({"event":"header","schema":1,"plimsoll":"0.1.0","host":{"machine":machine},"cases":1,
            "runtimes":[{"name":"rt","path":"/rt","version":"1.0","sha256":"0","oci_version_max":null}]}),
        json!({"event":"case","runtime":"rt","case":CASE,"covers":["config.hostname.set"],"level":"MUST",
            "status":status,"reason":"why","expected":"a","observed":"b","ms":1.0}),
        json!({"event":"footer","runtimes":{"rt":footer},"seconds":1.0}),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

/// A log of one saboteur.
fn sabotage(machine: &str, status: &str) -> String {
    let lines = [
        json!({"event":"header","schema":1,"plimsoll":"0.1.0","host":{"machine":machine},"cases":1,
            "runtimes":[{"name":"rt","path":"/rt","version":"1.0","sha256":"0","oci_version_max":null}]}),
        json!({"event":"sabotage","case":CASE,"saboteur":"drop /hostname","requirement":"config.hostname.set",
            "status":status,"honest":null,"sabotaged":null,"reason":"why","machine":machine}),
        json!({"event":"footer","runtimes":{},"seconds":1.0}),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

#[test]
fn merged_machines_are_columns_and_decide_together() {
    let merged = plimsoll("merge v1=a.jsonl b.jsonl --format jsonl=all.jsonl --format markdown")
        .file("a.jsonl", &log("ignored", "pass"))
        .file("b.jsonl", &log("v2+systemd", "fail"))
        .run()
        .exits(1)
        .prints("| case | rt@v1 | rt@v2+systemd |")
        .prints("| `config/hostname/seen_inside` | pass | fail |");
    let all = merged.wrote("all.jsonl");
    assert_eq!(all.lines().count(), 4);
    plimsoll("merge all.jsonl --format tap")
        .file("all.jsonl", &all)
        .run()
        .exits(1)
        .prints("1..2");
}

/// The beginning of a log, and a case that has no end.
fn cut_off() -> String {
    let begin = json!({"event":"begin","runtime":"rt","case":CASE,"covers":["config.hostname.set"],
        "level":"MUST","events":1});
    let whole = log("v2", "pass");
    let header = whole.lines().next().unwrap_or_default();
    format!("{header}\n{begin}\n{{\"event\":\"ca")
}

#[test]
fn a_killed_run_is_a_result_only_where_that_is_said() {
    plimsoll("merge a.jsonl")
        .file("a.jsonl", &cut_off())
        .run()
        .exits(2)
        .says("line 3 of a.jsonl is no event");
    plimsoll("merge --killed out-of-time v2=a.jsonl v1=b.jsonl --format human")
        .file("a.jsonl", &cut_off())
        .file("b.jsonl", &log("v1", "pass"))
        .run()
        .exits(3)
        .prints("the run was cut off while this case ran: out-of-time");
}

#[test]
fn a_merge_of_files_only_says_nothing() {
    plimsoll("merge a.jsonl --format json=a.json")
        .file("a.jsonl", &log("v1", "pass"))
        .run()
        .exits(0)
        .silent();
}

#[test]
fn the_status_of_a_merge_is_that_of_the_run() {
    for (status, exit) in [
        ("pass", 0),
        ("known", 0),
        ("fail", 1),
        ("xpass", 1),
        ("broken", 3),
        ("skip", 4),
    ] {
        plimsoll("merge a.jsonl")
            .file("a.jsonl", &log("v1", status))
            .run()
            .exits(exit);
    }
}

#[test]
fn a_diff_fails_only_for_the_worse() {
    let diff = |before: &str, after: &str| {
        plimsoll("diff a.jsonl b.jsonl")
            .file("a.jsonl", &log("v1", before))
            .file("b.jsonl", &log("v1", after))
            .run()
    };
    diff("pass", "fail").exits(1).prints("! pass   -> fail");
    diff("fail", "pass")
        .exits(0)
        .prints("1 verdicts differ, 0 of them for the worse");
    diff("pass", "pass").exits(0).prints("0 verdicts differ");
}

#[test]
fn coverage_reads_the_logs_of_several_machines() {
    let covered = plimsoll("coverage a.jsonl b.jsonl --format json")
        .file("a.jsonl", &sabotage("v1", "skip"))
        .file("b.jsonl", &sabotage("v2", "killed"))
        .run()
        .exits(0);
    let report = covered.json();
    assert_eq!(
        (&report["requirements"], &report["testable"]),
        (&json!(964), &json!(932))
    );
    for key in [
        "judged",
        "covered",
        "proved",
        "by_level",
        "by_area",
        "excluded",
        "uncovered",
    ] {
        assert!(!report[key].is_null(), "{key}");
    }
}

#[test]
fn coverage_fails_below_its_goal() {
    let covered = |goal: &str| {
        plimsoll(&format!("coverage a.jsonl --at-least {goal}"))
            .file("a.jsonl", &sabotage("v1", "killed"))
            .run()
    };
    covered("95")
        .exits(1)
        .prints("1 proved")
        .says("; of priority 1 and 2 are not: ");
    covered("101").exits(2);
}

#[test]
fn a_kill_shows_case_saboteur_requirement_and_both_observations() {
    let seen = json!({"status": "fail", "requirements": ["config.hostname.set"], "what": "the name",
        "expected": "ours", "observed": "theirs"});
    let log = sabotage("v1", "killed")
        .replace("\"honest\":null", "\"honest\":{\"status\":\"pass\"}")
        .replace("\"sabotaged\":null", &format!("\"sabotaged\":{seen}"));
    let told = plimsoll("merge a.jsonl b.jsonl --format human")
        .file("a.jsonl", &log)
        .file("b.jsonl", &sabotage("v2", "skip"))
        .run()
        .exits(0);
    told.prints("killed     config/hostname/seen_inside  [drop /hostname]  config.hostname.set")
        .prints("honest: pass")
        .prints(r#"sabotaged: fail, the name: expected "ours", observed "theirs""#);
}

#[test]
fn survivors_fail_a_merged_selftest() {
    plimsoll("merge a.jsonl b.jsonl --format human")
        .file("a.jsonl", &sabotage("v1", "killed"))
        .file("b.jsonl", &sabotage("v2", "survived"))
        .run()
        .exits(1)
        .prints("2 saboteurs: 1 killed, 1 survived");
}

#[test]
fn drafts_of_expectations_are_refused_until_somebody_gives_a_reason() {
    let update = plimsoll("expect update a.jsonl --into .")
        .file("a.jsonl", &log("v1", "fail"))
        .run()
        .exits(0);
    let draft = update.wrote("rt.toml");
    assert!(
        draft.contains("runtime = \"rt\"\n") && draft.contains("reason = \"\"\n"),
        "{draft}"
    );
}
