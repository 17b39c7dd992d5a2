//! What `plimsoll fuzz` judges of one runtime, it can find wrong: each thing that a config makes
//! us expect is seen otherwise under a runtime that is wrong in just that.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use plimsoll::drive::Runtime;
use plimsoll::fuzz::expected::expected;
use plimsoll::fuzz::observe::observe;
use plimsoll::fuzz::search::{Pair, Search};
use plimsoll::fuzz::strategy::Change;
use plimsoll::observe::facts;
use plimsoll::sabotage::{How, Saboteur, alters, drops, edits, lies, wraps};
use serde_json::{Value, json};

#[allow(
    dead_code,
    reason = "the rest is for targets that make one test a case"
)]
mod suite;

use suite::Suite;

/// A config with everything that is judged.
fn everything() -> Vec<Change> {
    let set = |pointer, value| Change { pointer, value };
    vec![
        set("/hostname", json!("drawn-host")),
        set("/domainname", json!("drawn-domain")),
        set("/root/readonly", json!(true)),
        set(
            "/process/user",
            json!({"uid": 7, "gid": 8, "umask": 9, "additionalGids": [10, 11]}),
        ),
        set("/process/env/-", json!("V0=drawn")),
        set("/process/cwd", json!("/work")),
        set(
            "/process/rlimits",
            json!([{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}]),
        ),
        set(
            "/process/capabilities",
            json!({"bounding": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
                "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}),
        ),
        set("/process/noNewPrivileges", json!(true)),
        set("/process/oomScoreAdj", json!(77)),
        set(
            "/mounts/-",
            json!({"destination": "/drawn/tmpfs", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "noexec", "mode=711", "size=64k"]}),
        ),
        set(
            "/linux/namespaces",
            json!([{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "network"}, {"type": "ipc"}]),
        ),
        set(
            "/linux/sysctl",
            json!({"kernel.msgmax": "4321", "net.ipv4.ip_forward": "1"}),
        ),
        set("/linux/personality", json!({"domain": "LINUX32"})),
        set(
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["sysinfo", "mincore", "syncfs"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}]}),
        ),
        set("/linux/maskedPaths", json!(["/proc/bus"])),
        set("/linux/readonlyPaths", json!(["/proc/irq"])),
        set(
            "/linux/devices",
            json!([{"path": "/dev/drawn", "type": "c", "major": 1, "minor": 3,
                "fileMode": 0o640, "uid": 12, "gid": 13}]),
        ),
        set("/linux/resources/pids", json!({"limit": 99})),
        set("/linux/resources/memory", json!({"limit": 99 << 20})),
    ]
}

/// Names of what is judged, with a runtime that is wrong in it.
type Wrong = Vec<(&'static [&'static str], Saboteur)>;

/// Wrong in what the program is given.
fn of_the_process() -> Wrong {
    vec![
        (
            &[
                "report/uid/effective",
                "report/uid/real",
                "report/uid/saved",
            ],
            alters("/process/user/uid", 70),
        ),
        (
            &[
                "report/gid/effective",
                "report/gid/real",
                "report/gid/saved",
            ],
            alters("/process/user/gid", 80),
        ),
        (&["report/umask"], drops("/process/user/umask")),
        (&["report/groups"], drops("/process/user/additionalGids/0")),
        (&["report/env"], alters("/process/env", json!([]))),
        (&["report/args"], alters("/process/args/-", "more")),
        (&["report/cwd"], alters("/process/cwd", "/")),
        (
            &["report/rlimits/RLIMIT_CORE/soft"],
            alters("/process/rlimits/0/soft", 0),
        ),
        (
            &["report/rlimits/RLIMIT_CORE/hard"],
            alters("/process/rlimits/0/hard", 3),
        ),
        (
            &["report/capabilities/bounding"],
            drops("/process/capabilities/bounding/1"),
        ),
        (
            &[
                "report/capabilities/ambient",
                "report/capabilities/effective",
                "report/capabilities/permitted",
            ],
            drops("/process/capabilities/ambient"),
        ),
        (
            &["report/capabilities/inheritable"],
            drops("/process/capabilities/inheritable").and(drops("/process/capabilities/ambient")),
        ),
        (&["report/no_new_privs"], drops("/process/noNewPrivileges")),
        (
            &["report/oom_score_adj"],
            alters("/process/oomScoreAdj", 78),
        ),
    ]
}

/// Wrong in what is in the root file system.
fn of_files() -> Wrong {
    vec![
        (&["mount///options"], drops("/root/readonly")),
        (
            &["mount//drawn/tmpfs/options"],
            drops("/mounts/5/options/0"),
        ),
        (&["mount//drawn/tmpfs/super"], drops("/mounts/5/options/3")),
        (&["mount//drawn/tmpfs/kind"], drops("/mounts/5")),
        (&["mount//proc/options"], drops("/mounts/0")),
        (
            &["mount//dev/options", "mount//dev/kind", "mount//dev/super"],
            drops("/mounts/1"),
        ),
        (&["mount//dev/pts/options"], drops("/mounts/2")),
        (
            &[
                "mount//dev/shm/options",
                "mount//dev/shm/kind",
                "mount//dev/shm/super",
            ],
            drops("/mounts/3"),
        ),
        (&["mount//sys/options"], drops("/mounts/4/options/3")),
        (&["path/proc/bus/content"], drops("/linux/maskedPaths")),
        (&["path/proc/irq/writable"], drops("/linux/readonlyPaths")),
        (&["device/mode"], alters("/linux/devices/0/fileMode", 0o600)),
        (&["device/uid"], alters("/linux/devices/0/uid", 14)),
        (&["device/gid"], alters("/linux/devices/0/gid", 14)),
        (&["device/major"], alters("/linux/devices/0/major", 5)),
        (&["device/minor"], alters("/linux/devices/0/minor", 5)),
    ]
}

/// Wrong in what surrounds the program.
fn of_the_surroundings() -> Wrong {
    let namespace = |kind: &'static str| {
        edits(format!("make no {kind} namespace"), move |config| {
            if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                list.retain(|one| one["type"] != kind);
            }
        })
    };
    let more = |kind: &'static str| alters("/linux/namespaces/-", json!({"type": kind}));
    vec![
        (&["outcome"], lies("create", How::Refuse)),
        (&["report/uname/nodename"], drops("/hostname")),
        (&["report/uname/domainname"], drops("/domainname")),
        (&["namespace/pid"], namespace("pid")),
        (
            &["namespace/net"],
            namespace("network").and(drops("/linux/sysctl")),
        ),
        (
            &["namespace/ipc"],
            namespace("ipc").and(drops("/linux/sysctl")),
        ),
        (
            &["namespace/uts"],
            namespace("uts")
                .and(drops("/hostname"))
                .and(drops("/domainname")),
        ),
        (&["namespace/cgroup"], more("cgroup")),
        (&["namespace/time"], more("time")),
        (&["namespace/user"], with_a_user_namespace()),
        (
            &["sysctl/kernel/msgmax"],
            drops("/linux/sysctl/kernel.msgmax"),
        ),
        (
            &["sysctl/net/ipv4/ip_forward"],
            alters("/linux/sysctl/net.ipv4.ip_forward", "0"),
        ),
        (&["report/personality"], drops("/linux/personality")),
        (
            &["call/sysinfo", "call/mincore", "call/syncfs"],
            drops("/linux/seccomp"),
        ),
        (&["limit/pids"], drops("/linux/resources/pids")),
        (
            &["limit/memory"],
            alters("/linux/resources/memory/limit", 98 << 20),
        ),
    ]
}

/// A user namespace more, whose ids are those of the host. It owns no sysctls of others.
fn with_a_user_namespace() -> Saboteur {
    edits("make a user namespace", |config| {
        let map = json!([{"containerID": 0, "hostID": 0, "size": 65_536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
        if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
            list.push(json!({"type": "user"}));
        }
    })
    .and(drops("/linux/sysctl"))
}

/// No mount namespace, and so nothing mounted but what shows a program its namespaces.
fn without_a_mount_namespace() -> Saboteur {
    let edited = edits("make no mount namespace", |config| {
        if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
            list.retain(|one| one["type"] != "mount");
        }
        config["mounts"] = json!([]);
        config["root"]["readonly"] = json!(false);
        for name in ["maskedPaths", "readonlyPaths", "devices", "sysctl"] {
            config["linux"][name].take();
        }
    });
    wraps("make no mount namespace", move |call, next| {
        if let ("create", Some(bundle)) = (call.operation(), call.bundle()) {
            let point = bundle.join("rootfs/proc");
            fs::create_dir_all(&point).expect("the bundle is ours");
            let (kind, flags) = (Some("proc"), MsFlags::empty());
            mount(kind, &point, kind, flags, None::<&str>).expect("root mounts");
        }
        edited.interpose(call, next)
    })
}

/// What is seen otherwise than expected.
fn seen_of(suite: &Suite, runtime: &Runtime) -> BTreeSet<String> {
    let pair = Pair {
        first: runtime,
        second: None,
        options: &suite.options,
        scratch: &suite.scratch,
    };
    let differences = pair.differ(&everything(), "fuzz/everything", &suite.options);
    let seen = differences.expect("a config is run");
    seen.differences.into_iter().map(|one| one.what).collect()
}

/// Nothing where this machine cannot run all of it.
fn prepare() -> Option<Suite> {
    if !facts().is_root() || !facts().cgroups.writable {
        eprintln!("skipped: takes root and writable cgroups");
        return None;
    }
    Some(Suite::prepare().expect("there is a runtime"))
}

#[test]
fn everything_that_is_judged_can_be_found_wrong() {
    let Some(suite) = prepare() else { return };
    assert_eq!(seen_of(&suite, &suite.runtime), BTreeSet::new(), "honest");

    let mut found = BTreeSet::new();
    let all = [of_the_process(), of_files(), of_the_surroundings()];
    for (names, saboteur) in all.into_iter().flatten() {
        let seen = seen_of(&suite, &suite.runtime.sabotaged(&saboteur));
        for name in names {
            assert!(
                seen.contains(*name),
                "{saboteur}: {name} is not among {seen:?}"
            );
            found.insert((*name).to_owned());
        }
    }
    let honest = observe(
        &suite.runtime,
        &everything(),
        "fuzz/everything",
        &suite.options,
        &suite.scratch,
    );
    let config: Value = honest.expect("a config is run").config;
    let judged: BTreeSet<String> = expected(&config)
        .into_keys()
        .filter(|name| name != "namespace/mnt")
        .collect();
    let unproved: Vec<&String> = judged.difference(&found).collect();
    assert!(unproved.is_empty(), "no wrong runtime for {unproved:?}");
}

/// The runtime is called in mounts of the test's own, which is where a container without a mount
/// namespace is then.
#[test]
fn a_mount_namespace_that_is_missing_is_found() {
    let Some(suite) = prepare() else { return };
    let apart = move || {
        unshare(CloneFlags::CLONE_NEWNS).expect("root makes a mount namespace");
        let (none, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        mount(none, "/", none, private, none).expect("root changes its mounts");
        let honest = seen_of(&suite, &suite.runtime);
        let wrong = suite.runtime.sabotaged(&without_a_mount_namespace());
        (honest, seen_of(&suite, &wrong))
    };
    let (honest, wrong) = thread::spawn(apart).join().expect("the thread ends");
    assert_eq!(honest, BTreeSet::new());
    assert!(wrong.contains("namespace/mnt"), "{wrong:?}");
    assert!(!wrong.contains("outcome"), "{wrong:?}");
}

#[test]
fn two_runtimes_are_told_apart_by_the_smallest_config() {
    let Some(mut suite) = prepare() else { return };
    let kept = tempfile::tempdir().expect("a temporary folder");
    suite.options.keep = Some(kept.path().to_owned());
    let mut wrong = suite.runtime.sabotaged(&drops("/hostname"));
    wrong.name = "wrong".to_owned();
    let pair = Pair {
        first: &suite.runtime,
        second: Some(&wrong),
        options: &suite.options,
        scratch: &suite.scratch,
    };
    let search = Search {
        // The number ends it, on a slow machine too.
        budget: Duration::from_secs(3600),
        configs: 12,
        seed: 5,
    };
    let mut told = 0;
    let found = pair.search(search, facts(), &mut |_| told += 1);
    let found = found.expect("configs are run");
    assert!(
        found.standing.is_empty() && found.unsteady.is_empty(),
        "{found:?}"
    );
    let [finding] = found.findings.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(told, 1);
    let pointers: Vec<&str> = finding.changes.iter().map(|one| one.pointer).collect();
    assert_eq!(pointers, ["/hostname"]);
    let seen: Vec<&str> = finding
        .differences
        .iter()
        .map(|one| one.what.as_str())
        .collect();
    assert_eq!(seen, ["report/uname/nodename"]);
    for name in [&suite.runtime.name, &wrong.name] {
        let folder = kept.path().join(name).join(finding.name.replace('/', "."));
        let script = Command::new("sh").arg(folder.join("repro.sh")).output();
        let script = script.expect("there is a shell");
        assert!(script.status.success(), "{name}: {script:?}");
    }
}
