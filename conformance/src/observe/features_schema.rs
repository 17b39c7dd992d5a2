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
    Map,
}

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
    ("/linux/namespaces", Kind::Strings, "1.1.0"),
    ("/linux/capabilities", Kind::Strings, "1.1.0"),
    ("/linux/cgroup", Kind::Object, "1.1.0"),
    ("/linux/cgroup/v1", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/v2", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/systemd", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/systemdUser", Kind::Flag, "1.1.0"),
    ("/linux/cgroup/rdma", Kind::Flag, "1.1.0"),
    ("/linux/seccomp", Kind::Object, "1.1.0"),
    ("/linux/seccomp/enabled", Kind::Flag, "1.1.0"),
    ("/linux/seccomp/actions", Kind::Strings, "1.1.0"),
    ("/linux/seccomp/operators", Kind::Strings, "1.1.0"),
    ("/linux/seccomp/archs", Kind::Strings, "1.1.0"),
    ("/linux/seccomp/knownFlags", Kind::Strings, "1.1.0"),
    ("/linux/seccomp/supportedFlags", Kind::Strings, "1.1.0"),
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
    ("/linux/memoryPolicy/modes", Kind::Strings, "1.3.0"),
    ("/linux/memoryPolicy/flags", Kind::Strings, "1.3.0"),
    ("/linux/netDevices", Kind::Object, "1.3.0"),
    ("/linux/netDevices/enabled", Kind::Flag, "1.3.0"),
];

/// What is wrong with a features document, as sentences; nothing of a good one. Members that the
/// specification does not know are allowed, and null is as good as absent.
pub fn features_faults(document: &Value) -> Vec<String> {
    if !document.is_object() {
        return vec!["it is no JSON object".into()];
    }
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

/// The members that came with a later release than this one.
pub fn features_beyond(document: &Value, newest: Release) -> Vec<&'static str> {
    MEMBERS
        .iter()
        .filter(|(pointer, _, _)| {
            document
                .pointer(pointer)
                .is_some_and(|member| !member.is_null())
        })
        .filter(|(_, _, since)| Release::parse(since).is_some_and(|since| since > newest))
        .map(|(pointer, _, _)| *pointer)
        .collect()
}

/// `CAP_` and upper-case letters and underscores: schema/features-linux.json.
fn is_capability(name: &str) -> bool {
    name.strip_prefix("CAP_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    })
}

/// Three numbers without leading zeros, then what SemVer lets follow.
fn is_version(text: &str) -> bool {
    let (core, tail) = match text.find(['-', '+']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let number =
        |part: &str| part.parse::<u64>().is_ok() && (part == "0" || !part.starts_with(['0', '+']));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && tail.is_none_or(|tail| {
            !tail.is_empty()
                && tail
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({"ociVersionMin": "1.0.0", "ociVersionMax": "1.2.1-dev", "hooks": null,
               "mountOptions": [], "linux": {"capabilities": ["CAP_CHOWN"], "cgroup": {"v1": true},
               "seccomp": {"enabled": true, "own": 7}}})
    }

    #[test]
    fn a_good_document_has_no_faults() {
        assert_eq!(features_faults(&good()), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_found() {
        for (pointer, value) in [
            ("/ociVersionMin", json!("1.0")),
            ("/ociVersionMin", json!("1.00.0")),
            ("/ociVersionMax", json!(null)),
            ("/hooks", json!("prestart")),
            ("/mountOptions", json!([7])),
            ("/linux/capabilities", json!(["chown"])),
            ("/linux/cgroup/v1", json!("true")),
            ("/linux/seccomp", json!([])),
        ] {
            let mut document = good();
            *document.pointer_mut(pointer).unwrap() = value;
            assert_eq!(features_faults(&document).len(), 1, "{pointer}");
        }
    }

    #[test]
    fn members_of_later_releases_are_found() {
        let mut document = good();
        document["linux"]["netDevices"] = json!({"enabled": true});
        let beyond = features_beyond(&document, Release::parse("1.2.1").unwrap());
        assert_eq!(beyond, ["/linux/netDevices", "/linux/netDevices/enabled"]);
        assert!(features_beyond(&document, Release::parse("1.3.0").unwrap()).is_empty());
    }
}
