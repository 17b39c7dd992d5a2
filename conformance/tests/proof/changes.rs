//! What a saboteur does to the leaves of a document.

use std::collections::BTreeSet;

use plimsoll::case::Case;
use plimsoll::sabotage::{Document, Saboteur};
use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::leaves::{LEAVES, Leaf};
use serde_json::Value;

/// What happens to a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// It is ignored.
    Drop,
    /// It is taken for another value.
    Alter,
}

/// What a saboteur of a case does to the leaves of the documents that the runtime reads.
pub(crate) fn changes(case: &Case, saboteur: &Saboteur) -> BTreeSet<(&'static str, Change)> {
    // Else it is not known what turned the case red.
    if !saboteur.only_edits() {
        return BTreeSet::new();
    }
    let bundle = Bundle::minimal().set("/linux/cgroupsPath", "/{id}");
    let config = (case.bundle)(bundle).spec().clone();
    let mut changed = between("", &config, Document::Config, saboteur);
    let given = sample(include_str!(
        "../../../fixtures/configs/good/process-everything.json"
    ));
    let process = &given["process"];
    changed.extend(between("process", process, Document::Process, saboteur));
    let given = sample(include_str!(
        "../../../fixtures/configs/good/resources-memory.json"
    ));
    let (path, resources) = ("linux/resources", &given["linux"]["resources"]);
    changed.extend(between(path, resources, Document::Resources, saboteur));
    changed
}

/// A config that has all of what other calls than `create` are given in a file of its own.
fn sample(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn between(
    path: &str,
    before: &Value,
    document: Document,
    saboteur: &Saboteur,
) -> BTreeSet<(&'static str, Change)> {
    let mut after = before.clone();
    saboteur.edit(document, &mut after);
    let mut diff = Diff::default();
    diff.compare(path, Some(before), Some(&after));
    let mut changed: BTreeSet<_> = meant(&diff.dropped)
        .map(|leaf| (leaf, Change::Drop))
        .collect();
    changed.extend(meant(&diff.added).map(|leaf| (leaf, Change::Alter)));
    // Of several it is not known which one was noticed.
    let altered: BTreeSet<_> = diff.altered.iter().map(|leaf| leaf.path).collect();
    if altered.len() == 1 {
        changed.extend(altered.into_iter().map(|leaf| (leaf, Change::Alter)));
    }
    changed
}

/// The leaves that are meant where several come or go: an object does so with what it must hold, and
/// what it may hold is then no reason for what is seen.
fn meant(leaves: &[Leaf]) -> impl Iterator<Item = &'static str> {
    leaves
        .iter()
        .filter(move |leaf| leaf.required || leaves.len() == 1)
        .map(|leaf| leaf.path)
}

/// The leaves that differ between two documents.
#[derive(Default)]
struct Diff {
    dropped: Vec<Leaf>,
    altered: Vec<Leaf>,
    added: Vec<Leaf>,
}

impl Diff {
    fn compare(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        if before == after {
            return;
        }
        if let Some(leaf) = leaf(path) {
            return self.note(leaf, before, after);
        }
        match before.or(after) {
            Some(Value::Array(_)) => {
                for (before, after) in aligned(list(before), list(after)) {
                    self.compare(&join(path, "-"), before, after);
                }
            }
            Some(Value::Object(_)) => {
                let keys: BTreeSet<&String> = keys(before).chain(keys(after)).collect();
                for key in keys {
                    let (before, after) = (
                        before.and_then(|all| all.get(key)),
                        after.and_then(|all| all.get(key)),
                    );
                    self.compare(&below(path, key), before, after);
                }
            }
            // Unknown to the specification.
            _ => {}
        }
    }

    fn note(&mut self, leaf: Leaf, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (None, _) => self.added.push(leaf),
            (_, None) => self.dropped.push(leaf),
            (Some(Value::Array(before)), Some(Value::Array(after)))
                if after.iter().all(|one| before.contains(one)) && after.len() < before.len() =>
            {
                self.dropped.push(leaf);
            }
            _ => self.altered.push(leaf),
        }
    }
}

/// The leaf at a path; a list of plain values is one.
fn leaf(path: &str) -> Option<Leaf> {
    let is_here = |leaf: &&Leaf| leaf.path == path || leaf.path.strip_suffix("/-") == Some(path);
    LEAVES.iter().find(is_here).copied()
}

/// The path of a key, which is `*` where keys are free.
fn below(path: &str, key: &str) -> String {
    let free = join(path, "*");
    if LEAVES.iter().any(|leaf| leaf.path.starts_with(&free)) {
        free
    } else {
        join(path, key)
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn keys(value: Option<&Value>) -> impl Iterator<Item = &String> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|map| map.keys())
}

/// The entries of two lists, side by side: what one of them lacks stands beside nothing.
fn aligned<'v>(
    mut before: &'v [Value],
    mut after: &'v [Value],
) -> Vec<(Option<&'v Value>, Option<&'v Value>)> {
    let mut pairs = Vec::new();
    while let (Some((old, older)), Some((new, newer))) = (before.split_first(), after.split_first())
    {
        if old != new && before.len() > after.len() {
            pairs.push((Some(old), None));
            before = older;
        } else if old != new && before.len() < after.len() {
            pairs.push((None, Some(new)));
            after = newer;
        } else {
            pairs.push((Some(old), Some(new)));
            (before, after) = (older, newer);
        }
    }
    pairs.extend(before.iter().map(|old| (Some(old), None)));
    pairs.extend(after.iter().map(|new| (None, Some(new))));
    pairs
}
