//! What a config itself makes us expect to see, by the names of [`super::observe`].

use plimsoll_fixtures::probe::CapabilitySet;
use serde_json::{Value, json};

use super::observe::{CALLS, Observation};

/// A thing that was seen otherwise.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// What was looked at.
    pub what: String,
    /// What the first runtime shows, or the config makes us expect; none where it is missing.
    pub first: Option<Value>,
    /// What the second runtime shows, or the only one.
    pub second: Option<Value>,
}

/// What two runtimes show differently.
pub fn between(first: &Observation, second: &Observation) -> Vec<Difference> {
    let refused = first.get("outcome") != second.get("outcome");
    let mut names: Vec<&String> = first.keys().chain(second.keys()).collect();
    names.sort();
    names.dedup();
    // Where only one started, the rest follows from that.
    names
        .into_iter()
        .filter(|name| !refused || *name == "outcome")
        .filter(|name| first.get(*name) != second.get(*name))
        .map(|name| difference(name, first.get(name), second.get(name)))
        .collect()
}

/// What one runtime shows otherwise than expected.
pub fn against(expected: &Observation, seen: &Observation) -> Vec<Difference> {
    let named: Observation = seen
        .iter()
        .filter(|(name, _)| expected.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    between(expected, &named)
        .into_iter()
        .filter(|difference| !is_met(difference))
        .collect()
}

/// A mount's options are met by more than were asked for.
fn is_met(difference: &Difference) -> bool {
    let list = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).cloned();
    match (list(&difference.first), list(&difference.second)) {
        (Some(wanted), Some(seen)) if difference.what.starts_with("mount/") => {
            wanted.iter().all(|option| seen.contains(option))
        }
        _ => false,
    }
}

fn difference(what: &str, first: Option<&Value>, second: Option<&Value>) -> Difference {
    Difference {
        what: what.to_owned(),
        first: first.cloned(),
        second: second.cloned(),
    }
}

/// Entries whose value is seen as it stands.
const PLAIN: [(&str, &str); 16] = [
    ("/process/user/umask", "report/umask"),
    ("/process/user/uid", "report/uid/effective"),
    ("/process/user/uid", "report/uid/real"),
    ("/process/user/gid", "report/gid/effective"),
    ("/process/user/gid", "report/gid/real"),
    ("/process/cwd", "report/cwd"),
    ("/process/args", "report/args"),
    ("/hostname", "report/uname/nodename"),
    ("/domainname", "report/uname/domainname"),
    ("/linux/resources/pids/limit", "limit/pids"),
    ("/linux/resources/memory/limit", "limit/memory"),
    ("/linux/devices/0/fileMode", "device/mode"),
    ("/linux/devices/0/uid", "device/uid"),
    ("/linux/devices/0/minor", "device/minor"),
    ("/linux/sysctl/kernel.msgmax", "sysctl/kernel/msgmax"),
    (
        "/linux/sysctl/net.ipv4.ip_forward",
        "sysctl/net/ipv4/ip_forward",
    ),
];

/// What a container of this config must show.
pub fn expected(config: &Value) -> Observation {
    let mut wanted = Observation::from([("outcome".into(), "started".into())]);
    for (pointer, name) in PLAIN {
        if let Some(value) = config.pointer(pointer) {
            wanted.insert(name.into(), value.clone());
        }
    }
    if items(&config["linux"]["maskedPaths"]).any(|path| path == "/proc/sys") {
        wanted.retain(|name, _| !name.starts_with("sysctl/"));
    }
    let process = &config["process"];
    if let Some(score) = process["oomScoreAdj"].as_i64() {
        wanted.insert("report/oom_score_adj".into(), score.to_string().into());
    }
    if let Some(no_new) = process["noNewPrivileges"].as_bool() {
        wanted.insert("report/no_new_privs".into(), u8::from(no_new).into());
    }
    for limit in items(&process["rlimits"]) {
        if let Some(kind) = limit["type"].as_str() {
            for bound in ["soft", "hard"] {
                wanted.insert(
                    format!("report/rlimits/{kind}/{bound}"),
                    limit[bound].clone(),
                );
            }
        }
    }
    wanted.extend(capabilities(process));
    for namespace in items(&config["linux"]["namespaces"]) {
        if let Some(kind) = namespace["type"].as_str() {
            let short = match kind {
                "mount" => "mnt",
                "network" => "net",
                other => other,
            };
            wanted.insert(format!("namespace/{short}"), "another".into());
        }
    }
    for mount in items(&config["mounts"]) {
        wanted.extend(options(mount));
    }
    wanted.extend(calls(&config["linux"]["seccomp"]));
    wanted
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The sets after execve(2), as capabilities(7) transforms them: root gains what is inheritable or
/// bounding, within what it had if there are to be no new privileges; others keep the ambient.
fn capabilities(process: &Value) -> Observation {
    let set = |name: &str| {
        let names: Vec<&str> = items(&process["capabilities"][name])
            .filter_map(Value::as_str)
            .collect();
        CapabilitySet::of(&names).unwrap_or_default().0
    };
    let (bounding, inheritable, ambient) = (set("bounding"), set("inheritable"), set("ambient"));
    let permitted = match (
        process["user"]["uid"].as_u64(),
        process["noNewPrivileges"].as_bool(),
    ) {
        (Some(0), Some(true)) => ((inheritable | bounding) & set("permitted")) | ambient,
        (Some(0), _) => inheritable | bounding | ambient,
        _ => ambient,
    };
    [
        ("bounding", bounding),
        ("inheritable", inheritable),
        ("ambient", ambient),
        ("permitted", permitted),
        ("effective", permitted),
    ]
    .map(|(name, bits)| (format!("report/capabilities/{name}"), json!(bits)))
    .into()
}

/// The flags that a mount asks for. One without a place of the config's own is left to its type.
fn options(mount: &Value) -> Observation {
    const FLAGS: [&str; 5] = ["ro", "nosuid", "nodev", "noexec", "noatime"];
    let wanted: Vec<&str> = items(&mount["options"])
        .filter_map(Value::as_str)
        .filter(|option| FLAGS.contains(option))
        .collect();
    let point = mount["destination"].as_str().unwrap_or_default();
    Observation::from([(format!("mount/{point}/options"), json!(wanted))])
}

fn calls(seccomp: &Value) -> Observation {
    let mut wanted = Observation::new();
    for rule in items(&seccomp["syscalls"]) {
        for (name, ..) in CALLS {
            if items(&rule["names"]).any(|named| named == name) {
                wanted.insert(format!("call/{name}"), rule["errnoRet"].clone());
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pairs: &[(&str, Value)]) -> Observation {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn a_refusal_is_the_only_difference() {
        let started = seen(&[("outcome", json!("started")), ("report/umask", json!(1))]);
        let refused = seen(&[("outcome", json!("create refused"))]);
        let found = between(&started, &refused);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "outcome");
        assert!(between(&started, &started).is_empty());
    }

    #[test]
    fn only_what_is_expected_is_judged_and_more_options_are_no_fault() {
        let wanted = seen(&[
            ("outcome", json!("started")),
            ("mount//x/options", json!(["ro"])),
        ]);
        let mut shown = seen(&[
            ("outcome", json!("started")),
            ("mount//x/options", json!(["nodev", "ro"])),
            ("other", json!(1)),
        ]);
        assert!(against(&wanted, &shown).is_empty());
        shown.insert("mount//x/options".into(), json!(["rw"]));
        assert_eq!(against(&wanted, &shown).len(), 1);
        shown.remove("mount//x/options");
        assert_eq!(against(&wanted, &shown)[0].second, None);
    }

    #[test]
    fn a_config_says_what_is_seen() {
        let wanted = expected(&json!({
            "hostname": "h",
            "process": {"user": {"uid": 0, "umask": 18}, "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}]},
            "linux": {"seccomp": {"syscalls": [{"names": ["syncfs"], "errnoRet": 7}]}},
        }));
        for (name, value) in [
            ("report/umask", json!(18)),
            ("report/uname/nodename", json!("h")),
            ("report/rlimits/RLIMIT_CORE/hard", json!(2)),
            ("call/syncfs", json!(7)),
        ] {
            assert_eq!(wanted[name], value, "{name}");
        }
    }

    #[test]
    fn capabilities_are_those_after_execve() {
        let process = |uid: u32, no_new: bool| {
            capabilities(
                &json!({"user": {"uid": uid}, "noNewPrivileges": no_new, "capabilities": {
                "bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE"], "permitted": ["CAP_CHOWN"]}}),
            )
        };
        let permitted = |uid, no_new| process(uid, no_new)["report/capabilities/permitted"].clone();
        assert_eq!(permitted(0, false), json!(3));
        assert_eq!(permitted(0, true), json!(1));
        assert_eq!(permitted(9, false), json!(0));
    }
}
