//! Every leaf of config.json has a saboteur that drops it and one that alters it, or a reason.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll::cases;
use plimsoll_fixtures::leaves::LEAVES;

use crate::changes::{Change, changes};
use crate::reasons::REASONS;

/// The pairs of case and saboteur, by what they do to which leaf. Of a pair it is proved elsewhere,
/// by `selftest`, that the case then fails, and by `equivalent` why it does not.
fn pairs() -> BTreeMap<(&'static str, Change), Vec<String>> {
    let mut pairs: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for case in &cases::all() {
        for saboteur in &case.saboteurs {
            for change in changes(case, saboteur) {
                let pair = format!("{}: {saboteur}", case.id);
                pairs.entry(change).or_default().push(pair);
            }
        }
    }
    pairs
}

#[test]
fn every_leaf_is_dropped_and_altered_or_there_is_a_reason() {
    let pairs = pairs();
    let reasons: BTreeSet<_> = REASONS
        .iter()
        .map(|(leaf, change, _)| (*leaf, *change))
        .collect();
    assert_eq!(reasons.len(), REASONS.len(), "two reasons for one change");
    let all: BTreeSet<_> = LEAVES
        .iter()
        .flat_map(|leaf| [Change::Drop, Change::Alter].map(|change| (leaf.path, change)))
        .collect();
    let missing: Vec<_> = all
        .iter()
        .filter(|change| !pairs.contains_key(change) && !reasons.contains(change))
        .collect();
    let lines = |changes: &[&(&str, Change)]| {
        let line = |(leaf, change): &&(&str, Change)| format!("{change:?} {leaf}");
        changes.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    assert!(missing.is_empty(), "no saboteur:\n{}", lines(&missing));
    let stale: Vec<_> = reasons
        .iter()
        .filter(|change| pairs.contains_key(change) || !all.contains(change))
        .collect();
    assert!(stale.is_empty(), "a reason for nothing:\n{}", lines(&stale));
}
