//! The kinds of hooks, what tells them apart, and how a case gets one to run.

use crate::cases::prelude::*;
use crate::drive::Outcome;
use crate::verdict::Stop;

/// A kind of hooks.
pub(super) struct Kind {
    /// Its name in config.json.
    pub(super) name: &'static str,
    /// Its name in the ids of requirements.
    id: &'static str,
    /// Its name in the ids of cases.
    pub(super) case: &'static str,
    /// The operation that runs it.
    pub(super) operation: &'static str,
    /// Whether it runs in the container's namespaces.
    pub(super) inside: bool,
    /// The status that the lifecycle is in.
    pub(super) status: &'static str,
    /// The number of its step in the lifecycle.
    step: &'static str,
}

#[rustfmt::skip]
const fn kind(
    name: &'static str, id: &'static str, case: &'static str, operation: &'static str,
    inside: bool, status: &'static str, step: &'static str,
) -> Kind {
    Kind { name, id, case, operation, inside, status, step }
}

/// All of them, in the order of the lifecycle.
#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    kind("prestart", "prestart", "prestart", "create", false, "creating", "03"),
    kind("createRuntime", "create-runtime", "create_runtime", "create", false, "creating", "04"),
    kind("createContainer", "create-container", "create_container", "create", true, "creating", "05"),
    kind("startContainer", "start-container", "start_container", "start", true, "created", "07"),
    kind("poststart", "poststart", "poststart", "start", false, "running", "09"),
    kind("poststop", "poststop", "poststop", "delete", false, "stopped", "13"),
];

impl Kind {
    /// A requirement on this kind: `config.hooks.<kind>.<what>`.
    pub(super) fn requirement(&self, what: &str) -> String {
        format!("config.hooks.{}.{what}", self.id)
    }

    /// A requirement on its step in the lifecycle: `runtime.lifecycle.NN-<kind>-<what>`.
    pub(super) fn lifecycle(&self, what: &str) -> String {
        format!("runtime.lifecycle.{}-{}-{what}", self.step, self.id)
    }

    /// The id of a case on this kind.
    pub(super) fn fact(&self, fact: &str) -> String {
        format!("config/hooks/{}_{fact}", self.case)
    }

    /// The JSON pointer to something of the kind's only hook.
    pub(super) fn pointer(&self, rest: &str) -> String {
        format!("/hooks/{}/0{rest}", self.name)
    }

    /// A path that the hook and we both reach, as config.json is to name it: only startContainer
    /// runs in the container's root.
    pub(super) fn shared(&self, name: &str) -> String {
        let dir = if self.name == "startContainer" {
            ""
        } else {
            "{rootfs}"
        };
        format!("{dir}/{name}")
    }

    /// Brings the container to where the kind's operation comes next.
    pub(super) fn approach(&self, t: &Trial) -> Check {
        match self.operation {
            "start" => t.create(),
            "delete" => t.run_to_exit().map(|_| ()),
            _ => Ok(()),
        }
    }

    /// The operation that runs the hooks.
    pub(super) fn operate(&self, t: &Trial) -> Check<Outcome> {
        match self.operation {
            "start" => t.try_start(),
            "delete" => t.try_delete(),
            _ => t.try_create(),
        }
    }

    /// Runs the hooks, by all the operations that it takes.
    pub(super) fn reach(&self, t: &Trial) -> Check {
        self.approach(t)?;
        let outcome = self.operate(t)?;
        t.accepted(&outcome)?;
        self.settle(t).map(|_| ())
    }

    /// Waits until the hooks must have run: those before the program may do so behind the back of
    /// `start`, and have run once the program does. False where it never comes to the program.
    pub(super) fn settle(&self, t: &Trial) -> Check<bool> {
        if self.name != "startContainer" {
            return Ok(true);
        }
        match t.started() {
            Ok(_) => Ok(true),
            Err(Stop::Fail(_)) => Ok(false),
            Err(stop) => Err(stop),
        }
    }

    /// A runtime that takes the kind's hooks for those of another kind; `reach` translates the
    /// paths where one of both runs in the container's root and the other does not.
    pub(super) fn taken_for(&self, other: &'static str) -> Saboteur {
        let name = self.name;
        edits(format!("run {name} hooks as {other} ones"), move |config| {
            let mut hooks = config["hooks"][name].take();
            if let Some(all) = config["hooks"].as_object_mut() {
                all.remove(name);
            }
            if (name == "startContainer") != (other == "startContainer") {
                translate(&mut hooks, other == "startContainer");
            }
            config["hooks"][other] = hooks;
        })
    }

    /// A runtime that gives the hooks another state: the probe rewords it before they read it.
    pub(super) fn hears(&self, from: &'static str, to: &'static str) -> Saboteur {
        let name = self.name;
        edits(
            format!("give {name} hooks {to} for {from}"),
            move |config| {
                for hook in config["hooks"][name].as_array_mut().into_iter().flatten() {
                    let mut args = vec![
                        json!("reword"),
                        json!(from),
                        json!(to),
                        hook["path"].clone(),
                    ];
                    args.extend(hook["args"].as_array().into_iter().flatten().cloned());
                    hook["args"] = json!(args);
                }
            },
        )
    }
}

/// Rewrites the paths of recording hooks for one that runs in the container's root, or outside.
fn translate(hooks: &mut Value, inside: bool) {
    for hook in hooks.as_array_mut().into_iter().flatten() {
        let probe = if inside { "/probe" } else { "{probe}" };
        hook["path"] = json!(probe);
        for arg in hook["args"].as_array_mut().into_iter().flatten() {
            let Some(text) = arg.as_str().map(str::to_owned) else {
                continue;
            };
            let name = text.rsplit('/').next().unwrap_or_default();
            if text.ends_with("/probe") {
                *arg = json!(probe);
            } else if text.starts_with('/') {
                *arg = json!(if inside {
                    format!("/{name}")
                } else {
                    format!("{{rootfs}}/{name}")
                });
            }
        }
    }
}
