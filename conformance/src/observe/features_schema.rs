//! Judges a features document by features.md, features-linux.md and schema/features-schema.json.

use serde_json::Value;

use crate::catalogue::Release;

/// What a member holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Version,
    Flag,
    Object,
    Strings,
    /// Strings of these: the enumerations of schema/defs-linux.json.
    Names(&'static [&'static str]),
    Map,
}

const NAMESPACES: &[&str] = &[
    "mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time",
];

const ACTIONS: &[&str] = &[
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
];

const OPERATORS: &[&str] = &[
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];

const ARCHS: &[&str] = &[
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
];

const FLAGS: &[&str] = &[
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

const MODES: &[&str] = &[
    "MPOL_DEFAULT",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_WEIGHTED_INTERLEAVE",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_LOCAL",
];

const MODE_FLAGS: &[&str] = &[
    "MPOL_F_NUMA_BALANCING",
    "MPOL_F_RELATIVE_NODES",
    "MPOL_F_STATIC_NODES",
];

/// The first release whose names this file does not know: it may bring further ones.
const UNKNOWN: &str = "1.4.0";

/// The members, by their pointer, what they hold, and the release of the specification that
/// brought them. A missing or null parent has no members.
const MEMBERS: &[(&str, Kind, &str)] = &[
    ("/ociVersionMin", Kind::Version, "1.1.0"),
    ("/ociVersionMax", Kind::Version, "1.1.0"),
    ("/hooks", Kind::Strings, "1.1.0"),
    ("/mountOptions", Kind::Strings, "1.1.0"),
    ("/annotations", Kind::Map, "1.1.0"),
    (
        "/potentiallyUnsafeConfigAnnotations",
        Kind::Strings,
        "1.2.0",
    ),
    ("/linux", Kind::Object, "1.1.0"),
    ("/linux/namespaces", Kind::Names(NAMESPACES), "1.1.0"),
    ("/linux/capabilities", Kind::Strings, "1.1.0"),
    ("/linux/cgroup", Kind::Object, "1.1.0"),
    ("/linux/cgroup/v1", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/v2", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/systemd", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/systemdUser", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/rdma", Kind::Flag, "1.1.0"),
    ("/linux/seccomp", Kind::Object, "1.1.0"),
    ("/linux/seccomp/enabled", Kind::Flag, "1.1.0"),
    ("/linux/seccomp/actions", Kind::Names(ACTIONS), "1.1.0"),
    ("/linux/seccomp/operators", Kind::Names(OPERATORS), "1.1.0"),
    ("/linux/seccomp/archs", Kind::Names(ARCHS), "1.1.0"),
    ("/linux/seccomp/knownFlags", Kind::Names(FLAGS), "1.1.0"),
    ("/linux/seccomp/supportedFlags", Kind::Names(FLAGS), "1.1.0"),
    ("/linux/apparmor", Kind::Object, "1.1.0"),
    ("/linux/apparmor/enabled", Kind::Flag, "1.1.0"),
    ("/linux/selinux", Kind::Object, "1.1.0"),
    ("/linux/selinux/enabled", Kind::Flag, "1.1.0"),
    ("/linux/intelRdt", Kind::Object, "1.1.0"),
    ("/linux/intelRdt/enabled", Kind::Flag, "1.1.0"),
    ("/linux/intelRdt/schemata", Kind::Flag, "1.3.0"),
    ("/linux/intelRdt/monitoring", Kind::Flag, "1.3.0"),
    ("/linux/mountExtensions", Kind::Object, "1.2.0"),
    ("/linux/mountExtensions/idmap", Kind::Object, "1.2.0"),
    ("/linux/mountExtensions/idmap/enabled", Kind::Flag, "1.2.0"),
    ("/linux/memoryPolicy", Kind::Object, "1.3.0"),
    ("/linux/memoryPolicy/modes", Kind::Names(MODES), "1.3.0"),
    (
        "/linux/memoryPolicy/flags",
        Kind::Names(MODE_FLAGS),
        "1.3.0",
    ),
    ("/linux/netDevices", Kind::Object, "1.3.0"),
    ("/linux/netDevices/enabled", Kind::Flag, "1.3.0"),
];

/// What is wrong with a features document, as sentences; nothing of a good one. Members that the
/// specification does not know are allowed, and null is as good as absent.
pub fn features_faults(document: &Value) -> Vec<String> {
    if !document.is_object() {
        return vec!["it is no JSON object".into()];
    }
    let max = document["ociVersionMax"].as_str().and_then(Release::parse);
    let newer = max >= Release::parse(UNKNOWN);
    let mut faults = Vec::new();
    for (pointer, kind, _) in MEMBERS {
        let member = document.pointer(pointer).unwrap_or(&Value::Null);
        let good = match kind {
            Kind::Version => member.as_str().is_some_and(is_version),
            _ if member.is_null() => true,
            Kind::Flag => member.is_boolean(),
            Kind::Object => member.is_object(),
            Kind::Strings => member
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
            Kind::Names(known) => member.as_array().is_some_and(|list| {
                let known = |name: &str| newer || known.contains(&name);
                list.iter().all(|name| name.as_str().is_some_and(known))
            }),
            Kind::Map => member.as_object().is_some_and(|map| {
                map.iter()
                    .all(|(key, value)| !key.is_empty() && value.is_string())
            }),
        };
        if !good {
            faults.push(format!(
                "{pointer} is not as features-schema.json wants it: {member}"
            ));
        }
    }
    let capabilities = document.pointer("/linux/capabilities");
    for name in capabilities.and_then(Value::as_array).into_iter().flatten() {
        if !name.as_str().is_some_and(is_capability) {
            faults.push(format!("/linux/capabilities has {name}"));
        }
    }
    faults
}

/// The members that this release does not define: those of a later one, and a runtime's own.
pub fn features_beyond(document: &Value, newest: Release) -> Vec<String> {
    let mut beyond = Vec::new();
    undefined("", document, newest, &mut beyond);
    beyond
}

fn undefined(pointer: &str, value: &Value, newest: Release, found: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let pointer = format!("{pointer}/{name}");
        let known = MEMBERS.iter().find(|(known, ..)| *known == pointer);
        let defined = known.is_some_and(|(.., since)| Release::parse(since) <= Some(newest));
        if member.is_null() {
            continue;
        }
        if !defined {
            found.push(pointer.clone());
        }
        if let Some((_, Kind::Object, _)) = known {
            undefined(&pointer, member, newest, found);
        }
    }
}

/// `CAP_` and upper-case letters and underscores: schema/features-linux.json.
fn is_capability(name: &str) -> bool {
    name.strip_prefix("CAP_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    })
}

/// What config.md#specification-version takes for a version: <https://semver.org/spec/v2.0.0.html>.
pub(super) fn is_version(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A document with every member.
    fn good() -> Value {
        json!({
            "ociVersionMin": "1.0.0", "ociVersionMax": "1.3.0-rc.1+dev",
            "hooks": ["prestart"], "mountOptions": ["ro"], "annotations": {"own": "x"},
            "potentiallyUnsafeConfigAnnotations": ["org.own."],
            "linux": {
                "namespaces": NAMESPACES, "capabilities": ["CAP_CHOWN"],
                "cgroup": {"v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": true},
                "seccomp": {"enabled": true, "actions": ACTIONS, "operators": OPERATORS,
                    "archs": ARCHS, "knownFlags": FLAGS, "supportedFlags": FLAGS},
                "apparmor": {"enabled": true}, "selinux": {"enabled": true},
                "intelRdt": {"enabled": true, "schemata": false, "monitoring": false},
                "mountExtensions": {"idmap": {"enabled": true}},
                "memoryPolicy": {"modes": MODES, "flags": MODE_FLAGS},
                "netDevices": {"enabled": true},
            },
        })
    }

    fn with(pointer: &str, value: &Value) -> Value {
        let mut document = good();
        *document.pointer_mut(pointer).expect(pointer) = value.clone();
        document
    }

    #[test]
    fn a_good_document_has_no_faults() {
        assert_eq!(features_faults(&good()), Vec::<String>::new());
        let least = json!({"ociVersionMin": "1.0.0", "ociVersionMax": "1.0.0"});
        assert_eq!(features_faults(&least), Vec::<String>::new());
    }

    #[test]
    fn every_member_has_values_that_are_none_for_it() {
        let bad = |kind: &Kind| match kind {
            Kind::Version => json!([
                null,
                1,
                "",
                "1.0",
                "1.00.0",
                "v1.0.0",
                "1.0.0-",
                "1.0.0-a..b",
                "1.0.0-01",
                "1.0.0+a_b"
            ]),
            Kind::Flag => json!(["true", 1, [], {}]),
            Kind::Object => json!([true, "x", 1, []]),
            Kind::Strings => json!(["x", true, {}, [1], [null], [["x"]]]),
            Kind::Names(_) => json!(["x", true, {}, [1], [null], ["own"], [""]]),
            Kind::Map => json!(["x", true, [], {"a": 1}, {"a": null}, {"": "x"}]),
        };
        for (pointer, kind, _) in MEMBERS {
            for value in bad(kind).as_array().into_iter().flatten() {
                let faults = features_faults(&with(pointer, value));
                assert!(!faults.is_empty(), "{pointer} {value}");
                assert!(
                    faults[0].starts_with(pointer),
                    "{pointer} {value}: {faults:?}"
                );
            }
        }
        for name in ["chown", "CAP_", "CAP_chown", "CAP_A1"] {
            let faults = features_faults(&with("/linux/capabilities", &json!([name])));
            assert_eq!(faults.len(), 1, "{name}");
        }
    }

    #[test]
    fn null_is_as_good_as_absent_but_for_the_versions() {
        for (pointer, kind, _) in MEMBERS {
            let faults = features_faults(&with(pointer, &Value::Null));
            let none = !matches!(kind, Kind::Version);
            assert_eq!(faults.is_empty(), none, "{pointer}");
        }
    }

    #[test]
    fn a_later_release_may_have_further_names() {
        let mut document = with("/linux/seccomp/archs", &json!(["SCMP_ARCH_OWN"]));
        assert_eq!(features_faults(&document).len(), 1);
        document["ociVersionMax"] = json!("1.4.0");
        assert_eq!(features_faults(&document), Vec::<String>::new());
    }

    #[test]
    fn members_that_a_release_does_not_define_are_found() {
        let mut document = json!({"linux": {"netDevices": {"enabled": true}}, "hooks": []});
        let beyond =
            |document: &Value, release| features_beyond(document, Release::parse(release).unwrap());
        assert_eq!(
            beyond(&document, "1.2.1"),
            ["/linux/netDevices", "/linux/netDevices/enabled"]
        );
        assert!(beyond(&document, "1.3.0").is_empty());
        document["linux"]["own"] = json!(1);
        document["annotations"] = json!({"own": "x"});
        assert_eq!(beyond(&document, "1.3.0"), ["/linux/own"]);
        assert!(beyond(&good(), "1.3.0").is_empty());
    }
}
