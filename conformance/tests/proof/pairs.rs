//! All that a case covers is proved, and all areas are.

use std::collections::BTreeMap;

use plimsoll::cases;
use plimsoll::index::Entry;

#[test]
fn every_requirement_that_a_case_covers_is_the_aim_of_a_saboteur() {
    for case in &cases::all() {
        let entry = Entry::from(case);
        for covered in &entry.covers {
            let aimed = |one: &plimsoll::index::Sabotage| one.requirements.contains(covered);
            assert!(
                entry.saboteurs.iter().any(aimed),
                "{}: nothing turns {covered} red",
                entry.id
            );
        }
    }
}

#[test]
fn pairs_of_case_and_saboteur_are_spread_over_all_areas() {
    let mut areas: BTreeMap<String, usize> = BTreeMap::new();
    for case in &cases::all() {
        let area = case.id.split('/').next().unwrap_or_default();
        let real = case.saboteurs.iter().filter(|one| one.equivalent.is_none());
        *areas.entry(area.to_owned()).or_default() += real.count();
    }
    assert!(areas.values().sum::<usize>() >= 250, "{areas:?}");
    assert!(areas.values().all(|&pairs| pairs >= 10), "{areas:?}");
}
