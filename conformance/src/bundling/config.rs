//! The config.json of a bundle.

use plimsoll_fixtures::bundle::Bundle;
use serde::Deserialize;

/// What the config is made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// What `runc spec` writes, without a terminal.
    #[default]
    Default,
    /// As little as runtimes accept.
    Minimal,
}

/// What an image says of its program: config.md of the image specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ImageConfig {
    pub(super) user: Option<String>,
    pub(super) env: Option<Vec<String>>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) cmd: Option<Vec<String>>,
    pub(super) working_dir: Option<String>,
}

impl ImageConfig {
    /// The program and its arguments; nothing where it names none.
    fn args(&self) -> Option<Vec<String>> {
        let parts = [&self.entrypoint, &self.cmd];
        let args: Vec<String> = parts.into_iter().flatten().flatten().cloned().collect();
        (!args.is_empty()).then_some(args)
    }
}

/// A bundle without a root file system. `args` come before those of the image, and a shell after them;
/// `user` is the image's, resolved.
pub(super) fn bundle(
    form: Form,
    args: &[String],
    image: &ImageConfig,
    user: Option<(u32, u32)>,
) -> Bundle {
    let mut bundle = probe(form, args).without_probe();
    if args.is_empty() {
        let args = image.args().unwrap_or_else(|| vec!["sh".to_owned()]);
        bundle = bundle.set("/process/args", args);
    }
    if let Some(env) = &image.env {
        let has_path = env.iter().any(|entry| entry.starts_with("PATH="));
        // Without one, `args` that is no path would not be found.
        let usual = bundle.spec()["process"]["env"][0].clone();
        bundle = bundle.set("/process/env", env.clone());
        if !has_path {
            bundle = bundle.push("/process/env", usual);
        }
    }
    if let Some(folder) = image.working_dir.as_deref().filter(|dir| !dir.is_empty()) {
        bundle = bundle.cwd(folder);
    }
    match user {
        Some((uid, gid)) => bundle.user(uid, gid),
        None => bundle,
    }
}

/// The probe's own bundle.
pub(super) fn probe(form: Form, args: &[String]) -> Bundle {
    let bundle = match form {
        Form::Default => Bundle::default_spec(),
        Form::Minimal => Bundle::minimal(),
    };
    if args.is_empty() {
        bundle
    } else {
        bundle.set("/process/args", args.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_images_config_is_applied() {
        let image: ImageConfig = serde_json::from_value(json!({
            "User": "7:8", "Env": ["A=b"], "Entrypoint": ["/run.sh"], "Cmd": ["-v"], "WorkingDir": "/srv",
            "ExposedPorts": {},
        }))
        .unwrap();
        let made = bundle(Form::Minimal, &[], &image, Some((7, 8)));
        let process = &made.spec()["process"];
        assert_eq!(process["args"], json!(["/run.sh", "-v"]));
        assert_eq!(process["env"], json!(["A=b", "PATH=/bin:/sbin:/"]));
        assert_eq!(process["cwd"], "/srv");
        assert_eq!(process["user"], json!({"uid": 7, "gid": 8}));
    }

    #[test]
    fn what_the_caller_names_comes_first_and_a_shell_last() {
        let image: ImageConfig =
            serde_json::from_value(json!({"Cmd": ["a"], "Env": null})).unwrap();
        let asked = bundle(Form::Default, &words(&["b", "c"]), &image, None);
        assert_eq!(asked.spec()["process"]["args"], json!(["b", "c"]));
        let none = bundle(Form::Default, &[], &ImageConfig::default(), None);
        assert_eq!(none.spec()["process"]["args"], json!(["sh"]));
        assert_eq!(none.spec()["process"]["cwd"], "/");
    }
}
