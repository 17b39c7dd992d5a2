//! Controllers of hardware that few machines have, by the same planner and executor as all others, on trees
//! of files named as the kernel's (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst). Needs no root.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use plimrun::exec::cgroup;
use plimrun::host::{CgroupLayout, Hierarchy};
use plimrun::plan::cgroup::{CgroupOptions, Request, plan};
use plimrun::spec;

/// Limits of every kind.
const RESOURCES: &str = r#"{
    "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}, {"pageSize": "1GB", "limit": 0}],
    "rdma": {"mlx5_0": {"hcaHandles": 3, "hcaObjects": 100}},
    "cpu": {"cpus": "0-3,8", "mems": "0,1"},
    "blockIO": {
        "weight": 300,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 500}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 1048576}]
    }
    MORE
}"#;

fn hierarchy(mount: &Path, controllers: &str) -> Hierarchy {
    Hierarchy {
        mount: mount.to_owned(),
        root: "/".into(),
        controllers: controllers.split(' ').map(str::to_owned).collect(),
        own: None,
        writable: true,
        delegated: None,
    }
}

/// Applies the limits to the container's cgroups, which are there with these files; gives what the files
/// hold afterwards.
fn applied(layout: &CgroupLayout, files: &[&str], resources: &str) -> String {
    let text = format!(
        r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{{"cgroupsPath":"/c","resources":{resources}}}}}"#
    );
    let config = spec::from_str(text).expect("valid");
    let options = CgroupOptions {
        id: "c",
        ..CgroupOptions::default()
    };
    let plan = plan(&Request::of(&config), layout, options).expect("planned");
    for group in &plan.groups {
        fs::create_dir_all(group.dir()).expect("a folder");
        for file in files
            .iter()
            .filter(|file| group.has(file.split('.').next().unwrap_or(file)))
        {
            fs::write(group.dir().join(file), "").expect("a file");
        }
    }
    let mut warnings = Vec::new();
    cgroup::before_attach(&plan, &mut warnings).expect("applied");
    cgroup::after_attach(&plan, &mut warnings).expect("applied");
    assert_eq!(warnings, Vec::<String>::new());
    let mut seen = String::new();
    for group in &plan.groups {
        for file in files {
            if let Ok(text) = fs::read_to_string(group.dir().join(file)) {
                // Writing to a string cannot fail.
                let _ = writeln!(seen, "{file}={text}");
            }
        }
    }
    seen
}

#[test]
fn on_cgroup_v1() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = [
        "hugetlb", "rdma", "cpu", "cpuset", "blkio", "net_cls", "net_prio",
    ];
    let layout = CgroupLayout {
        v1: names
            .map(|name| hierarchy(&folder.path().join(name), name))
            .into(),
        root: true,
        ..CgroupLayout::default()
    };
    let files = [
        "hugetlb.2MB.limit_in_bytes",
        "hugetlb.1GB.limit_in_bytes",
        "rdma.max",
        "cpuset.cpus",
        "cpuset.mems",
        "cpu.rt_period_us",
        "cpu.rt_runtime_us",
        "blkio.weight",
        "blkio.weight_device",
        "blkio.leaf_weight",
        "blkio.throttle.read_bps_device",
        "net_cls.classid",
        "net_prio.ifpriomap",
    ];
    let more =
        r#", "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 5}]}"#;
    let resources = RESOURCES
        .replace("MORE", more)
        .replace(
            r#""mems": "0,1""#,
            r#""mems": "0,1", "realtimePeriod": 1000000, "realtimeRuntime": 950000"#,
        )
        .replace(r#""weight": 300,"#, r#""weight": 300, "leafWeight": 200,"#);
    let expected = "hugetlb.2MB.limit_in_bytes=4194304\n\
        hugetlb.1GB.limit_in_bytes=0\n\
        rdma.max=mlx5_0 hca_handle=3 hca_object=100\n\
        cpu.rt_period_us=1000000\n\
        cpu.rt_runtime_us=950000\n\
        cpuset.cpus=0-3,8\n\
        cpuset.mems=0,1\n\
        blkio.weight=300\n\
        blkio.weight_device=8:0 500\n\
        blkio.leaf_weight=200\n\
        blkio.throttle.read_bps_device=8:16 1048576\n\
        net_cls.classid=1048577\n\
        net_prio.ifpriomap=eth0 5\n";
    assert_eq!(applied(&layout, &files, &resources), expected);
}

#[test]
fn on_cgroup_v2() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = CgroupLayout {
        v2: Some(hierarchy(
            folder.path(),
            "cpuset cpu io memory hugetlb pids rdma",
        )),
        root: true,
        ..CgroupLayout::default()
    };
    let files = [
        "hugetlb.2MB.max",
        "hugetlb.1GB.max",
        "rdma.max",
        "cpuset.cpus",
        "cpuset.mems",
        "io.weight",
        "io.max",
    ];
    let resources = RESOURCES.replace("MORE", "");
    // A file holds what was written last; on the kernel's each line is a value of its own.
    let expected = "hugetlb.2MB.max=4194304\n\
        hugetlb.1GB.max=0\n\
        rdma.max=mlx5_0 hca_handle=3 hca_object=100\n\
        cpuset.cpus=0-3,8\n\
        cpuset.mems=0,1\n\
        io.weight=8:0 4950\n\
        io.max=8:16 rbps=1048576\n";
    assert_eq!(applied(&layout, &files, &resources), expected);
    let weight = applied(&layout, &["io.weight"], r#"{"blockIO": {"weight": 300}}"#);
    assert_eq!(weight, "io.weight=2930\n");
}
