//! `plimsoll bench diff` and `show`.

use serde_json::json;

use crate::plimsoll;

/// A result whose runtime takes `ms`, its floor 5 ms, the kernel alone 4; on the one rung of its ladder another
/// runtime takes twice as long.
fn result(ms: f64) -> String {
    let series = |group: &str, phase: &str, who: &str, ms: f64| {
        json!({
            "group": group, "pause_ms": 0, "contestant": who, "phase": phase, "ms": vec![ms; 9], "user_ms": vec![ms / 5.0; 9],
            "system_ms": vec![0.0; 9], "switches": vec![3; 9], "max_rss_kib": null, "failed": 0, "timed_out": 0,
        })
    };
    let whole = |who: &str, ms: f64| series("default", "run", who, ms);
    let rung = |who: &str, ms: f64| series("ladder/01-proc", "first", who, ms);
    let entrant =
        |name: &str, kind: &str| json!({"name": name, "kind": kind, "command": "", "version": ""});
    json!({
        "schema": 2, "plimsoll": "0.1.0", "rounds": 9, "scaling": [], "memory": [], "notes": [],
        "conditions": {
            "kernel": "", "arch": "", "cpus": 1, "cpu_model": "", "cgroups": "v1", "clock_source": "",
            "load_before": 0.0, "load_after": 0.0,
        },
        "contestants": [
            entrant("bare", "bare"), entrant("floor", "equipped"), entrant("rt", "runtime"), entrant("other", "runtime"),
        ],
        "series": [
            whole("bare", 4.0), whole("floor", 5.0), whole("rt", ms), rung("rt", ms), rung("other", 2.0 * ms),
        ],
    })
    .to_string()
}

#[test]
fn a_regression_is_exit_status_1() {
    let diff = |words: &str| {
        plimsoll(words)
            .file("old.json", &result(10.0))
            .file("new.json", &result(11.0))
            .run()
    };
    diff("bench diff old.json new.json")
        .exits(1)
        .prints("REGRESSED");
    diff("bench diff old.json new.json --threshold 20%")
        .exits(0)
        .prints("1.10×");
    diff("bench diff new.json old.json").exits(0);
}

#[test]
fn an_unreadable_result_is_usage() {
    let diff = |text: &str| {
        plimsoll("bench diff old.json new.json")
            .file("old.json", &result(10.0))
            .file("new.json", text)
            .run()
    };
    diff("{").exits(2).says("new.json").silent();
    diff(&result(1.0).replace("\"schema\":2", "\"schema\":99"))
        .exits(2)
        .says("schema is 99")
        .silent();
    plimsoll("bench diff none.json none.json")
        .run()
        .exits(2)
        .says("none.json")
        .silent();
    plimsoll("bench diff a b --threshold x")
        .run()
        .exits(2)
        .says("5%");
}

#[test]
fn a_result_is_shown_again() {
    let done = plimsoll("bench show r.json --csv r.csv --html r.html")
        .file("r.json", &result(10.0))
        .run();
    let csv = done.wrote("r.csv");
    assert_eq!(csv.lines().count(), 1 + 5 * 9);
    assert!(csv.contains("default,0,rt,run,0,10,"), "{csv}");
    let page = done.wrote("r.html");
    assert!(page.contains("run, whole") && !page.contains("/*DATA*/"));
    done.exits(0)
        .prints("2.00× [2.00–2.00] of floor, CPU 2.00×, 2.50× of bare\n")
        .prints("0.80× [0.80–0.80] of floor, CPU 0.80×\n")
        .prints("ladder, pairs of rounds, others to rt")
        .prints("  proc                          2.00× [2.00–2.00]\n");
}
