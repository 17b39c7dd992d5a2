//! Snapshots of cgroup plans, and what is refused.

mod devices;

use std::fmt::Write as _;
use std::path::PathBuf;

use oci_spec::runtime::LinuxResources;
use proptest::prelude::*;

use super::*;
use crate::host::{CgroupLayout, Hierarchy};
use crate::plan::{Origin, PlanError};

fn hierarchy(mount: &str, controllers: &str) -> Hierarchy {
    Hierarchy {
        mount: PathBuf::from(mount),
        root: PathBuf::from("/"),
        controllers: controllers
            .split(' ')
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect(),
        own: Some(PathBuf::new()),
        writable: true,
        delegated: None,
    }
}

fn v1() -> CgroupLayout {
    let names = [
        "cpu",
        "cpuset",
        "memory",
        "devices",
        "blkio",
        "pids",
        "hugetlb",
        "net_cls",
        "net_prio",
        "rdma",
        "name=systemd",
    ];
    let v1 = names
        .map(|name| hierarchy(&format!("/cg/{name}"), name))
        .to_vec();
    CgroupLayout {
        v1,
        root: true,
        ..CgroupLayout::default()
    }
}

fn v2() -> CgroupLayout {
    let v2 = hierarchy("/cg", "cpuset cpu io memory hugetlb pids rdma");
    CgroupLayout {
        v2: Some(v2),
        root: true,
        systemd: true,
        ..CgroupLayout::default()
    }
}

fn plan_in(layout: &CgroupLayout, resources: &str) -> Result<CgroupPlan, PlanError> {
    plan_at(layout, Some("/a/b"), resources, false)
}

fn plan_at(
    layout: &CgroupLayout,
    path: Option<&str>,
    resources: &str,
    systemd: bool,
) -> Result<CgroupPlan, PlanError> {
    let raw: serde_json::Value = serde_json::from_str(resources).expect("a test's JSON");
    let spec: LinuxResources = serde_json::from_value(raw.clone()).expect("resources");
    let request = Request {
        path,
        resources: Some(Resources {
            spec: &spec,
            pids_limit: raw["pids"]["limit"].as_i64(),
            hugepage_limits: &[],
            places: Places::below(Origin::at("/linux/resources")),
        }),
        annotations: Vec::new(),
        owner: None,
    };
    plan(
        &request,
        layout,
        CgroupOptions {
            id: "c",
            systemd,
            disabled: false,
        },
    )
}

/// The settings, a line each: `file=value` in order, `;` before those that come after the attach.
fn lines(plan: &CgroupPlan) -> String {
    let mut out = String::new();
    for group in &plan.groups {
        for (mark, list) in [("", &group.before), ("; ", &group.after)] {
            for setting in list {
                let _ = writeln!(out, "{mark}{}", line(setting));
            }
        }
    }
    out
}

fn line(setting: &Setting) -> String {
    let write = |w: &Write| {
        format!(
            "{}={}{}",
            w.file,
            w.value,
            if w.absent_ok { "?" } else { "" }
        )
    };
    let join = |list: &[Write], with: &str| list.iter().map(write).collect::<Vec<_>>().join(with);
    match setting {
        Setting::Write(w) => write(w),
        Setting::Effective(w) => format!("{}!", write(w)),
        Setting::Together(list) => join(list, " & "),
        Setting::FirstOf(list) => join(list, " | "),
        Setting::CpuPeriod { period, .. } => format!("cpu.max=_ {period}"),
        Setting::UsageAtMost { file, bytes, .. } => format!("{file}<={bytes}"),
        Setting::DeviceList { list, .. } => {
            format!(
                "devices {} but {}",
                if list.allow { "all" } else { "none" },
                list.exceptions.len()
            )
        }
        Setting::DeviceProgram { .. } => "devices by a program".into(),
    }
}

const FULL: &str = r#"{
  "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
  "memory": {"limit": 1000, "swap": 3000, "reservation": 500},
  "cpu": {"shares": 1024, "quota": 50000, "period": 100000, "burst": 1000, "cpus": "0-1", "mems": "0", "idle": 0},
  "pids": {"limit": 0},
  "blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 1000}],
    "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
    "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}]},
  "hugepageLimits": [{"pageSize": "2MB", "limit": 4096}],
  "rdma": {"b": {"hcaObjects": 1}, "a": {"hcaHandles": 3, "hcaObjects": 7}}
}"#;

#[test]
fn everything_on_v1() {
    let expected = "\
cpu.shares=1024 & cpu.idle=0?
cpu.cfs_period_us=100000 & cpu.cfs_quota_us=50000 & cpu.cfs_burst_us=1000
cpuset.cpus=0-1
cpuset.mems=0
memory.limit_in_bytes=1000 & memory.memsw.limit_in_bytes=3000
memory.soft_limit_in_bytes=500
devices none but 12
blkio.bfq.weight=10 | blkio.weight=10
blkio.bfq.weight_device=8:0 1000 | blkio.weight_device=8:0 1000
blkio.throttle.read_bps_device=8:0 600
blkio.throttle.write_iops_device=8:16 0
; pids.max=0
hugetlb.2MB.limit_in_bytes=4096
hugetlb.2MB.rsvd.limit_in_bytes=4096?
rdma.max=a hca_handle=3 hca_object=7
rdma.max=b hca_object=1
";
    assert_eq!(lines(&plan_in(&v1(), FULL).expect("a plan")), expected);
}

#[test]
fn everything_on_v2() {
    let expected = "\
devices by a program
cpu.weight=100 & cpu.idle=0?
cpu.max=50000 100000 & cpu.max.burst=1000
cpuset.cpus=0-1
cpuset.mems=0
memory.swap.max=2000
memory.max=1000
memory.low=500
io.bfq.weight=10 | io.weight=1
io.bfq.weight=8:0 1000 | io.weight=8:0 10000
io.max=8:0 rbps=600
io.max=8:16 wiops=max
hugetlb.2MB.max=4096
hugetlb.2MB.rsvd.max=4096?
rdma.max=a hca_handle=3 hca_object=7
rdma.max=b hca_object=1
; pids.max=0
";
    let plan = plan_in(&v2(), FULL).expect("a plan");
    assert_eq!(lines(&plan), expected);
    assert_eq!(plan.groups[0].dir(), PathBuf::from("/cg/a/b"));
    assert_eq!(
        plan.groups[0].needs["memory"].as_str(),
        "/linux/resources/memory/swap"
    );
}

#[test]
fn zeros_that_engines_send_change_nothing() {
    let zeros = r#"{"memory": {"limit": 0, "swap": 0, "kernel": 0, "reservation": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0, "cpus": "", "mems": ""},
        "blockIO": {"weight": 0}}"#;
    for layout in [v1(), v2()] {
        assert_eq!(lines(&plan_in(&layout, zeros).expect("a plan")), "");
    }
}

#[test]
fn an_absent_pids_limit_is_untouched() {
    assert_eq!(
        lines(&plan_in(&v2(), r#"{"pids": {}}"#).expect("a plan")),
        ""
    );
    assert_eq!(
        lines(&plan_in(&v2(), r#"{"pids": {"limit": -1}}"#).expect("a plan")),
        "; pids.max=max\n"
    );
}

#[test]
fn no_memory_limit_lifts_the_swap_limit() {
    let json = r#"{"memory": {"limit": -1}}"#;
    let v1_lines = "memory.limit_in_bytes=-1 & memory.memsw.limit_in_bytes=-1?\n";
    assert_eq!(lines(&plan_in(&v1(), json).expect("a plan")), v1_lines);
    assert_eq!(
        lines(&plan_in(&v2(), json).expect("a plan")),
        "memory.swap.max=max?\nmemory.max=max\n"
    );
}

/// Resources, the place below them that the error names, and whether v1 and v2 refuse.
const REFUSED: &[(&str, &str, bool, bool)] = &[
    (
        r#"{"memory": {"limit": 5, "swap": 4}}"#,
        "memory/swap",
        true,
        true,
    ),
    (r#"{"memory": {"swap": 4}}"#, "memory/swap", false, true),
    (r#"{"memory": {"limit": -2}}"#, "memory/limit", true, true),
    (
        r#"{"memory": {"kernel": 4096}}"#,
        "memory/kernel",
        false,
        true,
    ),
    (
        r#"{"memory": {"kernelTCP": 4096}}"#,
        "memory/kernelTCP",
        false,
        true,
    ),
    (
        r#"{"memory": {"swappiness": 101}}"#,
        "memory/swappiness",
        true,
        true,
    ),
    (
        r#"{"memory": {"swappiness": 1}}"#,
        "memory/swappiness",
        false,
        true,
    ),
    (
        r#"{"memory": {"disableOOMKiller": true}}"#,
        "memory/disableOOMKiller",
        false,
        true,
    ),
    (
        r#"{"memory": {"useHierarchy": false}}"#,
        "memory/useHierarchy",
        false,
        true,
    ),
    (r#"{"cpu": {"idle": 2}}"#, "cpu/idle", true, true),
    (r#"{"cpu": {"quota": -5}}"#, "cpu/quota", true, true),
    (
        r#"{"cpu": {"quota": 1000, "burst": 2000}}"#,
        "cpu/burst",
        true,
        true,
    ),
    (r#"{"cpu": {"cpus": "0-"}}"#, "cpu/cpus", true, true),
    (r#"{"cpu": {"mems": "3-1"}}"#, "cpu/mems", true, true),
    (
        r#"{"cpu": {"realtimeRuntime": 5}}"#,
        "cpu/realtimeRuntime",
        false,
        true,
    ),
    (
        r#"{"blockIO": {"weight": 1001}}"#,
        "blockIO/weight",
        true,
        true,
    ),
    (
        r#"{"blockIO": {"leafWeight": 10}}"#,
        "blockIO/leafWeight",
        false,
        true,
    ),
    (
        r#"{"blockIO": {"weightDevice": [{"major": 1, "minor": 1}]}}"#,
        "blockIO/weightDevice/0",
        true,
        true,
    ),
    (
        r#"{"hugepageLimits": [{"pageSize": "2mb", "limit": 1}]}"#,
        "hugepageLimits/0/pageSize",
        true,
        true,
    ),
    (
        r#"{"network": {"classID": 7}}"#,
        "network/classID",
        false,
        true,
    ),
    (
        r#"{"network": {"priorities": [{"name": "lo", "priority": 1}]}}"#,
        "network/priorities/0",
        false,
        true,
    ),
    (r#"{"rdma": {"x": {}}}"#, "rdma/x", true, true),
    (
        r#"{"unified": {"memory.high": "1"}}"#,
        "unified/memory.high",
        true,
        false,
    ),
    (
        r#"{"unified": {"nope.max": "1"}}"#,
        "unified/nope.max",
        true,
        true,
    ),
    (
        r#"{"unified": {"../x.y": "1"}}"#,
        "unified/..~1x.y",
        true,
        true,
    ),
    (
        r#"{"devices": [{"allow": true, "access": "x"}]}"#,
        "devices/0/access",
        true,
        true,
    ),
    (
        r#"{"devices": [{"allow": true, "type": "p"}]}"#,
        "devices/0/type",
        true,
        true,
    ),
    (
        r#"{"devices": [{"allow": true, "type": "c", "major": -2}]}"#,
        "devices/0/major",
        true,
        true,
    ),
];

#[test]
fn what_cannot_be_applied_is_an_error_that_names_the_entry() {
    for (json, place, on_v1, on_v2) in REFUSED {
        for (layout, fails) in [(v1(), *on_v1), (v2(), *on_v2)] {
            let result = plan_in(&layout, json);
            let Err(error) = result else {
                assert!(!fails, "{json} was accepted");
                continue;
            };
            assert!(fails, "{json}: {error}");
            let (PlanError::Invalid { origin, .. } | PlanError::Unsupported { origin, .. }) =
                &error;
            assert_eq!(
                origin.as_str(),
                format!("/linux/resources/{place}"),
                "{error}"
            );
        }
    }
}

#[test]
fn the_check_before_an_update_comes_first() {
    let json = r#"{"memory": {"limit": 5, "swap": 5, "checkBeforeUpdate": true}}"#;
    let expected = "memory.current<=5\nmemory.swap.max=0?\nmemory.max=5\n";
    assert_eq!(lines(&plan_in(&v2(), json).expect("a plan")), expected);
    let kernel = r#"{"memory": {"kernel": 4096, "kernelTCP": -1}}"#;
    let expected = "memory.kmem.limit_in_bytes=4096!\nmemory.kmem.tcp.limit_in_bytes=-1?\n";
    assert_eq!(lines(&plan_in(&v1(), kernel).expect("a plan")), expected);
}

#[test]
fn unified_values_are_written_line_by_line() {
    let json = r#"{"unified": {"io.max": "8:0 rbps=1\n8:16 wbps=2", "memory.high": "5", "pids.max": "9"}}"#;
    let expected = "io.max=8:0 rbps=1\nio.max=8:16 wbps=2\nmemory.high=5\n; pids.max=9\n";
    assert_eq!(lines(&plan_in(&v2(), json).expect("a plan")), expected);
}

#[test]
fn paths_stay_below_the_mount() {
    let at = |path| plan_at(&v2(), path, "{}", false).map(|plan| plan.groups[0].dir());
    assert_eq!(at(Some("/a//b/./c")), Ok("/cg/a/b/c".into()));
    assert_eq!(at(Some("a/b")), Ok("/cg/a/b".into()));
    assert_eq!(at(None), Ok("/cg/plimrun-c".into()));
    for bad in ["/", ".", "..", "/../x", "a/../../b"] {
        assert!(at(Some(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn an_ordinary_user_gets_what_was_delegated() {
    let mut layout = v2();
    layout.root = false;
    let v2 = layout.v2.as_mut().expect("v2");
    (v2.writable, v2.delegated) = (false, Some("user/me".into()));
    let devices = r#"{"devices": [{"allow": false}]}"#;
    let plan = plan_at(&layout, None, devices, false).expect("a plan");
    assert_eq!(plan.groups[0].dir(), PathBuf::from("/cg/user/me/plimrun-c"));
    assert!(matches!(
        plan.groups[0].before[0],
        Setting::DeviceProgram { lenient: true, .. }
    ));
    layout.v2.as_mut().expect("v2").delegated = None;
    let plan = plan_at(&layout, None, devices, false).expect("nothing that needs a cgroup");
    assert_eq!((plan.groups.len(), plan.warnings.len()), (0, 1));
    plan_at(&layout, None, r#"{"memory": {"limit": 5}}"#, false)
        .expect_err("a limit needs a cgroup");
}

#[test]
fn a_scope_is_named_by_three_parts() {
    let json = r#"{"memory": {"limit": 1000, "swap": 1000}, "cpu": {"cpus": "0-2"}, "pids": {"limit": 0}}"#;
    let plan = plan_at(&v2(), Some("machine-x.slice:libpod:abc"), json, true).expect("a plan");
    let scope = plan.scope.as_ref().expect("a scope");
    assert_eq!(scope.unit, "libpod-abc.scope");
    assert_eq!(
        plan.groups[0].dir(),
        PathBuf::from("/cg/machine.slice/machine-x.slice/libpod-abc.scope")
    );
    let names: Vec<_> = scope.properties.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names[..3], ["MemoryMax", "MemorySwapMax", "AllowedCPUs"]);
    assert!(names.contains(&"Delegate") && !names.contains(&"TasksMax"));
    for bad in [
        "/a/b",
        "a:b",
        "no-slice:a:b",
        "x.slice:a/b:c",
        "x.slice:a:",
        "x.slice:a:b.slice",
    ] {
        plan_at(&v2(), Some(bad), "{}", true).expect_err(bad);
    }
}

proptest! {
    #[test]
    fn weights_grow_with_shares(shares in 2u64..300_000) {
        let (this, next) = (cpu::weight_of(shares), cpu::weight_of(shares + 1));
        prop_assert!((1..=10_000).contains(&this) && this <= next);
    }
}

#[test]
fn the_default_shares_are_the_default_weight() {
    assert_eq!([2, 1024, 262_144].map(cpu::weight_of), [1, 100, 10_000]);
}

#[test]
fn v1_refuses_what_its_list_cannot_hold() {
    let json = r#"{"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 9},
        {"allow": false, "type": "c", "major": 9, "minor": 1}]}"#;
    let error = plan_in(&v1(), json).expect_err("a hole in an exception");
    assert!(error.to_string().contains("/devices/2"), "{error}");
    plan_in(&v2(), json).expect("a program can");
}
