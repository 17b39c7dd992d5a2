//! Machines to plan for.

use plimrun::host::{CgroupLayout, Facts, Hierarchy};

fn hierarchy(mount: &str, controllers: &str) -> Hierarchy {
    Hierarchy {
        mount: mount.into(),
        root: "/".into(),
        controllers: controllers.split_whitespace().map(str::to_owned).collect(),
        own: Some("session".into()),
        writable: true,
        delegated: None,
    }
}

pub(crate) fn v1() -> Facts {
    let names = "cpu cpuset memory devices blkio pids hugetlb freezer name=systemd";
    let v1 = |name| hierarchy(&format!("/sys/fs/cgroup/{name}"), name);
    Facts {
        cgroups: CgroupLayout {
            v1: names.split(' ').map(v1).collect(),
            root: true,
            ..CgroupLayout::default()
        },
        ..Facts::privileged()
    }
}

pub(crate) fn v2() -> Facts {
    let v2 = hierarchy("/sys/fs/cgroup", "cpuset cpu io memory hugetlb pids rdma");
    Facts {
        cgroups: CgroupLayout {
            v2: Some(v2),
            systemd: true,
            root: true,
            ..CgroupLayout::default()
        },
        ..Facts::privileged()
    }
}

/// v1 for everything but `pids` and `memory`, which v2 has.
pub(crate) fn hybrid() -> Facts {
    let mut facts = v1();
    facts
        .cgroups
        .v1
        .retain(|group| !group.has("pids") && !group.has("memory"));
    facts.cgroups.v2 = Some(hierarchy("/sys/fs/cgroup/unified", "memory pids"));
    facts
}

/// An ordinary user, to whom a part of the v2 hierarchy is delegated.
pub(crate) fn rootless() -> Facts {
    let mut facts = Facts {
        euid: 1000,
        egid: 1000,
        capabilities: 0,
        ..v2()
    };
    facts.cgroups.root = false;
    if let Some(v2) = &mut facts.cgroups.v2 {
        v2.writable = false;
        v2.own = Some("user.slice/user-1000.slice".into());
    }
    facts
}
