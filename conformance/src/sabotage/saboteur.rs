//! A way of being wrong.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::config::{EditId, alter, remove, swap};
use crate::case::{Ids, Name};
use crate::drive::{Call, Outcome};
use crate::need::Need;
use crate::trial::Place;
use crate::verdict::{Check, Stop};

/// Makes the call that a saboteur was asked to make, or another one, on the real runtime.
pub type Next<'a> = &'a dyn Fn(&Call) -> Check<Outcome>;

/// What a saboteur does with a call.
type Interpose = dyn Fn(&Call, Next<'_>) -> Check<Outcome> + Send + Sync;

/// What a saboteur does with a document that the runtime reads.
type Edit = dyn Fn(&mut Value) + Send + Sync;

/// A document that a runtime reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// config.json, as `create`, `run` and `restore` read it.
    Config,
    /// The process file of `exec --process`.
    Process,
    /// The resources of `update --resources`.
    Resources,
}

impl Document {
    /// The file that a call reads it from.
    fn file(self, call: &Call) -> Option<PathBuf> {
        let flag = |long, short| call.flag(long).or_else(|| call.flag(short));
        match (self, call.operation()) {
            (Self::Config, "create" | "run" | "restore") => {
                call.bundle().map(|bundle| bundle.join("config.json"))
            }
            (Self::Process, "exec") => flag("--process", "-p").map(PathBuf::from),
            (Self::Resources, "update") => flag("--resources", "-r").map(PathBuf::from),
            _ => None,
        }
    }

    /// What names its reader, where that is not whatever makes a container.
    fn reader(self) -> &'static str {
        match self {
            Self::Config => "",
            Self::Process => "exec: ",
            Self::Resources => "update: ",
        }
    }
}

/// A wrong runtime, made from a right one.
#[derive(Clone)]
pub struct Saboteur {
    /// What it does, as reports show it: `drop /hostname`.
    pub text: Name,
    /// The requirements whose assertion it must turn red; empty means the case's only one.
    pub on: Vec<Name>,
    /// Why it changes nothing that can be seen, where that is so.
    pub equivalent: Option<Name>,
    /// What the machine must offer besides what the case needs.
    pub needs: Vec<Need>,
    interpose: Arc<Interpose>,
    /// The edits that it makes, in their order.
    edits: Vec<(Document, Arc<Edit>)>,
    /// Whether it does anything else.
    meddles: bool,
}

impl Saboteur {
    /// Changes nothing: no verdict may change.
    pub fn identity() -> Self {
        wraps("identity", |call, next| next(call))
    }

    /// Says which requirements' assertions it must turn red. Needed where the case covers several.
    #[must_use]
    pub fn on(mut self, requirements: impl Ids) -> Self {
        self.on = requirements.ids();
        self
    }

    /// Adds what the machine must offer besides what the case needs: an unmet need skips it.
    #[must_use]
    pub fn needs(mut self, needs: impl IntoIterator<Item = Need>) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Does as both, the other one nearer to the case: `drops(…).and(lies("create", How::Exit(1)))`
    /// makes the container without the entry, and reports a failure.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let Self {
            text,
            on,
            equivalent,
            mut needs,
            interpose: inner,
            edits,
            meddles,
        } = self;
        needs.extend(other.needs);
        let outer = other.interpose;
        Self {
            text: format!("{text}; {}", other.text).into(),
            on,
            equivalent,
            needs,
            interpose: Arc::new(move |call, next| outer(call, &|call| inner(call, next))),
            edits: other.edits.into_iter().chain(edits).collect(),
            meddles: meddles || other.meddles,
        }
    }

    /// Whether all that is wrong about it is what it reads.
    pub fn only_edits(&self) -> bool {
        !self.meddles
    }

    /// Does to a document what the runtime is made to read instead of it. Names such as `{dir}` stay.
    pub fn edit(&self, document: Document, json: &mut Value) {
        for (_, edit) in self.edits.iter().filter(|(of, _)| *of == document) {
            edit(json);
        }
    }

    /// Says that it changes nothing that can be seen, and why; it is then counted apart.
    #[must_use]
    pub fn equivalent(mut self, why: impl Into<Name>) -> Self {
        self.equivalent = Some(why.into());
        self
    }

    /// Makes a call, wrongly.
    pub fn interpose(&self, call: &Call, next: Next<'_>) -> Check<Outcome> {
        (self.interpose)(call, next)
    }
}

impl fmt::Debug for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saboteur")
            .field("text", &self.text)
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A saboteur that does anything at all with the calls it sees.
pub fn wraps(
    text: impl Into<Name>,
    interpose: impl Fn(&Call, Next<'_>) -> Check<Outcome> + Send + Sync + 'static,
) -> Saboteur {
    Saboteur {
        text: text.into(),
        on: Vec::new(),
        equivalent: None,
        needs: Vec::new(),
        interpose: Arc::new(interpose),
        edits: Vec::new(),
        meddles: true,
    }
}

/// A runtime that reads another document than the one that its calls name.
fn rereads(
    text: impl Into<Name>,
    document: Document,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Saboteur {
    let (id, edit): (_, Arc<Edit>) = (EditId::new(), Arc::new(edit));
    let made = Arc::clone(&edit);
    let reread = wraps(text, move |call, next| match document.file(call) {
        Some(file) => {
            let edit = |json: &mut Value| {
                made(json);
                if let (Document::Config, Some(bundle)) = (document, file.parent()) {
                    Place::of_bundle(bundle).fill_all(json);
                }
            };
            swap(&file, id, &edit, || next(call))
        }
        None => next(call),
    });
    Saboteur {
        edits: vec![(document, edit)],
        meddles: false,
        ..reread
    }
}

/// A runtime that ignores one entry of a document.
fn drops_of(document: Document, pointer: Name) -> Saboteur {
    let text = format!("{}drop {pointer}", document.reader());
    rereads(text, document, move |json| remove(json, &pointer))
}

/// A runtime that takes one entry of a document for another value.
fn alters_of(document: Document, pointer: Name, value: Value) -> Saboteur {
    let text = format!("{}alter {pointer} to {value}", document.reader());
    rereads(text, document, move |json| {
        alter(json, &pointer, value.clone());
    })
}

/// A runtime that reads another config.json than the one in the bundle.
pub fn edits(text: impl Into<Name>, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Saboteur {
    rereads(text, Document::Config, edit)
}

/// A runtime that ignores one entry of config.json, by its JSON pointer.
pub fn drops(pointer: impl Into<Name>) -> Saboteur {
    drops_of(Document::Config, pointer.into())
}

/// A runtime that takes one entry of config.json, by its JSON pointer, for another value. Objects
/// on the way are made; `-` appends to an array; `{dir}` and the like may be used as in a bundle.
pub fn alters(pointer: impl Into<Name>, value: impl Into<Value>) -> Saboteur {
    alters_of(Document::Config, pointer.into(), value.into())
}

/// A runtime that makes no new namespace of a type. Root's alone: in a user namespace, neither proc nor
/// sysfs can be mounted of a namespace that belongs to another.
pub fn without_namespace(kind: &'static str) -> Saboteur {
    edits(format!("make no {kind} namespace"), move |config| {
        if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
            list.retain(|entry| entry["type"] != kind);
        }
    })
    .needs([Need::Root])
}

/// As [`edits`], for the process file that `exec --process FILE` reads.
pub fn edits_process(
    text: impl Into<Name>,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Saboteur {
    rereads(text, Document::Process, edit)
}

/// A runtime whose `exec` ignores one entry of the process file.
pub fn drops_process(pointer: impl Into<Name>) -> Saboteur {
    drops_of(Document::Process, pointer.into())
}

/// A runtime whose `exec` takes one entry of the process file for another value.
pub fn alters_process(pointer: impl Into<Name>, value: impl Into<Value>) -> Saboteur {
    alters_of(Document::Process, pointer.into(), value.into())
}

/// A runtime whose `update` ignores one entry of the resources that `--resources FILE` has.
pub fn drops_resources(pointer: impl Into<Name>) -> Saboteur {
    drops_of(Document::Resources, pointer.into())
}

/// A runtime whose `update` takes one entry of these resources for another value.
pub fn alters_resources(pointer: impl Into<Name>, value: impl Into<Value>) -> Saboteur {
    alters_of(Document::Resources, pointer.into(), value.into())
}

/// A runtime that makes another container than it should: once `create` is done, something is
/// changed in the container's root, whose path on the host `tamper` is given. An ordinary user has no way
/// there.
pub fn tampers(
    text: impl Into<Name>,
    tamper: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static,
) -> Saboteur {
    wraps(text, move |call, next| {
        let outcome = next(call)?;
        let pid = call
            .flag("--pid-file")
            .and_then(|file| fs::read_to_string(file).ok());
        if let ("create", true, Some(pid)) = (call.operation(), outcome.ok(), pid) {
            let root = format!("/proc/{}/root", pid.trim());
            tamper(Path::new(&root))
                .map_err(|error| Stop::broken(format!("tamper with {root}"), error))?;
        }
        Ok(outcome)
    })
    .needs([Need::Root])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::lie::undone;
    use super::*;

    #[test]
    fn two_edits_of_a_config_are_both_made() {
        let bundle = tempfile::tempdir().unwrap();
        let file = bundle.path().join("config.json");
        fs::write(&file, r#"{"hostname":"a","domainname":"b"}"#).unwrap();
        let call = Call::default()
            .with_args(["create", "c1"])
            .cwd(bundle.path());
        let read = |call: &Call| {
            Ok(Outcome {
                stdout: fs::read_to_string(&file).unwrap(),
                ..undone(call, 0)
            })
        };
        let both = drops("/hostname").and(alters("/domainname", "c"));
        let seen = both.interpose(&call, &read).unwrap();
        assert_eq!(seen.json(), Some(json!({"domainname": "c"})));
        let mut config = json!({"hostname": "a", "domainname": "b"});
        both.edit(Document::Process, &mut config);
        assert_eq!(config, json!({"hostname": "a", "domainname": "b"}));
        both.edit(Document::Config, &mut config);
        assert_eq!(Some(config), seen.json());
    }
}
