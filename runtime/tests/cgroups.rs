//! Cgroups on the machine at hand: made, joined, limited, frozen, emptied, removed. Needs root, and
//! says so where it is not.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use oci_spec::runtime::LinuxResources;
use plimrun::exec::cgroup;
use plimrun::host::{CgroupLayout, Mode};
use plimrun::plan::Origin;
use plimrun::plan::cgroup::{
    CgroupOptions, CgroupPlan, Places, Request, Resources, groups_of, plan, update,
};
use plimrun::state::Freezes as _;

/// The layout, where a test can make cgroups.
fn layout() -> Option<CgroupLayout> {
    let layout = CgroupLayout::probe().expect("the layout is readable");
    if !layout.root || layout.mode() == Mode::None {
        eprintln!("skipped: needs root and cgroups");
        return None;
    }
    Some(layout)
}

fn resources(json: &str) -> (LinuxResources, Option<i64>) {
    let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let pids = value["pids"]["limit"].as_i64();
    (serde_json::from_value(value).expect("resources"), pids)
}

fn asked(parsed: &(LinuxResources, Option<i64>)) -> Resources<'_> {
    Resources {
        spec: &parsed.0,
        pids_limit: parsed.1,
        hugepage_limits: &[],
        places: Places::below(Origin::at("/linux/resources")),
    }
}

fn planned(layout: &CgroupLayout, path: &str, json: &str) -> CgroupPlan {
    planned_by(layout, path, json, false)
}

fn planned_by(layout: &CgroupLayout, path: &str, json: &str, systemd: bool) -> CgroupPlan {
    let parsed = resources(json);
    let request = Request {
        path: Some(path),
        resources: Some(asked(&parsed)),
        annotations: vec![("org.systemd.property.TimeoutStopUSec", "uint64 7000000")],
        owner: None,
    };
    let options = CgroupOptions {
        id: "t",
        systemd,
        disabled: false,
    };
    plan(&request, layout, options).expect("a plan")
}

fn sleeper() -> Child {
    let mut command = Command::new("sleep");
    command
        .arg("1000")
        .stdin(Stdio::null())
        .spawn()
        .expect("sleep")
}

fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn directory(record: &plimrun::state::CgroupRecord, controller: &str) -> PathBuf {
    let paths = &record.paths;
    paths
        .get(controller)
        .or_else(|| paths.get("unified"))
        .expect("a hierarchy")
        .clone()
}

#[test]
fn a_cgroup_lives_its_whole_life() {
    let Some(layout) = layout() else { return };
    let path = format!("/plimrun-test-{}/deep/er", std::process::id());
    let mut plan = planned(
        &layout,
        &path,
        r#"{"memory": {"limit": 67108864}, "cpu": {"quota": 50000, "period": 100000}, "pids": {"limit": 0},
            "devices": [{"allow": false}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}"#,
    );
    let mut record = cgroup::survey(&plan);
    let mut warnings = Vec::new();
    let prepared = cgroup::prepare(&plan, &record, &mut warnings).expect("prepared");
    let mut child = sleeper();
    let pid = child.id().cast_signed();
    prepared.attach(pid).expect("attached");
    cgroup::after_attach(&plan, &mut warnings).expect("limits after the attach");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(cgroup::pids(&record).expect("pids"), [pid]);

    if let Some(memory) = record.paths.get("memory") {
        assert_eq!(read(memory, "memory.limit_in_bytes"), "67108864");
        assert_eq!(
            read(&directory(&record, "cpu"), "cpu.cfs_quota_us"),
            "50000"
        );
        let devices = read(&directory(&record, "devices"), "devices.list");
        assert!(
            devices.lines().any(|line| line == "c 10:229 rw"),
            "{devices}"
        );
        assert!(devices.lines().any(|line| line == "c 1:3 rwm"), "{devices}");
        assert!(!devices.contains("a *:*"), "{devices}");
    } else {
        assert_eq!(
            read(&directory(&record, "memory"), "memory.max"),
            "67108864"
        );
        assert_eq!(read(&directory(&record, "cpu"), "cpu.max"), "50000 100000");
    }
    assert_eq!(read(&directory(&record, "pids"), "pids.max"), "0");

    cgroup::freeze(&record).expect("frozen");
    assert!(record.is_frozen());
    let refused = cgroup::prepare(&plan, &cgroup::survey(&plan), &mut warnings);
    assert!(refused.expect_err("frozen").to_string().contains("frozen"));
    cgroup::thaw(&record).expect("thawed");
    assert!(!record.is_frozen());

    // The limits of memory and swap bound each other; both ways have to work.
    for bytes in ["33554432", "134217728", "-1"] {
        let parsed = resources(&format!(
            r#"{{"memory": {{"limit": {bytes}, "swap": {bytes}}}}}"#
        ));
        if !directory(&record, "memory")
            .join("memory.memsw.limit_in_bytes")
            .exists()
        {
            break;
        }
        let change = update(groups_of(&record.paths, &layout), &asked(&parsed), &layout);
        cgroup::before_attach(&change.expect("a plan"), &mut warnings).expect("applied");
    }
    let stats = cgroup::stats(&record);
    assert_eq!(stats["pids"]["current"], 1);
    assert!(stats["cpu"]["usage"]["total"].as_u64().is_some());

    cgroup::freeze(&record).expect("frozen again");
    cgroup::signal_all(&record, Signal::SIGKILL as i32).expect("killed though frozen");
    child.wait().expect("it has ended");
    // A cgroup that the container made below its own goes as well.
    fs::create_dir(directory(&record, "pids").join("inner")).expect("a cgroup inside");
    cgroup::remove(&record, Duration::from_secs(5), &mut warnings).expect("removed");
    for group in &mut plan.groups {
        assert!(!group.dir().exists(), "{} is left", group.dir().display());
    }
    let top = record.made.iter().filter(|dir| dir.exists()).count();
    assert_eq!(top, 0, "{:?}", record.made);
    record.made.clear();
    cgroup::remove(&record, Duration::ZERO, &mut warnings).expect("nothing to remove is fine");
}

/// Whether a process in the cgroups can open the file for reading.
fn can_open(record: &plimrun::state::CgroupRecord, file: &Path) -> bool {
    let script = format!("read go && : < {}", file.display());
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("sh");
    let prepared = cgroup::open(record, &[]).expect("opened");
    prepared.attach(child.id().cast_signed()).expect("attached");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, b"go\n").expect("it reads");
    child.wait().expect("it ends").success()
}

#[test]
fn device_rules_deny_allow_and_are_replaced() {
    let Some(layout) = layout() else { return };
    let folder = tempfile::tempdir_in("/dev").expect("a folder on a file system with devices");
    let node = folder.path().join("kmsg");
    let number = nix::sys::stat::makedev(1, 11);
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::sys::stat::mknod(&node, nix::sys::stat::SFlag::S_IFCHR, mode, number).expect("a node");
    if fs::File::open(&node).is_err() {
        eprintln!("skipped: this machine has no kernel log device");
        return;
    }
    let path = format!("/plimrun-devices-{}", std::process::id());
    let mut warnings = Vec::new();
    let plan = planned(
        &layout,
        &path,
        r#"{"devices": [{"allow": false, "access": "rwm"}]}"#,
    );
    let record = cgroup::survey(&plan);
    cgroup::prepare(&plan, &record, &mut warnings).expect("prepared");
    assert!(!can_open(&record, &node));
    assert!(can_open(&record, Path::new("/dev/null")));
    let rule =
        r#"{"allow": false}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}"#;
    let denial = r#", {"allow": false, "type": "c", "major": 1, "minor": 3}"#;
    for (json, log, null) in [
        (format!(r#"{{"devices": [{rule}]}}"#), true, true),
        (format!(r#"{{"devices": [{rule}{denial}]}}"#), true, false),
        (r#"{"devices": [{"allow": false}]}"#.to_owned(), false, true),
        (r#"{"devices": [{"allow": true}]}"#.to_owned(), true, true),
    ] {
        let parsed = resources(&json);
        let change = update(groups_of(&record.paths, &layout), &asked(&parsed), &layout);
        cgroup::before_attach(&change.expect("a plan"), &mut warnings).expect("applied");
        assert_eq!(can_open(&record, &node), log, "{json}");
        assert_eq!(can_open(&record, Path::new("/dev/null")), null, "{json}");
    }
    cgroup::destroy(&record, Duration::from_secs(5), &mut warnings).expect("removed");
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn what_was_there_before_stays() {
    let Some(layout) = layout() else { return };
    let path = format!("/plimrun-there-{}", std::process::id());
    let first = planned(&layout, &path, r#"{"pids": {"limit": 77}}"#);
    let first_record = cgroup::survey(&first);
    let mut warnings = Vec::new();
    cgroup::prepare(&first, &first_record, &mut warnings).expect("prepared");
    cgroup::after_attach(&first, &mut warnings).expect("limited");
    let second = planned(&layout, &path, "{}");
    let second_record = cgroup::survey(&second);
    assert_eq!(second_record.made, Vec::<PathBuf>::new());
    cgroup::prepare(&second, &second_record, &mut warnings).expect("joined");
    assert_eq!(read(&directory(&second_record, "pids"), "pids.max"), "77");
    let mut other = sleeper();
    let prepared = cgroup::open(&first_record, &[]).expect("opened");
    prepared.attach(other.id().cast_signed()).expect("attached");
    cgroup::destroy(&second_record, Duration::from_secs(5), &mut warnings)
        .expect("nothing of its own");
    // Had it been killed, it would end by that and not by this.
    let pid = nix::unistd::Pid::from_raw(other.id().cast_signed());
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it is there");
    assert_eq!(other.wait().expect("it ends").signal(), Some(15));
    let mut other = sleeper();
    prepared.attach(other.id().cast_signed()).expect("attached");
    assert!(directory(&second_record, "pids").exists());
    cgroup::destroy(&first_record, Duration::from_secs(5), &mut warnings).expect("removed");
    other.wait().expect("killed with its cgroup");
    assert!(!directory(&second_record, "pids").exists());
}

#[test]
fn a_refused_limit_leaves_nothing() {
    let Some(layout) = layout() else { return };
    let path = format!("/plimrun-refused-{}/x", std::process::id());
    // The kernel takes no quota below a millisecond.
    let plan = planned(&layout, &path, r#"{"cpu": {"quota": 1}}"#);
    let record = cgroup::survey(&plan);
    let error = cgroup::prepare(&plan, &record, &mut Vec::new()).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("(config.json /linux/resources/cpu/quota)"),
        "{error}"
    );
    assert!(
        record.made.iter().all(|dir| !dir.exists()),
        "{:?}",
        record.made
    );
}

#[test]
fn running_out_of_memory_is_noticed() {
    let Some(layout) = layout() else { return };
    let path = format!("/plimrun-oom-{}", std::process::id());
    let mut warnings = Vec::new();
    let plan = planned(&layout, &path, r#"{"memory": {"limit": 8388608}}"#);
    let record = cgroup::survey(&plan);
    cgroup::prepare(&plan, &record, &mut warnings).expect("prepared");
    // Where the machine has swap, and the kernel counts it, there is to be no way out.
    for (file, limit) in [
        ("memory.memsw.limit_in_bytes", "8388608"),
        ("memory.swap.max", "0"),
    ] {
        let file = directory(&record, "memory").join(file);
        if file.exists() {
            fs::write(file, limit).expect("no swap");
        }
    }
    let mut watch = cgroup::OomWatch::new(&record).expect("a watch");
    assert_eq!(watch.wait(Duration::from_millis(1)), Some(false));
    // A shell that keeps a line without an end.
    let mut command = Command::new("sh");
    command
        .args(["-c", "read go; tail /dev/zero"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("sh");
    let prepared = cgroup::open(&record, &[]).expect("opened");
    prepared.attach(child.id().cast_signed()).expect("attached");
    drop(child.stdin.take());
    let noticed = || {
        watch
            .wait(Duration::from_millis(100))
            .expect("the cgroup is there")
    };
    // A minute, if need be.
    let noticed = std::iter::repeat_with(noticed)
        .take(600)
        .any(|noticed| noticed);
    assert!(noticed);
    assert!(!child.wait().expect("it ends").success());
    cgroup::destroy(&record, Duration::from_secs(5), &mut warnings).expect("removed");
    assert_eq!(watch.wait(Duration::from_millis(1)), None);
}

#[test]
fn only_a_v2_cgroup_changes_hands_and_only_as_far_as_is_safe() {
    let Some(layout) = layout() else { return };
    let path = format!("/plimrun-owner-{}", std::process::id());
    let request = Request {
        path: Some(&path),
        resources: None,
        annotations: Vec::new(),
        owner: Some(1234),
    };
    let plan = plan(&request, &layout, CgroupOptions::default()).expect("a plan");
    let record = cgroup::survey(&plan);
    let mut warnings = Vec::new();
    cgroup::prepare(&plan, &record, &mut warnings).expect("prepared");
    let dir = directory(&record, "memory");
    let owner = |file: &str| fs::metadata(dir.join(file)).map(|file| file.uid()).ok();
    let given = if layout.mode() == Mode::V2 { 1234 } else { 0 };
    assert_eq!(owner(""), Some(given));
    assert_eq!(owner("cgroup.procs"), Some(given));
    if layout.mode() == Mode::V2 {
        assert_eq!(owner("cgroup.subtree_control"), Some(given));
        assert_eq!(owner("memory.max"), Some(0));
        assert_eq!(owner("pids.max"), Some(0));
    }
    cgroup::destroy(&record, Duration::from_secs(5), &mut warnings).expect("removed");
}

/// What systemd says about a property of the unit.
fn property(unit: &str, name: &str) -> String {
    let mut command = Command::new("systemctl");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--user");
    }
    let output = command.args(["show", "--value", "-p", name, unit]).output();
    String::from_utf8_lossy(&output.expect("systemctl").stdout)
        .trim()
        .to_owned()
}

#[test]
fn systemd_makes_limits_and_ends_a_scope() {
    let layout = CgroupLayout::probe().expect("the layout is readable");
    if !layout.systemd {
        eprintln!("skipped: needs systemd");
        return;
    }
    let name = std::process::id().to_string();
    let path = format!("plimtest.slice:plim:{name}");
    let json = r#"{"memory": {"limit": 67108864}, "pids": {"limit": 55},
        "devices": [{"allow": false}, {"allow": true, "type": "c", "major": 10, "minor": 229}]}"#;
    // A scope ends with its last process; twice, so that nothing of the first is in the way.
    for round in 0..2 {
        let mut plan = planned_by(&layout, &path, json, true);
        let mut record = cgroup::survey(&plan);
        let mut warnings = Vec::new();
        let mut child = sleeper();
        let pid = child.id().cast_signed();
        cgroup::start_scope(&mut plan, &mut record, pid, &mut warnings).expect("a scope");
        cgroup::after_attach(&plan, &mut warnings).expect("limits after the attach");
        // An ordinary user cannot have device rules, and is told so.
        assert_eq!(warnings.is_empty(), layout.root, "{warnings:?}");
        let unit = format!("plim-{name}.scope");
        let dir = directory(&record, "unified");
        assert!(
            dir.ends_with(format!("plimtest.slice/{unit}")),
            "{}",
            dir.display()
        );
        assert_eq!(cgroup::pids(&record).expect("pids"), [pid]);
        for (file, name, value) in [
            ("memory.max", "MemoryMax", "67108864"),
            ("pids.max", "TasksMax", "55"),
        ] {
            assert_eq!(read(&dir, file), value);
            assert_eq!(property(&unit, name), value);
        }
        assert_eq!(property(&unit, "Delegate"), "yes");
        assert_eq!(property(&unit, "TimeoutStopUSec"), "7s");
        assert_eq!(property(&unit, "Slice"), "plimtest.slice");

        let parsed = resources(r#"{"memory": {"limit": 33554432}}"#);
        let asked = asked(&parsed);
        let properties = plimrun::plan::cgroup::properties(&asked, plan.groups[0].version);
        cgroup::set_unit_properties(&record, &properties).expect("set");
        assert_eq!(property(&unit, "MemoryMax"), "33554432");
        assert_eq!(read(&dir, "memory.max"), "33554432");

        if round == 0 {
            child.kill().expect("a child");
            child.wait().expect("it has ended");
        }
        cgroup::destroy(&record, Duration::from_secs(5), &mut warnings).expect("ended");
        child.wait().expect("it has ended");
        assert!(!dir.exists());
        assert_eq!(property(&unit, "LoadState"), "not-found");
    }
}
