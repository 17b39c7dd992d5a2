//! What may be left out: config.md and config-linux.md, OPTIONAL.

use crate::cases::prelude::*;

const CONFIG: &str = "config.optional-properties";
const LINUX: &str = "config-linux.optional-properties";

pub(super) fn cases() -> Vec<Case> {
    vec![least(), empty(), full()]
}

/// Only what is required, and what a container with a root of its own cannot do without.
fn least() -> Case {
    Case::new("config/optional/nothing_optional", [CONFIG, LINUX])
        // Without a user namespace, only root makes a mount namespace.
        .needs([Need::Root])
        .run(|t| {
            t.set_config(&json!({
                "ociVersion": "1.0.2",
                "root": {"path": "rootfs"},
                "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/probe", "agent"]},
                "linux": {"namespaces": [{"type": "mount"}]},
            }))?;
            let agent = t.on_all().must(t.agent())?;
            t.on_all().eq("environment", &agent.report.env, json!([]))
        })
        .saboteurs([lies("create", How::Refuse).on([CONFIG, LINUX])])
}

/// Every object that may be there, with nothing optional in it.
fn empty() -> Case {
    Case::new("config/optional/empty_objects", [CONFIG, LINUX])
        .needs([Need::Capability("CAP_MKNOD"), Need::Cgroup("pids")])
        .bundle(|b| {
            b.set("/annotations", json!({}))
                .set(
                    "/hooks",
                    json!({"prestart": [], "poststop": [{"path": "/bin/true"}]}),
                )
                .set("/process/rlimits", json!([]))
                .set("/process/capabilities", json!({}))
                .set("/process/env", json!([]))
                .set("/process/user/additionalGids", json!([]))
                .push("/mounts", json!({"destination": "/mnt", "type": "tmpfs"}))
                .set("/linux/sysctl", json!({}))
                .set("/linux/maskedPaths", json!([]))
                .set("/linux/readonlyPaths", json!([]))
                .set(
                    "/linux/devices",
                    json!([{"path": "/dev/ours", "type": "c", "major": 1, "minor": 5}]),
                )
                .set("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ALLOW"}))
                .set(
                    "/linux/resources",
                    json!({
                        "devices": [{"allow": true}],
                        "memory": {}, "cpu": {}, "pids": {"limit": 100}, "blockIO": {},
                        "hugepageLimits": [], "network": {}, "rdma": {}, "unified": {},
                    }),
                )
        })
        .run(|t| {
            let agent = t.on_all().must(t.agent())?;
            let seen = agent.attempt(|p| p.open("/dev/ours", "r"))?;
            t.on(LINUX).eq("opening /dev/ours", seen, "OK")?;
            let mount = t.on(CONFIG).must(agent.mount("/mnt"))?;
            t.on(CONFIG)
                .eq("the file system at /mnt", mount.kind, "tmpfs")
        })
        .saboteurs([
            lies("create", How::Refuse).on([CONFIG, LINUX]),
            drops("/linux/devices").on(LINUX),
            drops("/mounts/5").on(CONFIG),
        ])
}

/// As the full example of the document, without what belongs to a certain host: a document in
/// which nearly every property stands.
fn full() -> Case {
    Case::new("config/optional/full_document", "config.full-example-runs")
        .needs([
            Need::Capability("CAP_MKNOD"),
            Need::Seccomp,
            Need::Cgroup("pids"),
            Need::Cgroup("memory"),
            Need::Cgroup("cpu"),
        ])
        .bundle(|b| {
            let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
            let b = ["prestart", "createRuntime", "poststart", "poststop"]
                .iter()
                .fold(b.hostname("plimsoll"), |b, kind| b.records(kind, kind));
            let b = ["bounding", "permitted", "inheritable", "effective"]
                .iter()
                .fold(b, |b, set| b.capabilities(set, &capabilities));
            b.user(1, 1)
                .set("/domainname", "example.org")
                .set("/root/readonly", true)
                .set("/process/user/additionalGids", [5, 6])
                .set("/process/noNewPrivileges", true)
                .set("/process/oomScoreAdj", 100)
                .push(
                    "/process/rlimits",
                    json!({"type": "RLIMIT_CORE", "soft": 1024, "hard": 1024}),
                )
                .push(
                    "/process/rlimits",
                    json!({"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}),
                )
                .set(
                    "/annotations",
                    json!({"com.example.key1": "value1", "com.example.key2": ""}),
                )
                .set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"}))
                .set("/linux/rootfsPropagation", "slave")
                .set(
                    "/linux/maskedPaths",
                    ["/proc/kcore", "/proc/latency_stats", "/proc/timer_stats"],
                )
                .set(
                    "/linux/readonlyPaths",
                    ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/sys"],
                )
                .set(
                    "/linux/resources/memory",
                    json!({"limit": 64 << 20, "reservation": 32 << 20}),
                )
                .set(
                    "/linux/resources/cpu",
                    json!({"shares": 1024, "quota": 50_000, "period": 100_000}),
                )
                .set("/linux/resources/pids/limit", 100)
                .push(
                    "/linux/devices",
                    json!({"path": "/dev/ours", "type": "c", "major": 1, "minor": 5,
                                               "fileMode": 0o666, "uid": 0, "gid": 0}),
                )
                .set(
                    "/linux/seccomp",
                    json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                           "syscalls": [{"names": ["times"], "action": "SCMP_ACT_ERRNO"}]}),
                )
        })
        .run(|t| {
            let agent = t.must(t.agent())?;
            t.eq("nodename", &agent.report.uname.nodename, "plimsoll")
        })
        .saboteurs([lies("create", How::Refuse), drops("/hostname")])
}
