//! Hooks of all six kinds, and the state that they read.
//! config.md#posix-platform-hooks

use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::Duration;

use oci_spec::runtime::{self as oci, Spec};

use super::mounts::c_string;
use super::{Origin, PlanError};

/// One hook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hook {
    /// The program, absolute.
    pub path: CString,
    /// Its vector; the path alone where config.json gives none.
    pub args: Vec<CString>,
    /// Its environment, and nothing else.
    pub env: Vec<CString>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Who asked.
    pub origin: Origin,
}

/// All hooks, each kind in the listed order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hooks {
    /// Deprecated; before `create_runtime`, alike otherwise.
    pub prestart: Vec<Hook>,
    /// In the runtime's namespaces, during create, before pivot_root.
    pub create_runtime: Vec<Hook>,
    /// In the container's namespaces, during create, before pivot_root.
    pub create_container: Vec<Hook>,
    /// In the container, during start, before the program.
    pub start_container: Vec<Hook>,
    /// In the runtime's namespaces, during start, after the program was started.
    pub poststart: Vec<Hook>,
    /// In the runtime's namespaces, during delete.
    pub poststop: Vec<Hook>,
}

/// What hooks read on standard input, less what changes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StateTemplate {
    /// The version with which the state complies.
    pub oci_version: String,
    /// The container.
    pub id: String,
    /// Its bundle.
    pub bundle: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl StateTemplate {
    /// The state of runtime.md#state as JSON. `pid` is the container process as seen from where
    /// the hook runs; `None` where there is none any more.
    pub fn render(&self, status: &str, pid: Option<i32>) -> String {
        let mut state = serde_json::json!({
            "ociVersion": self.oci_version,
            "id": self.id,
            "status": status,
            "bundle": self.bundle,
        });
        if let Some(pid) = pid {
            state["pid"] = pid.into();
        }
        if !self.annotations.is_empty() {
            state["annotations"] = serde_json::json!(self.annotations);
        }
        state.to_string()
    }
}

/// Plans the hooks.
pub fn plan(spec: &Spec) -> Result<Hooks, PlanError> {
    let Some(hooks) = spec.hooks() else {
        return Ok(Hooks::default());
    };
    Ok(Hooks {
        prestart: list(hooks.prestart().as_deref(), "/hooks/prestart")?,
        create_runtime: list(hooks.create_runtime().as_deref(), "/hooks/createRuntime")?,
        create_container: list(
            hooks.create_container().as_deref(),
            "/hooks/createContainer",
        )?,
        start_container: list(hooks.start_container().as_deref(), "/hooks/startContainer")?,
        poststart: list(hooks.poststart().as_deref(), "/hooks/poststart")?,
        poststop: list(hooks.poststop().as_deref(), "/hooks/poststop")?,
    })
}

fn list(entries: Option<&[oci::Hook]>, kind: &str) -> Result<Vec<Hook>, PlanError> {
    entries
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(index, entry)| hook(entry, Origin::item(kind, index)))
        .collect()
}

fn hook(entry: &oci::Hook, origin: Origin) -> Result<Hook, PlanError> {
    if !entry.path().is_absolute() {
        return Err(PlanError::invalid(
            origin.child("path"),
            format!("hook path {}", entry.path().display()),
            "it must be absolute",
        ));
    }
    let timeout = match entry.timeout() {
        None => None,
        Some(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Some(Duration::from_secs(seconds)),
            _ => {
                return Err(PlanError::invalid(
                    origin.child("timeout"),
                    format!("timeout {seconds}"),
                    "it must be greater than zero",
                ));
            }
        },
    };
    let path = c_string(
        entry.path().as_os_str().as_encoded_bytes().to_vec(),
        &origin.child("path"),
    )?;
    let strings = |values: &Option<Vec<String>>, key: &str| {
        values
            .iter()
            .flatten()
            .map(|value| c_string(value.clone().into_bytes(), &origin.child(key)))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut args = strings(entry.args(), "args")?;
    if args.is_empty() {
        args.push(path.clone());
    }
    Ok(Hook {
        path,
        args,
        env: strings(entry.env(), "env")?,
        timeout,
        origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(json: &str) -> Result<Hooks, PlanError> {
        let spec: Spec = serde_json::from_str(&format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"rootfs"}},"hooks":{json}}}"#
        ))
        .expect("the test's config is valid JSON");
        plan(&spec)
    }

    #[test]
    fn a_hook_keeps_its_order_and_its_own_environment() {
        let hooks = hooks(
            r#"{"poststop":[{"path":"/b"},{"path":"/a","args":["x"],"env":["K=v"],"timeout":2}]}"#,
        )
        .expect("valid");
        assert_eq!(hooks.poststop[0].args, [c"/b".to_owned()]);
        assert_eq!(hooks.poststop[1].env, [c"K=v".to_owned()]);
        assert_eq!(hooks.poststop[1].timeout, Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_timeout_of_zero_and_a_relative_path_are_refused() {
        for (json, pointer) in [
            (
                r#"{"poststart":[{"path":"/a","timeout":0}]}"#,
                "/hooks/poststart/0/timeout",
            ),
            (r#"{"prestart":[{"path":"a"}]}"#, "/hooks/prestart/0/path"),
        ] {
            let error = hooks(json).expect_err(json).to_string();
            assert!(error.contains(pointer), "{error}");
        }
    }

    #[test]
    fn the_state_has_a_pid_only_while_there_is_one() {
        let template = StateTemplate {
            oci_version: "1.3.0".into(),
            id: "c".into(),
            bundle: "/b".into(),
            annotations: BTreeMap::from([("k".into(), "v".into())]),
        };
        let state: serde_json::Value =
            serde_json::from_str(&template.render("creating", Some(1))).expect("JSON");
        assert_eq!(state["pid"], 1);
        assert_eq!(state["annotations"]["k"], "v");
        assert!(!template.render("stopped", None).contains("pid"));
    }
}
