//! `update`: what each of its flags writes, and what leaves everything as it was.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::bundle::{Bundle, text};

/// A flag, a value, and the file that shows it: on cgroup v1 with its controller, and on v2; with the text
/// there. An empty name: no such limit, which is an error.
struct Limit {
    flag: &'static str,
    value: &'static str,
    v1: (&'static str, &'static str),
    v2: (&'static str, &'static str),
}

const fn limit(
    flag: &'static str,
    value: &'static str,
    v1: (&'static str, &'static str),
    v2: (&'static str, &'static str),
) -> Limit {
    Limit {
        flag,
        value,
        v1,
        v2,
    }
}

/// In an order in which each is possible.
const LIMITS: &[Limit] = &[
    limit(
        "memory",
        "64m",
        ("memory/memory.limit_in_bytes", "67108864"),
        ("memory.max", "67108864"),
    ),
    limit(
        "memory-reservation",
        "33554432",
        ("memory/memory.soft_limit_in_bytes", "33554432"),
        ("memory.low", "33554432"),
    ),
    limit(
        "memory-swap",
        "128m",
        ("memory/memory.memsw.limit_in_bytes", "134217728"),
        ("memory.swap.max", "67108864"),
    ),
    limit(
        "kernel-memory-tcp",
        "32m",
        ("memory/memory.kmem.tcp.limit_in_bytes", "33554432"),
        ("", ""),
    ),
    limit(
        "cpu-period",
        "50000",
        ("cpu/cpu.cfs_period_us", "50000"),
        ("cpu.max", "max 50000"),
    ),
    limit(
        "cpu-quota",
        "25000",
        ("cpu/cpu.cfs_quota_us", "25000"),
        ("cpu.max", "25000 50000"),
    ),
    limit(
        "cpu-burst",
        "1000",
        ("cpu/cpu.cfs_burst_us", "1000"),
        ("cpu.max.burst", "1000"),
    ),
    limit(
        "cpu-share",
        "512",
        ("cpu/cpu.shares", "512"),
        ("cpu.weight", "59"),
    ),
    limit(
        "cpu-rt-period",
        "900000",
        ("cpu/cpu.rt_period_us", "900000"),
        ("", ""),
    ),
    limit(
        "cpu-rt-runtime",
        "1000",
        ("cpu/cpu.rt_runtime_us", "1000"),
        ("", ""),
    ),
    limit("cpu-idle", "1", ("cpu/cpu.idle", "1"), ("cpu.idle", "1")),
    limit("cpu-idle", "0", ("cpu/cpu.idle", "0"), ("cpu.idle", "0")),
    limit(
        "cpuset-cpus",
        "0",
        ("cpuset/cpuset.cpus", "0"),
        ("cpuset.cpus", "0"),
    ),
    limit(
        "cpuset-mems",
        "0",
        ("cpuset/cpuset.mems", "0"),
        ("cpuset.mems", "0"),
    ),
    limit(
        "blkio-weight",
        "200",
        ("blkio/blkio.bfq.weight", "200"),
        ("io.bfq.weight", "default 200"),
    ),
    limit(
        "pids-limit",
        "50",
        ("pids/pids.max", "50"),
        ("pids.max", "50"),
    ),
    limit(
        "pids-limit",
        "-1",
        ("pids/pids.max", "max"),
        ("pids.max", "max"),
    ),
    limit("pids-limit", "0", ("pids/pids.max", "0"), ("pids.max", "0")),
];

/// Where the limit shows, if it can; and the text there.
fn place(bundle: &Bundle, limit: &Limit) -> (Option<PathBuf>, &'static str) {
    let root = Path::new("/sys/fs/cgroup");
    let group = format!("plimrun-{}", bundle.id());
    let v2 = root.join("cgroup.controllers").exists();
    let (file, shown) = if v2 { limit.v2 } else { limit.v1 };
    let path = match file.split_once('/') {
        Some((controller, file)) => root.join(controller).join(group).join(file),
        None => root.join(group).join(file),
    };
    (Some(path).filter(|path| path.is_file()), shown)
}

fn asleep() -> Option<Bundle> {
    let bundle = Bundle::new()?;
    bundle.configure(|config| config["process"]["args"] = json!(["sleep", "60"]));
    let run = bundle.plimrun(&["run", "--detach", &bundle.id()]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    Some(bundle)
}

#[test]
fn each_flag_sets_its_limit_or_says_that_it_cannot() {
    let Some(bundle) = asleep() else { return };
    let id = bundle.id();
    for limit in LIMITS {
        let flag = format!("--{}", limit.flag);
        // On v2 the limit of swap is what is left of this one.
        let memory = ["--memory", "64m"];
        let also = if limit.flag == "memory-swap" {
            &memory[..]
        } else {
            &[]
        };
        let args = [&["update", &flag, limit.value], also, &[&id]].concat();
        let update = bundle.plimrun(&args);
        let said = text(&update.stderr);
        if let (Some(file), shown) = place(&bundle, limit) {
            assert_eq!((update.status.code(), &*said), (Some(0), ""), "{flag}");
            let now = fs::read_to_string(&file).expect("readable");
            assert_eq!(now.trim(), shown, "{flag}: {}", file.display());
        } else {
            assert_eq!(update.status.code(), Some(1), "{flag}");
            assert!(said.contains(&flag), "{said}");
        }
    }
    bundle.delete();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let Some(bundle) = asleep() else { return };
    let limit = limit(
        "pids-limit",
        "50",
        ("pids/pids.max", "50"),
        ("pids.max", "50"),
    );
    let (Some(file), _) = place(&bundle, &limit) else {
        println!("skipped: no pids controller");
        return;
    };
    let id = bundle.id();
    assert!(
        bundle
            .plimrun(&["update", "--pids-limit", "50", &id])
            .status
            .success()
    );
    for (name, contents) in [
        ("words", "no JSON"),
        ("list", "[1]"),
        (
            "type",
            r#"{"pids": {"limit": 60}, "memory": {"limit": "much"}}"#,
        ),
        ("range", r#"{"pids": {"limit": 60}, "cpu": {"shares": -5}}"#),
        (
            "contradiction",
            r#"{"pids": {"limit": 60}, "memory": {"limit": 67108864, "swap": 4096}}"#,
        ),
    ] {
        fs::write(bundle.path(name), contents).expect("write");
        let update = bundle.plimrun(&["update", "--resources", name, &id]);
        assert_eq!(update.status.code(), Some(1), "{contents}");
        assert_ne!(text(&update.stderr), "", "{contents}");
    }
    for flags in [
        ["--pids-limit", "many"],
        ["--memory", "12q"],
        ["--cpu-share", "-5"],
        ["--l3-cache-schema", "L3:0=f"],
        ["--mem-bw-schema", "MB:0=50"],
    ] {
        let update = bundle.plimrun(&["update", "--pids-limit", "60", flags[0], flags[1], &id]);
        let said = text(&update.stderr);
        assert_eq!(update.status.code(), Some(1), "{flags:?}: {said}");
        assert_ne!(said, "");
    }
    // As engines mean it, in a flag as in a file.
    let unset = bundle.plimrun(&["update", "--memory", "0", "--cpu-quota", "0", &id]);
    assert_eq!(
        (unset.status.code(), text(&unset.stderr)),
        (Some(0), String::new())
    );
    assert_eq!(fs::read_to_string(file).expect("readable").trim(), "50");
    bundle.delete();
}
