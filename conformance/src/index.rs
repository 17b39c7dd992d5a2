//! What lists and reports know of a case: its names, without its code.

use crate::case::Case;
use crate::catalogue::{Requirement, catalogue};
use crate::engine::targets;
use crate::event::Level;

/// A case by its names.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// `<chapter>/<subject>/<fact>`.
    pub id: String,
    /// The requirements that it covers.
    pub covers: Vec<String>,
    /// What the machine must offer, in words.
    pub needs: Vec<String>,
    /// The saboteurs that must turn it red, each with the requirements meant.
    pub saboteurs: Vec<Sabotage>,
}

/// A saboteur by its names.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sabotage {
    /// What it does.
    pub saboteur: String,
    /// The requirements whose assertions it must turn red.
    pub requirements: Vec<String>,
}

impl From<&Case> for Entry {
    fn from(case: &Case) -> Self {
        let saboteurs = case.saboteurs.iter().map(|saboteur| Sabotage {
            saboteur: saboteur.text.to_string(),
            requirements: targets(case, saboteur)
                .iter()
                .map(ToString::to_string)
                .collect(),
        });
        Self {
            id: case.id.to_string(),
            covers: case.covers.iter().map(ToString::to_string).collect(),
            needs: case.needs.iter().map(ToString::to_string).collect(),
            saboteurs: saboteurs.collect(),
        }
    }
}

impl Entry {
    /// The entries of the catalogue that it covers.
    pub fn requirements(&self) -> impl Iterator<Item = &'static Requirement> + '_ {
        self.covers.iter().filter_map(|id| catalogue().get(id))
    }

    /// The strongest level of what it covers.
    pub fn level(&self) -> Level {
        catalogue().level(self.covers.iter().map(String::as_str))
    }
}

/// Names near to one that is unknown, the nearest first, for "did you mean".
pub fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    /// How alike the names must be, from 0 to 1.
    const ALIKE: f32 = 0.6;
    let known: Vec<&str> = known.into_iter().collect();
    similar::get_close_matches(word, &known, 3, ALIKE)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// `: did you mean A or B?`, or nothing where nothing is near.
pub fn did_you_mean(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(": did you mean {}?", names.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_covers_what_the_catalogue_judges() {
        let mut ids = BTreeSet::new();
        for case in &crate::cases::all() {
            let entry = Entry::from(case);
            let id = &entry.id;
            assert!(ids.insert(id.clone()), "{id} is there twice");
            assert_eq!(
                id.split('/').count(),
                3,
                "{id} is not <chapter>/<subject>/<fact>"
            );
            assert!(!entry.covers.is_empty(), "{id} covers nothing");
            for covered in &entry.covers {
                let requirement = catalogue().get(covered);
                let requirement = requirement
                    .unwrap_or_else(|| panic!("{id} covers {covered}, which is nothing"));
                assert!(
                    requirement.is_judged(),
                    "{id} covers {covered}, which is not judged"
                );
            }
            for target in entry.saboteurs.iter().flat_map(|one| &one.requirements) {
                assert!(
                    entry.covers.contains(target),
                    "{id}: a saboteur aims at {target}"
                );
            }
        }
    }

    #[test]
    fn a_typing_error_finds_its_name() {
        let known = ["core", "linux", "rootless"];
        assert_eq!(near("rootles", known), ["rootless"]);
        assert!(near("zebra", known).is_empty());
        assert_eq!(did_you_mean(&near("lnux", known)), ": did you mean linux?");
        assert_eq!(did_you_mean(&[]), "");
    }
}
