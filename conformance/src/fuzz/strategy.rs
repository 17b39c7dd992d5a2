//! Draws valid configs, as changes to the minimal bundle that shrink to none.

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::CAPABILITIES;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::sample::{select, subsequence};
use serde::Serialize;
use serde_json::{Value, json};

use crate::machine::Facts;

/// How likely an entry is to be in a config.
const LIKELY: f64 = 0.25;

/// One entry of config.json, set to a value; a pointer that ends in `-` appends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The JSON pointer.
    pub pointer: &'static str,
    /// The value.
    pub value: Value,
}

/// The changes that make a config of the minimal one.
pub type Changes = Vec<Change>;

/// A bundle with the changes made, and with the folders that they speak of.
pub fn changed(bundle: Bundle, changes: &[Change]) -> Bundle {
    let bundle = bundle.dir("source", 0o755).dir("rootfs/work", 0o755);
    let made = changes.iter().fold(bundle, |bundle, change| {
        bundle.set(change.pointer, change.value.clone())
    });
    // A sysctl of a namespace that is the host's would change the host: no valid config.
    let joins = |kind: &str| {
        let kinds = made.spec()["linux"]["namespaces"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|one| one["type"] == kind))
    };
    let ipc = joins("ipc");
    if ipc {
        made
    } else {
        made.remove("/linux/sysctl")
    }
}

/// All configs that this machine can make a container of.
pub fn configs(facts: &Facts) -> impl Strategy<Value = Changes> + use<> {
    let mut entries = process(facts);
    entries.extend(surroundings());
    entries.extend(files());
    entries.extend(resources(facts));
    entries.prop_map(|drawn| drawn.into_iter().flatten().flatten().collect())
}

type Entry = BoxedStrategy<Option<Changes>>;

/// An entry that is there or not.
fn entry<S>(pointer: &'static str, values: S) -> Entry
where
    S: Strategy + 'static,
    S::Value: Serialize,
{
    let change = move |value| {
        vec![Change {
            pointer,
            value: json!(value),
        }]
    };
    weighted(LIKELY, values.prop_map(change)).boxed()
}

/// An array's further elements.
fn elements(pointer: &'static str, values: BoxedStrategy<Vec<Value>>) -> Entry {
    let changes = move |values: Vec<Value>| {
        let change = |value| Change { pointer, value };
        values.into_iter().map(change).collect()
    };
    weighted(LIKELY, values.prop_map(changes)).boxed()
}

fn word() -> impl Strategy<Value = String> {
    let letters: Vec<char> = ('a'..='z').chain('0'..='9').collect();
    vec(select(letters), 1..12).prop_map(|letters| letters.into_iter().collect())
}

/// Some of these, in their order.
fn some<T: Clone + std::fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    subsequence(of.to_vec(), 0..=of.len())
}

fn process(facts: &Facts) -> Vec<Entry> {
    let env = vec((word(), word()), 1..4).prop_map(|pairs| {
        let entry =
            |(at, (name, value)): (usize, (String, String))| json!(format!("V{at}{name}={value}"));
        pairs.into_iter().enumerate().map(entry).collect()
    });
    let groups = vec(1_u32..60_000, 1..4).prop_map(|mut groups| {
        groups.sort_unstable();
        groups.dedup();
        groups
    });
    vec![
        entry("/process/user/uid", 1_u32..60_000),
        entry("/process/user/gid", 1_u32..60_000),
        entry("/process/user/additionalGids", groups),
        entry("/process/user/umask", 0_u32..0o1000),
        elements("/process/env/-", env.boxed()),
        entry(
            "/process/cwd",
            select(vec!["/work", "/dev", "/dev/shm", "/proc"]),
        ),
        entry("/process/rlimits", rlimits()),
        entry("/process/capabilities", capabilities(facts)),
        entry("/process/noNewPrivileges", any::<bool>()),
        entry("/process/oomScoreAdj", 1_i32..=1000),
    ]
}

/// Limits that the probe can live with and that the runner may set, the lowest first.
const RLIMITS: [(&str, u64, u64); 7] = [
    ("RLIMIT_NOFILE", 64, 1024),
    ("RLIMIT_CORE", 0, 1 << 20),
    ("RLIMIT_FSIZE", 1 << 20, 1 << 30),
    ("RLIMIT_MSGQUEUE", 0, 65_536),
    ("RLIMIT_SIGPENDING", 16, 512),
    ("RLIMIT_CPU", 100, 10_000),
    ("RLIMIT_LOCKS", 16, 10_000),
];

fn rlimits() -> impl Strategy<Value = Value> {
    some(&RLIMITS).prop_flat_map(|kinds| {
        let limits: Vec<_> = kinds
            .into_iter()
            .map(|(kind, least, most)| {
                (least..=most, least..=most).prop_map(move |(one, other)| {
                    json!({"type": kind, "soft": one.min(other), "hard": one.max(other)})
                })
            })
            .collect();
        limits.prop_map(Value::Array)
    })
}

/// Five sets, each within those that the kernel bounds it by: a capability has a height, from the
/// bounding set alone up to all five.
fn capabilities(facts: &Facts) -> impl Strategy<Value = Value> + use<> {
    const SETS: [&str; 5] = [
        "bounding",
        "permitted",
        "effective",
        "inheritable",
        "ambient",
    ];
    let held: Vec<&'static str> = CAPABILITIES
        .into_iter()
        .filter(|name| facts.has_capability(name))
        .collect();
    some(&held).prop_flat_map(|names| {
        let heights = vec(1..=SETS.len(), names.len());
        (Just(names), heights).prop_map(|(names, heights)| {
            let set = |at: usize| -> Vec<&str> {
                let pairs = names.iter().zip(&heights);
                pairs
                    .filter(|(_, height)| **height > at)
                    .map(|(name, _)| *name)
                    .collect()
            };
            let sets = SETS.iter().enumerate();
            Value::Object(
                sets.map(|(at, name)| ((*name).to_owned(), json!(set(at))))
                    .collect(),
            )
        })
    })
}

fn surroundings() -> Vec<Entry> {
    let kinds = ["pid", "mount", "uts", "network", "ipc", "cgroup"];
    let namespaces = (any::<bool>(), any::<bool>()).prop_map(move |(ipc, cgroup)| {
        let wanted = |kind: &&str| match *kind {
            "ipc" => ipc,
            "cgroup" => cgroup,
            _ => true,
        };
        let kinds = kinds.iter().filter(|kind| wanted(kind));
        kinds.map(|kind| json!({"type": kind})).collect::<Vec<_>>()
    });
    let sysctls = (1024_u32..65_536, any::<bool>()).prop_map(|(size, forward)| {
        json!({"kernel.msgmax": size.to_string(), "net.ipv4.ip_forward": u8::from(forward).to_string()})
    });
    let calls = vec!["sysinfo", "mincore", "syncfs"];
    let seccomp = (some(&calls), 1_u32..100).prop_map(|(names, errno)| {
        let rule = json!({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno});
        let rules = if names.is_empty() { vec![] } else { vec![rule] };
        json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})
    });
    vec![
        entry("/hostname", word()),
        entry("/domainname", word()),
        entry("/linux/namespaces", namespaces),
        entry("/linux/sysctl", sysctls),
        entry(
            "/linux/personality",
            select(vec!["LINUX", "LINUX32"]).prop_map(|domain| json!({"domain": domain})),
        ),
        entry("/linux/seccomp", seccomp),
    ]
}

/// What can be masked or made read-only; one is missing, which is no error.
pub(super) const PATHS: [&str; 8] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/irq",
    "/proc/bus",
    "/proc/sys",
    "/sys/firmware",
    "/missing",
];

fn files() -> Vec<Entry> {
    let devices = (
        1_u32..1000,
        1_u32..1000,
        0_u32..0o1000,
        select(vec![3_u32, 5, 7, 8]),
    )
        .prop_map(|(uid, gid, mode, minor)| {
            let node = json!({"path": "/dev/drawn", "type": "c", "major": 1, "minor": minor,
                "fileMode": mode, "uid": uid, "gid": gid});
            vec![node]
        });
    vec![
        entry("/root/readonly", any::<bool>()),
        elements("/mounts/-", mounts().boxed()),
        entry("/linux/maskedPaths", some(&PATHS)),
        entry("/linux/readonlyPaths", some(&PATHS)),
        entry("/linux/devices", devices),
    ]
}

/// Mounts on places of their own, by kind: a tmpfs, a bind mount of a folder.
fn mounts() -> impl Strategy<Value = Vec<Value>> {
    let flags = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"];
    let options = || some(&flags);
    let tmpfs = (options(), 0_u32..0o1000, 1_u32..64).prop_map(|(flags, mode, pages)| {
        let mut options: Vec<String> = flags.into_iter().map(str::to_owned).collect();
        options.extend([format!("mode={mode:o}"), format!("size={}k", pages * 4)]);
        json!({"destination": "/drawn/tmpfs", "type": "tmpfs", "source": "tmpfs", "options": options})
    });
    let bind = (options(), select(vec!["bind", "rbind"])).prop_map(|(mut options, kind)| {
        options.insert(0, kind);
        json!({"destination": "/drawn/bind", "type": "none", "source": "{bundle}/source", "options": options})
    });
    (proptest::option::of(tmpfs), proptest::option::of(bind))
        .prop_map(|(one, other)| one.into_iter().chain(other).collect())
}

fn resources(facts: &Facts) -> Vec<Entry> {
    const MIB: u64 = 1 << 20;
    let has = |name: &str| facts.cgroups.has_v1(name) || facts.cgroups.has_v2(name);
    let mut entries = Vec::new();
    if facts.cgroups.writable && has("pids") {
        entries.push(entry(
            "/linux/resources/pids",
            (64_u32..4096).prop_map(|limit| json!({"limit": limit})),
        ));
    }
    if facts.cgroups.writable && has("memory") {
        entries.push(entry(
            "/linux/resources/memory",
            (64_u64..512).prop_map(|limit| json!({"limit": limit * MIB})),
        ));
    }
    entries
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn configs_shrink_to_the_minimal_one() {
        let mut runner = TestRunner::deterministic();
        let mut tree = configs(&Facts::default()).new_tree(&mut runner).unwrap();
        while tree.simplify() {}
        assert_eq!(tree.current(), Vec::new());
    }

    #[test]
    fn the_hosts_ipc_namespace_gets_no_sysctl() {
        let sysctl = Change {
            pointer: "/linux/sysctl",
            value: json!({"kernel.msgmax": "1"}),
        };
        let own = changed(Bundle::minimal(), std::slice::from_ref(&sysctl));
        assert!(own.spec().pointer("/linux/sysctl").is_some());
        let hosts = Change {
            pointer: "/linux/namespaces",
            value: json!([{"type": "network"}]),
        };
        let bundle = changed(Bundle::minimal(), &[sysctl, hosts]);
        assert!(bundle.spec().pointer("/linux/sysctl").is_none());
    }
}
