//! What a config itself makes us expect to see, by the names of [`super::observe`].

use plimsoll_fixtures::probe::CapabilitySet;
use serde_json::{Value, json};

use super::observe::{CALLS, Observation};
use crate::observe::{NAMESPACES, NamespaceKind, TIME, USER};

/// What a container of this config must show.
pub fn expected(config: &Value) -> Observation {
    let parts: [fn(&Value) -> Observation; 8] = [
        plain,
        process,
        rlimits,
        capabilities,
        namespaces,
        mounts,
        paths,
        calls,
    ];
    let mut wanted = Observation::from([("outcome".into(), "started".into())]);
    wanted.extend(parts.iter().flat_map(|part| part(config)));
    wanted
}

/// Entries whose value is seen as it stands.
const PLAIN: [(&str, &str); 19] = [
    ("/process/user/umask", "report/umask"),
    ("/process/user/uid", "report/uid/effective"),
    ("/process/user/uid", "report/uid/real"),
    ("/process/user/uid", "report/uid/saved"),
    ("/process/user/gid", "report/gid/effective"),
    ("/process/user/gid", "report/gid/real"),
    ("/process/user/gid", "report/gid/saved"),
    ("/process/user/additionalGids", "report/groups"),
    ("/process/cwd", "report/cwd"),
    ("/process/args", "report/args"),
    ("/process/env", "report/env"),
    ("/hostname", "report/uname/nodename"),
    ("/domainname", "report/uname/domainname"),
    ("/linux/resources/pids/limit", "limit/pids"),
    ("/linux/resources/memory/limit", "limit/memory"),
    ("/linux/sysctl/kernel.msgmax", "sysctl/kernel/msgmax"),
    (
        "/linux/sysctl/net.ipv4.ip_forward",
        "sysctl/net/ipv4/ip_forward",
    ),
    ("/linux/devices/0/fileMode", "device/mode"),
    ("/linux/devices/0/major", "device/major"),
];

fn plain(config: &Value) -> Observation {
    let device = ["uid", "gid", "minor"]
        .map(|name| (format!("/linux/devices/0/{name}"), format!("device/{name}")));
    let plain = PLAIN.map(|(pointer, name)| (pointer.to_owned(), name.to_owned()));
    let mut wanted: Observation = plain
        .into_iter()
        .chain(device)
        .filter_map(|(pointer, name)| Some((name, config.pointer(&pointer)?.clone())))
        .collect();
    if names(&config["linux"]["maskedPaths"]).any(|path| path == "/proc/sys") {
        wanted.retain(|name, _| !name.starts_with("sysctl/"));
    }
    wanted
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn names(value: &Value) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

/// Entries that the kernel shows in a form of its own.
fn process(config: &Value) -> Observation {
    let mut wanted = Observation::new();
    if let Some(score) = config["process"]["oomScoreAdj"].as_i64() {
        wanted.insert("report/oom_score_adj".into(), score.to_string().into());
    }
    if let Some(no_new) = config["process"]["noNewPrivileges"].as_bool() {
        wanted.insert("report/no_new_privs".into(), u8::from(no_new).into());
    }
    // linux/personality.h PER_LINUX and PER_LINUX32.
    let domains = [("LINUX", 0), ("LINUX32", 8)];
    let domain = config["linux"]["personality"]["domain"].as_str();
    if let Some((_, number)) = domains.iter().find(|(name, _)| Some(*name) == domain) {
        wanted.insert("report/personality".into(), json!(number));
    }
    wanted
}

fn rlimits(config: &Value) -> Observation {
    let mut wanted = Observation::new();
    for limit in items(&config["process"]["rlimits"]) {
        let kind = limit["type"].as_str().unwrap_or_default();
        for bound in ["soft", "hard"] {
            let name = format!("report/rlimits/{kind}/{bound}");
            wanted.insert(name, limit[bound].clone());
        }
    }
    wanted
}

/// The sets after execve(2), as capabilities(7) transforms them: root gains what is inheritable or
/// bounding, within what it had if there are to be no new privileges; others keep the ambient.
fn capabilities(config: &Value) -> Observation {
    let process = &config["process"];
    let set = |name: &str| {
        let names: Vec<&str> = names(&process["capabilities"][name]).collect();
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

/// Of each kind that is listed a new one, of the others the runner's own.
fn namespaces(config: &Value) -> Observation {
    let listed: Vec<&str> = items(&config["linux"]["namespaces"])
        .filter_map(|namespace| namespace["type"].as_str())
        .collect();
    let word = |kind: &NamespaceKind| {
        let new = listed.contains(&kind.config);
        let word = if new { "another" } else { "the runner's" };
        (format!("namespace/{}", kind.proc), word.into())
    };
    NAMESPACES.iter().chain([&USER, &TIME]).map(word).collect()
}

/// The options that a mount, or the root, asks for. One without a place of the config's own is left
/// to its type.
fn mounts(config: &Value) -> Observation {
    const FLAGS: [&str; 6] = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"];
    let mut wanted = Observation::new();
    if config["root"]["readonly"] == true {
        wanted.insert("mount///options".into(), json!(["ro"]));
    }
    for mount in items(&config["mounts"]) {
        let point = mount["destination"].as_str().unwrap_or_default();
        let options = || names(&mount["options"]);
        let flags: Vec<&str> = options().filter(|one| FLAGS.contains(one)).collect();
        wanted.insert(format!("mount/{point}/options"), json!(flags));
        if mount["type"] == "tmpfs" {
            wanted.insert(format!("mount/{point}/kind"), "tmpfs".into());
            let data: Vec<String> = options().filter_map(tmpfs_data).collect();
            wanted.insert(format!("mount/{point}/super"), json!(data));
        }
    }
    wanted
}

/// An option of tmpfs as the mount table shows it: tmpfs(5). The mode of a directory that all may
/// use is its default, and not shown.
fn tmpfs_data(option: &str) -> Option<String> {
    match option.split_once('=')? {
        ("size", _) => Some(option.to_owned()),
        ("mode", mode) => {
            let mode = u32::from_str_radix(mode, 8)
                .ok()
                .filter(|mode| *mode != 0o1777)?;
            Some(format!("mode={mode:03o}"))
        }
        _ => None,
    }
}

/// A path that is masked need not be read-only too.
fn paths(config: &Value) -> Observation {
    let masked: Vec<&str> = names(&config["linux"]["maskedPaths"]).collect();
    let readonly = names(&config["linux"]["readonlyPaths"]);
    let readonly = readonly.filter(|path| !masked.contains(path));
    let readonly = readonly.map(|path| (format!("path{path}/writable"), json!(false)));
    let unreadable = masked.iter();
    let unreadable = unreadable.map(|path| (format!("path{path}/content"), "nothing".into()));
    readonly.chain(unreadable).collect()
}

fn calls(config: &Value) -> Observation {
    let mut wanted = Observation::new();
    for rule in items(&config["linux"]["seccomp"]["syscalls"]) {
        for (name, ..) in CALLS {
            if names(&rule["names"]).any(|named| named == name) {
                wanted.insert(format!("call/{name}"), rule["errnoRet"].clone());
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

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
            capabilities(&json!({"process": {
                "user": {"uid": uid}, "noNewPrivileges": no_new, "capabilities": {
                "bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE"], "permitted": ["CAP_CHOWN"]}}}))
        };
        let permitted = |uid, no_new| process(uid, no_new)["report/capabilities/permitted"].clone();
        assert_eq!(permitted(0, false), json!(3));
        assert_eq!(permitted(0, true), json!(1));
        assert_eq!(permitted(9, false), json!(0));
    }

    #[test]
    fn a_masked_path_need_not_be_read_only() {
        let wanted = paths(&json!({"linux": {
            "maskedPaths": ["/a"], "readonlyPaths": ["/a", "/b"]}}));
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        assert_eq!(names, ["path/a/content", "path/b/writable"]);
    }

    #[test]
    fn a_namespace_that_is_not_listed_is_the_runners() {
        let wanted = namespaces(&json!({"linux": {"namespaces": [{"type": "network"}]}}));
        assert_eq!(wanted["namespace/net"], "another");
        assert_eq!(wanted["namespace/uts"], "the runner's");
    }

    #[test]
    fn modes_are_shown_with_three_digits_and_the_default_not_at_all() {
        assert_eq!(tmpfs_data("mode=7").as_deref(), Some("mode=007"));
        assert_eq!(tmpfs_data("mode=1777"), None);
        assert_eq!(tmpfs_data("size=4k").as_deref(), Some("size=4k"));
        assert_eq!(tmpfs_data("nosuid"), None);
    }
}
