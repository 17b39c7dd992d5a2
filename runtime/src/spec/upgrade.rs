//! Configurations of the shape that 1.0.0-rc2 had: refused with advice, and rewritten for `spec
//! --upgrade`.

use serde_json::{Map, Value, json};

use super::OCI_VERSION;
use super::error::SpecError;
use super::load;
use super::pointer::Problem;

/// The capability sets that one list stood for.
const SETS: [&str; 5] = [
    "bounding",
    "effective",
    "inheritable",
    "permitted",
    "ambient",
];

/// Says what to change in a configuration of the old shape; `None` for any other text.
pub(super) fn refuse_old(text: &str) -> Option<Problem> {
    let config: Value = serde_json::from_str(text).ok()?;
    let list = config
        .pointer("/process/capabilities")
        .is_some_and(Value::is_array);
    let version = config
        .get("ociVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let platform = config.get("platform").is_some_and(Value::is_object)
        && (version.starts_with("0.") || version.starts_with("1.0.0-"));
    let (pointer, change) = match (list, platform) {
        (true, true) => (
            "/process/capabilities",
            "make `capabilities` an object of five lists and remove `platform`",
        ),
        (true, false) => (
            "/process/capabilities",
            "make `capabilities` an object of five lists",
        ),
        (false, true) => ("/platform", "remove `platform`"),
        (false, false) => return None,
    };
    Some(Problem::at(
        pointer,
        format!(
            "this configuration has the shape of runtime-spec 1.0.0-rc2: {change}; or rename it and \
             let `plimrun spec --upgrade OLD.json` write a valid config.json from it"
        ),
    ))
}

/// Makes a valid configuration of one of the old shape.
pub fn upgrade(old: &str, name: &str) -> Result<String, SpecError> {
    let mut config: Value = serde_json::from_str(old).map_err(|source| SpecError::Syntax {
        file: name.to_owned(),
        source,
    })?;
    let Some(top) = config.as_object_mut() else {
        return Err(Problem::at("", "invalid type: expected an object").in_file(name));
    };
    let os = top
        .remove("platform")
        .and_then(|platform| Some(platform.get("os")?.as_str()?.to_owned()));
    if let Some(os) = os.filter(|os| os != "linux") {
        let message = format!("platform {os:?} is not supported: plimrun runs Linux containers");
        return Err(Problem::at("/platform/os", message).in_file(name));
    }
    top.insert("ociVersion".to_owned(), OCI_VERSION.into());
    let oom_score_adj = config.pointer_mut("/linux/resources").and_then(resources);
    if let Some(process) = config.get_mut("process").and_then(Value::as_object_mut) {
        self::process(process, oom_score_adj);
    }
    if let Some(seccomp) = config
        .pointer_mut("/linux/seccomp")
        .and_then(Value::as_object_mut)
    {
        self::seccomp(seccomp);
    }
    let mut text = serde_json::to_string_pretty(&config).map_err(|source| SpecError::Syntax {
        file: name.to_owned(),
        source,
    })?;
    text.push('\n');
    // What is written must load; what is wrong beyond the shape is the old file's.
    load::from_str(text).map(|config| config.text)
}

/// One list of capabilities becomes five. Ambient ones did not exist then: they would outlive a
/// change of user, so that set stays empty.
fn process(process: &mut Map<String, Value>, oom_score_adj: Option<Value>) {
    if let Some(list) = process
        .get("capabilities")
        .filter(|list| list.is_array())
        .cloned()
    {
        let sets = SETS.map(|set| {
            let empty = set == "ambient" || set == "inheritable";
            (set.to_owned(), if empty { json!([]) } else { list.clone() })
        });
        process.insert(
            "capabilities".to_owned(),
            Value::Object(sets.into_iter().collect()),
        );
    }
    let user = process.entry("user").or_insert_with(|| json!({}));
    if let Some(user) = user.as_object_mut() {
        user.entry("uid").or_insert(json!(0));
        user.entry("gid").or_insert(json!(0));
    }
    if let Some(adjustment) = oom_score_adj {
        process.entry("oomScoreAdj").or_insert(adjustment);
    }
}

/// Two properties moved, and those of block IO lost their prefix. Gives `oomScoreAdj`, which belongs
/// to the process now.
fn resources(resources: &mut Value) -> Option<Value> {
    let resources = resources.as_object_mut()?;
    if let Some(disable) = resources.remove("disableOOMKiller") {
        let memory = resources.entry("memory").or_insert_with(|| json!({}));
        if let Some(memory) = memory.as_object_mut() {
            memory.insert("disableOOMKiller".to_owned(), disable);
        }
    }
    if let Some(block) = resources.get_mut("blockIO").and_then(Value::as_object_mut) {
        let renamed = std::mem::take(block).into_iter().map(|(key, value)| {
            let short = key.strip_prefix("blkio").map(|rest| {
                let (first, rest) = rest.split_at(1.min(rest.len()));
                first.to_lowercase() + rest
            });
            (short.unwrap_or(key), value)
        });
        *block = renamed.collect();
    }
    resources.remove("oomScoreAdj")
}

/// A rule had one `name`; it has `names` now.
fn seccomp(seccomp: &mut Map<String, Value>) {
    let rules = seccomp.get_mut("syscalls").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(name) = rule.remove("name") {
            rule.entry("names").or_insert_with(|| json!([name]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::from_str;
    use super::*;

    fn old() -> Value {
        json!({
            "ociVersion": "1.0.0-rc2",
            "platform": {"os": "linux", "arch": "amd64"},
            "process": {
                "terminal": true, "user": {}, "args": ["sh"], "env": ["TERM=xterm"], "cwd": "/",
                "capabilities": ["CAP_AUDIT_WRITE", "CAP_KILL"],
                "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
                "noNewPrivileges": true
            },
            "root": {"path": "rootfs", "readonly": true},
            "hostname": "old",
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "hooks": {},
            "linux": {
                "namespaces": [{"type": "pid"}, {"type": "uts"}, {"type": "mount"}],
                "resources": {
                    "devices": [{"allow": false, "access": "rwm"}],
                    "disableOOMKiller": true, "oomScoreAdj": -5,
                    "blockIO": {"blkioWeight": 100, "blkioWeightDevice": []}
                },
                "seccomp": {
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"name": "chmod", "action": "SCMP_ACT_ERRNO"}]
                }
            }
        })
    }

    #[test]
    fn the_old_shape_is_refused_with_advice_and_upgraded() {
        let text = old().to_string();
        let error = from_str(text.clone()).expect_err("refused").to_string();
        for part in [
            "/process/capabilities",
            "five lists",
            "platform",
            "plimrun spec --upgrade",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let config = from_str(upgrade(&text, "old.json").expect("upgraded")).expect("valid");
        let process = config.spec.process().clone().expect("process");
        assert_eq!(process.oom_score_adj(), Some(-5));
        let sets = process.capabilities().clone().expect("sets");
        assert_eq!(sets.bounding().clone().expect("set").len(), 2);
        assert_eq!(sets.ambient().clone().expect("set").len(), 0);
        let linux = config.spec.linux().clone().expect("linux");
        let resources = linux.resources().clone().expect("resources");
        assert_eq!(
            resources.memory().expect("memory").disable_oom_killer(),
            Some(true)
        );
        assert_eq!(
            resources.block_io().clone().expect("blockIO").weight(),
            Some(100)
        );
        let rules = linux
            .seccomp()
            .clone()
            .expect("seccomp")
            .syscalls()
            .clone()
            .expect("rules");
        assert_eq!(rules[0].names(), &["chmod"]);
    }

    #[test]
    fn a_platform_in_a_modern_configuration_is_an_unknown_property() {
        let text = json!({"ociVersion": "1.0.0", "root": {"path": "r"}, "platform": {"os": "x"}});
        from_str(text.to_string()).expect("valid");
    }

    #[test]
    fn another_platform_is_not_upgraded() {
        let mut config = old();
        config["platform"]["os"] = json!("solaris");
        let error = upgrade(&config.to_string(), "old.json").expect_err("refused");
        assert!(
            error.to_string().contains("old.json /platform/os"),
            "{error}"
        );
    }
}
