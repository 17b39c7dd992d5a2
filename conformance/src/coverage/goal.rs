//! How much must be proved, and what stands in the way.

use std::fmt;

use super::{Counts, Coverage};
use crate::catalogue::Requirement;
use crate::event::{SabotageEvent, SabotageStatus};

/// The priorities of which nothing may stay unproved: what every runtime meets, and what is common.
const URGENT: std::ops::RangeInclusive<u8> = 1..=2;

/// What is missing to a goal.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Shortfall {
    /// How many of a hundred must be proved.
    percent: u8,
    /// How many are.
    counts: Counts,
    /// What is owed at any rate.
    owed: Vec<String>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { judged, proved, .. } = self.counts;
        write!(
            f,
            "{proved} of {judged} requirements that need neither special hardware nor a security \
             module are proved, {} must be ({} %)",
            least(self.percent, judged),
            self.percent
        )?;
        if !self.owed.is_empty() {
            write!(
                f,
                "; of priority {} and {} are not: {}",
                URGENT.start(),
                URGENT.end(),
                self.owed.join(", ")
            )?;
        }
        Ok(())
    }
}

/// `percent` of `all`, rounded up: a part of a requirement is not proved.
fn least(percent: u8, all: usize) -> usize {
    (all * usize::from(percent)).div_ceil(100)
}

/// Whether a requirement that is not proved had to be. The machines at hand excuse it where each
/// saboteur that aims at it was skipped.
pub(super) fn is_owed(requirement: &Requirement, sabotage: &[SabotageEvent]) -> bool {
    let aims = |one: &&SabotageEvent| one.requirement == requirement.id;
    let mut aimed = sabotage.iter().filter(aims).peekable();
    let excused = aimed.peek().is_some() && aimed.all(|one| one.status == SabotageStatus::Skip);
    requirement.is_ordinary() && URGENT.contains(&requirement.priority) && !excused
}

impl Coverage {
    /// Asks for `percent` of what needs neither special hardware nor a security module to be
    /// proved, and for all of priority 1 and 2 that the machines at hand can show.
    pub fn reaches(&self, percent: u8) -> Result<(), Shortfall> {
        let enough = self.ordinary.proved >= least(percent, self.ordinary.judged);
        if enough && self.owed.is_empty() {
            return Ok(());
        }
        Err(Shortfall {
            percent,
            counts: self.ordinary,
            owed: self.owed.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;
    use crate::cases;
    use crate::catalogue::catalogue;
    use crate::index::Entry;

    /// What a machine that offers everything proves: every saboteur is killed, except those of
    /// which nothing can be seen.
    fn proofs() -> Vec<SabotageEvent> {
        let of_case = |case: &crate::case::Case| {
            let visible = case.saboteurs.iter().filter(|one| one.equivalent.is_none());
            visible
                .flat_map(|one| crate::engine::targets(case, one).clone())
                .map(|id| event(&id, SabotageStatus::Killed, "all"))
                .collect::<Vec<_>>()
        };
        cases::all().iter().flat_map(of_case).collect()
    }

    fn at_best() -> Coverage {
        let entries: Vec<Entry> = cases::all().iter().map(Entry::from).collect();
        Coverage::of(&entries, &proofs())
    }

    /// The goals of the catalogue, as far as no machine is asked: these numbers may only improve.
    #[test]
    fn the_cases_reach_the_goals_of_the_catalogue() {
        let best = at_best();
        assert!(
            best.excluded.len() <= 90,
            "{} excluded",
            best.excluded.len()
        );
        best.reaches(95).unwrap();
        for urgent in URGENT {
            let counts = best.by_priority[&urgent];
            assert_eq!(counts.proved, counts.judged, "priority {urgent}");
        }
    }

    /// What needs rare hardware has no case, since one that never ran would be a guess.
    #[test]
    fn what_is_not_proved_at_best_has_its_reason_in_the_catalogue() {
        let best = at_best();
        for one in best.uncovered.iter().chain(&best.unproved) {
            let entry = catalogue().get(&one.id).unwrap();
            let why = entry.gap.is_some() || (!entry.is_ordinary() && !entry.needs.is_empty());
            assert!(why, "{}: {}", one.id, one.reason);
        }
    }

    #[test]
    fn too_little_is_said_in_numbers_and_names() {
        let report = Coverage {
            ordinary: Counts {
                judged: 21,
                covered: 20,
                proved: 19,
            },
            ..Coverage::default()
        };
        report.reaches(90).unwrap();
        let text = report.reaches(95).unwrap_err().to_string();
        assert!(text.starts_with("19 of 21 requirements "), "{text}");
        assert!(text.ends_with(" are proved, 20 must be (95 %)"), "{text}");
        let owed = Coverage {
            owed: vec!["a.b".into()],
            ..report
        };
        let text = owed.reaches(90).unwrap_err().to_string();
        assert!(
            text.ends_with("; of priority 1 and 2 are not: a.b"),
            "{text}"
        );
    }

    #[test]
    fn only_a_machine_excuses_what_is_urgent() {
        const ID: &str = "config.hostname.set";
        let owed = |priority, events: &[SabotageEvent]| {
            let entry = catalogue().get(ID).unwrap().clone();
            is_owed(&Requirement { priority, ..entry }, events)
        };
        let skipped = event(ID, SabotageStatus::Skip, "v1");
        let survived = event(ID, SabotageStatus::Survived, "v1");
        assert!(owed(1, &[]), "no saboteur aims at it");
        assert!(!owed(1, std::slice::from_ref(&skipped)));
        assert!(owed(2, &[skipped, survived]));
        assert!(!owed(3, &[]));
    }
}
