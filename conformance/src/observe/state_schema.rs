//! Judges a state document by runtime.md#state and schema/state-schema.json.

use serde_json::{Map, Value};

use super::features_schema::is_version;

/// The values of `status` that the specification has.
const STATUSES: [&str; 4] = ["creating", "created", "running", "stopped"];

/// What is wrong with a state document, as sentences; nothing of a good one. Further members are
/// allowed, and a status that the specification does not name may stand for a further state.
pub fn state_faults(state: &Value) -> Vec<String> {
    let Value::Object(members) = state else {
        return vec!["it is no JSON object".into()];
    };
    let mut faults = Vec::new();
    for name in ["ociVersion", "id", "status", "bundle"] {
        match members.get(name) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(Value::String(_)) => faults.push(format!("{name} is empty")),
            Some(_) => faults.push(format!("{name} is no string")),
            None => faults.push(format!("{name} is missing")),
        }
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("bundle").is_some_and(|bundle| !bundle.starts_with('/')) {
        faults.push("bundle is no absolute path".into());
    }
    if text("ociVersion").is_some_and(|version| !version.is_empty() && !is_version(version)) {
        faults.push("ociVersion is no version".into());
    }
    // Values of a runtime's own are for further states only.
    let alike = |status: &str| {
        let word = status.trim().to_ascii_lowercase();
        word != status && STATUSES.contains(&word.as_str())
    };
    if text("status").is_some_and(alike) {
        faults.push("status is a value of the specification in another spelling".into());
    }
    faults.extend(pid_fault(members));
    let named = |map: &Map<String, Value>| {
        map.iter()
            .all(|(key, value)| !key.is_empty() && value.is_string())
    };
    match members.get("annotations") {
        None => {}
        Some(Value::Object(map)) if named(map) => {}
        Some(_) => faults.push("annotations is no map of named strings".into()),
    }
    faults
}

/// An integer not below zero; of a created or running container it has to be there.
fn pid_fault(members: &Map<String, Value>) -> Option<String> {
    let lives = matches!(
        members.get("status").and_then(Value::as_str),
        Some("created" | "running")
    );
    match members.get("pid") {
        Some(pid) if pid.as_u64().is_none() => Some("pid is no integer from 0".into()),
        Some(pid) if lives && pid == 0 => Some("pid is 0 although the container lives".into()),
        None if lives => Some("pid is missing although the container lives".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({"ociVersion": "1.3.0", "id": "a", "status": "running", "pid": 7, "bundle": "/b",
               "annotations": {"k": ""}, "created": "now"})
    }

    #[test]
    fn a_good_document_has_no_faults() {
        assert_eq!(state_faults(&good()), Vec::<String>::new());
        let mut stopped = good();
        stopped["status"] = json!("stopped");
        stopped.as_object_mut().unwrap().remove("pid");
        stopped.as_object_mut().unwrap().remove("annotations");
        assert_eq!(state_faults(&stopped), Vec::<String>::new());
        let mut paused = good();
        paused["status"] = json!("paused");
        paused["ociVersion"] = json!("1.0.2-dev");
        assert_eq!(state_faults(&paused), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_found() {
        let changes = [
            ("ociVersion", json!(null)),
            ("ociVersion", json!("")),
            ("ociVersion", json!("1.0")),
            ("ociVersion", json!("v1.0.0")),
            ("id", json!(7)),
            ("id", json!("")),
            ("status", json!("")),
            ("status", json!(1)),
            ("status", json!("Stopped")),
            ("status", json!("stopped ")),
            ("bundle", json!("b")),
            ("bundle", json!(["/b"])),
            ("pid", json!("7")),
            ("pid", json!(0)),
            ("pid", json!(-1)),
            ("pid", json!(1.5)),
            ("annotations", json!(null)),
            ("annotations", json!([])),
            ("annotations", json!({"k": 1})),
            ("annotations", json!({"": "x"})),
        ];
        for (name, value) in changes {
            let mut state = good();
            state[name] = value.clone();
            assert_eq!(state_faults(&state).len(), 1, "{name} {value}");
        }
        for name in ["ociVersion", "id", "status", "bundle", "pid"] {
            let mut state = good();
            state.as_object_mut().unwrap().remove(name);
            assert_eq!(state_faults(&state).len(), 1, "{name}");
        }
        assert_eq!(state_faults(&json!([])).len(), 1);
    }
}
