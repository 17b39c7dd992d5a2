//! `plimsoll doctor`: what this machine offers, and what cannot be judged without it.

use std::io::{self, Write};

use plimsoll_fixtures::probe::CAPABILITIES;
use serde::Serialize;

use super::cgroup::Layout;
use super::facts::Facts;
use super::look::program;

/// One thing that a machine offers or lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// Whether it is offered.
    pub offered: bool,
    /// What was found.
    pub detail: String,
    /// What cannot be judged without it, and what would help; empty where it is offered.
    pub consequence: &'static str,
}

/// One row of the table: what, how to look, and what its absence means.
type Row = (&'static str, fn(&Facts) -> (bool, String), &'static str);

/// Everything that doctor looks at.
const ROWS: [Row; 21] = [
    (
        "kernel",
        |f| {
            (
                f.unfit().is_none(),
                format!("Linux {} on {}", f.kernel, f.arch),
            )
        },
        "nothing can be judged",
    ),
    (
        "cpus",
        |f| (f.cpus > 1, f.cpus.to_string()),
        "cases of CPU affinity and cpusets need two CPUs",
    ),
    (
        "root",
        |f| (f.is_root(), user(f)),
        "only rootless containers can be judged; run as root for the rest",
    ),
    (
        "host",
        |f| {
            (
                !f.in_container,
                if f.in_container {
                    "the runner is in a container"
                } else {
                    "not in a container"
                }
                .into(),
            )
        },
        "nested limits of the outer container may show as skips",
    ),
    (
        "capabilities",
        |f| lacking(&CAPABILITIES, &f.capabilities),
        "cases that need the missing ones are skipped: raising rlimits, real-time policies, mknod, …",
    ),
    (
        "namespaces",
        |f| {
            lacking(
                &["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"],
                &f.namespaces,
            )
        },
        "containers with the missing ones cannot be made (time: Linux 5.6, CONFIG_TIME_NS)",
    ),
    (
        "user namespaces",
        |f| (f.user_namespaces, "user.max_user_namespaces".into()),
        "no id-mapped or rootless containers; raise user.max_user_namespaces",
    ),
    (
        "cgroup layout",
        |f| (f.cgroups.layout != Layout::None, layout(f)),
        "no limit can be judged; mount cgroup file systems",
    ),
    (
        "cgroups writable",
        |f| (f.cgroups.writable, String::new()),
        "no limit can be judged: cgroups are read-only here",
    ),
    (
        "cgroup v1 controllers",
        |f| list(f.cgroups.v1.keys().cloned()),
        "cgroup v1 cases are skipped; run them on a v1 machine",
    ),
    (
        "cgroup v2 controllers",
        |f| list(f.cgroups.v2.iter().cloned()),
        "cgroup v2 cases are skipped; `scripts/vm conform` runs them in a guest",
    ),
    (
        "swap accounting",
        |f| (f.cgroups.swap, String::new()),
        "memory.swap cases are skipped (swapaccount=1)",
    ),
    (
        "seccomp",
        |f| list(f.seccomp_actions.iter().cloned()),
        "seccomp cases are skipped (CONFIG_SECCOMP_FILTER)",
    ),
    (
        "security modules",
        |f| {
            list(
                f.lsms
                    .iter()
                    .filter(|lsm| ["apparmor", "selinux"].contains(&lsm.as_str()))
                    .cloned(),
            )
        },
        "AppArmor and SELinux profiles cannot be judged; `scripts/vm conform` has a guest with AppArmor",
    ),
    (
        "id-mapped mounts",
        |f| {
            (
                f.idmapped_mounts(),
                format!("{} below the temporary directory", f.tmp_filesystem),
            )
        },
        "idmap mounts cannot be judged; set TMPDIR to a file system that takes them (ext4, xfs; tmpfs since Linux 6.3)",
    ),
    (
        "systemd",
        |f| {
            (
                f.systemd,
                if f.systemd {
                    "process 1"
                } else {
                    "not process 1"
                }
                .into(),
            )
        },
        "the systemd cgroup driver cannot be judged; `scripts/vm conform` has a guest",
    ),
    (
        "subordinate ids",
        |f| (f.subordinate_ids, String::new()),
        "rootless containers have a single id (newuidmap, newgidmap, /etc/subuid)",
    ),
    (
        "network links",
        |f| list(f.net_devices.iter().cloned()),
        "linux.netDevices cannot be judged (ip, dummy, veth)",
    ),
    (
        "loop devices",
        |f| (f.loop_devices, "/dev/loop-control".into()),
        "cases on block devices are skipped",
    ),
    (
        "resctrl",
        |f| (f.resctrl.is_some(), f.resctrl.clone().unwrap_or_default()),
        "linux.intelRdt cannot be judged: needs such a CPU, and resctrl mounted",
    ),
    (
        "criu",
        |_| {
            program("criu").map_or((false, String::new()), |path| {
                (true, path.display().to_string())
            })
        },
        "checkpoint and restore cannot be judged; install criu",
    ),
];

/// Looks at everything in the table.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let look = |(what, look, consequence): &Row| {
        let (offered, detail) = look(facts);
        Finding {
            what,
            offered,
            detail,
            consequence: if offered { "" } else { consequence },
        }
    };
    ROWS.iter().map(look).collect()
}

/// Writes the findings for people.
pub fn write_human(facts: &Facts, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "machine {}", facts.machine)?;
    for finding in findings(facts) {
        let mark = if finding.offered { "yes" } else { "no " };
        let line = format!("  {mark} {:<22} {}", finding.what, finding.detail);
        writeln!(out, "{}", line.trim_end())?;
        if !finding.offered {
            writeln!(out, "      {:<22} {}", "", finding.consequence)?;
        }
    }
    Ok(())
}

fn user(facts: &Facts) -> String {
    let place = if facts.initial_userns {
        ""
    } else {
        " of a user namespace"
    };
    format!("user {}{place}", facts.uid)
}

fn layout(facts: &Facts) -> String {
    match facts.cgroups.layout {
        Layout::None => "no cgroup file system is mounted",
        Layout::V1 => "version 1",
        Layout::Hybrid => "hybrid: version 1 controllers beside a version 2 hierarchy",
        Layout::V2 => "version 2",
    }
    .into()
}

/// Offered where there is any.
fn list(names: impl Iterator<Item = String>) -> (bool, String) {
    let names: Vec<_> = names.collect();
    (
        !names.is_empty(),
        if names.is_empty() {
            "none".into()
        } else {
            names.join(" ")
        },
    )
}

/// Offered where nothing of `all` is missing.
fn lacking(all: &[&str], held: &[String]) -> (bool, String) {
    let missing: Vec<_> = all
        .iter()
        .filter(|name| !held.iter().any(|h| h == **name))
        .collect();
    match missing.len() {
        0 => (true, "all".into()),
        n if n == all.len() => (false, "none".into()),
        _ => (
            false,
            format!(
                "all but {}",
                missing
                    .iter()
                    .map(|name| **name)
                    .collect::<Vec<_>>()
                    .join(" ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_what_follows_from_it() {
        let found = findings(&Facts {
            systemd: true,
            ..Facts::default()
        });
        let of = |what: &str| found.iter().find(|f| f.what == what).unwrap();
        assert!(of("systemd").offered && of("systemd").consequence.is_empty());
        assert!(!of("cgroup layout").offered && of("cgroup layout").consequence.contains("limit"));
    }

    #[test]
    fn missing_names_are_listed() {
        let held = vec!["a".to_owned()];
        assert_eq!(lacking(&["a", "b"], &held), (false, "all but b".into()));
        assert_eq!(lacking(&["a"], &held), (true, "all".into()));
        assert_eq!(lacking(&["b"], &held), (false, "none".into()));
    }
}
