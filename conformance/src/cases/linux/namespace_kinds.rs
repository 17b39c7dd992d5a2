//! config-linux.md#namespaces: what each type keeps apart.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use nix::libc;

use super::namespaces::{in_a_mount_namespace, no_mounts};
use crate::cases::config::{may_mount, user_namespace};
use crate::cases::prelude::*;
use crate::observe::UTS;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![
        pid(),
        network(),
        mount(),
        ipc(),
        uts(),
        user(),
        cgroup(),
        time(),
    ]
}

fn case(kind: &str, proc: &'static str, fact: &str) -> Case {
    Case::new(
        format!("linux/namespaces/{kind}_{fact}"),
        format!("config-linux.namespaces.type-{kind}-supported"),
    )
    .needs([Need::Namespace(proc)])
}

fn pid() -> Case {
    case("pid", "pid", "hides_other_processes")
        .run(|t| {
            let agent = t.agent()?;
            t.eq("the program's own id", agent.report.pid, 1)?;
            let processes = agent.get(|p| p.list("/proc"))?;
            let mut ids = processes.iter().map(|entry| entry.name.clone());
            let others = ids.any(|name| name.parse::<u32>().is_ok_and(|id| id > 1));
            t.that("no other process is seen", !others, others)
        })
        .saboteurs([without_namespace("pid")])
}

fn network() -> Case {
    case("network", "net", "has_sockets_of_its_own")
        .run(|t| {
            let address = SocketAddr::from_abstract_name(t.id());
            let bound = address.and_then(|address| UnixListener::bind_addr(&address));
            let _listener = bound.map_err(|error| Stop::broken("bind a socket", error))?;
            let agent = t.agent()?;
            let name = format!("@{}", t.id());
            let seen = agent.attempt(|p| p.ask(&["connect", &name]))?;
            t.eq(
                "connecting to an abstract socket outside",
                seen,
                "ECONNREFUSED",
            )
        })
        .saboteurs([without_namespace("network")])
}

/// The runtime is called in a mount namespace of the case's, which a wrong one changes.
fn mount() -> Case {
    case("mount", "mnt", "has_mounts_of_its_own")
        .needs([Need::Program("nsenter")])
        .bundle(|b| no_mounts(may_mount(b)).dir("rootfs/mnt", 0o755))
        .run(|t| {
            let (held, call) = in_a_mount_namespace(t)?;
            let agent = t.agent_by(call)?;
            agent.get(|p| p.ask(&["mount", "plimsoll", "/mnt", "tmpfs", "0"]))?;
            let outside = t.read(format!("/proc/{}/mountinfo", held.pid))?;
            let leaked = outside.lines().any(|line| line.contains(" plimsoll "));
            t.that("a mount made inside is not seen outside", !leaked, leaked)
        })
        .saboteurs([without_namespace("mount")])
}

fn ipc() -> Case {
    case("ipc", "ipc", "has_memory_segments_of_its_own")
        .run(|t| {
            let agent = t.agent()?;
            // A key that is this trial's alone.
            let key = u64::from(std::process::id()) << 8 ^ u64::from(t.pid()?.unsigned_abs());
            let flags = u64::from((libc::IPC_CREAT | 0o600).unsigned_abs());
            let segment = agent.get(|p| p.syscall(libc::SYS_shmget, &[key, 4096, flags]))?;
            let outside = t.read("/proc/sysvipc/shm")?;
            // Gone before it is judged, since a wrong runtime leaves it on the host.
            let remove = u64::from(libc::IPC_RMID.unsigned_abs());
            agent.get(|p| p.syscall(libc::SYS_shmctl, &[segment.unsigned_abs(), remove, 0]))?;
            let key = key.to_string();
            let leaked = outside
                .lines()
                .any(|line| line.split_whitespace().next() == Some(&key));
            t.that("a segment made inside is not seen outside", !leaked, leaked)
        })
        .saboteurs([without_namespace("ipc")])
}

/// The runtime is called in a UTS namespace of the case's, which a wrong one changes.
fn uts() -> Case {
    case("uts", "uts", "has_names_of_its_own")
        .needs([Need::Program("nsenter")])
        .bundle(may_mount)
        .run(|t| {
            let held = t.new_namespace(UTS)?;
            let enter = format!("--uts={}", held.path);
            let agent = t.agent_by(t.create_call().through(["nsenter", &enter]))?;
            let sethostname = libc::SYS_sethostname.to_string();
            agent.get(|p| p.ask(&["syscall", &sethostname, "@plimsoll-inside", "15"]))?;
            let outside = t.host_name_of(held.pid)?;
            t.ne("the host name outside", outside, "plimsoll-inside")
        })
        .saboteurs([without_namespace("uts")])
}

fn user() -> Case {
    case("user", "user", "maps_ids")
        .needs([Need::Root])
        .bundle(user_namespace)
        .run(|t| {
            let agent = t.agent()?;
            t.eq("the user inside", agent.report.uid.effective, 0)?;
            let status = t.read(format!("/proc/{}/status", t.pid()?))?;
            let line = status.lines().find(|line| line.starts_with("Uid:"));
            let outside = line.and_then(|line| line.split_whitespace().nth(1));
            t.ne("the user outside", outside, "0")
        })
        .saboteurs([edits("map ids to themselves", |config| {
            let map = json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
            config["linux"]["uidMappings"] = map.clone();
            config["linux"]["gidMappings"] = map;
        })])
}

fn cgroup() -> Case {
    case("cgroup", "cgroup", "hides_the_path")
        .bundle(|b| b.namespace("cgroup", None))
        .run(|t| {
            let report = t.agent()?.report.clone();
            let lines = report.cgroup.value().cloned().unwrap_or_default();
            let path = |line: &String| line.splitn(3, ':').nth(2).map(str::to_owned);
            let ours = lines
                .iter()
                .filter_map(path)
                .filter(|path| path.contains(t.id()));
            let shown: Vec<String> = ours.collect();
            t.eq("paths that name the container's cgroup", shown, json!([]))
        })
        .saboteurs([without_namespace("cgroup")])
}

fn time() -> Case {
    case("time", "time", "has_clocks_of_its_own")
        .bundle(|b| {
            b.namespace("time", None)
                .set("/linux/timeOffsets/boottime", json!({"secs": 100_000}))
        })
        .run(|t| {
            let before = t.now();
            let inside = t.must(t.agent())?.report.stamp.boottime_ns;
            let ahead = inside.saturating_sub(before) / 1_000_000_000;
            t.that(
                "CLOCK_BOOTTIME is 100000 s ahead inside",
                (100_000..100_060).contains(&ahead),
                ahead,
            )
        })
        .saboteurs([
            drops("/linux/timeOffsets"),
            edits("make no time namespace", |config| {
                config["linux"]["timeOffsets"].take();
                if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
                    list.retain(|entry| entry["type"] != "time");
                }
            }),
        ])
}
