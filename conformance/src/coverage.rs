//! What is covered, and what is proved: a requirement is proved where a saboteur of a case that
//! covers it was killed on it, on some machine. Nothing is inferred.

mod goal;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;

pub use goal::Shortfall;

use crate::catalogue::{Requirement, Testable, catalogue};
use crate::event::{Level, SabotageEvent, SabotageStatus};
use crate::index::Entry;

/// The state of the catalogue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Entries of the catalogue that a specification asks for.
    pub requirements: usize,
    /// Those that can be seen from outside.
    pub testable: usize,
    /// Of these, those that are not excluded.
    pub judged: usize,
    /// Of these, those that a case covers.
    pub covered: usize,
    /// Of these, those of which a case was turned red.
    pub proved: usize,
    /// The same by the level at which a failure counts.
    pub by_level: BTreeMap<&'static str, Counts>,
    /// The same by the file of the catalogue.
    pub by_area: BTreeMap<String, Counts>,
    /// Of those judged, the ones that need neither special hardware nor a security module.
    pub ordinary: Counts,
    /// The same by priority.
    pub by_priority: BTreeMap<u8, Counts>,
    /// Of these, those of priority 1 and 2 that are not proved, except where the machines lack what
    /// every saboteur needs that aims at them.
    pub owed: Vec<String>,
    /// Testable, yet not judged.
    pub excluded: Vec<Reason>,
    /// Judged, yet covered by no case.
    pub uncovered: Vec<Reason>,
    /// Covered, yet proved on no machine.
    pub unproved: Vec<Reason>,
    /// The machines that proved each requirement.
    pub proved_on: BTreeMap<String, BTreeSet<String>>,
}

/// Counts of a part of the catalogue.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Testable and not excluded.
    pub judged: usize,
    /// Of these, those that a case covers.
    pub covered: usize,
    /// Of these, those of which a case was turned red.
    pub proved: usize,
}

/// An entry with the reason why it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The requirement.
    pub id: String,
    /// Why it is listed.
    pub reason: String,
}

impl Coverage {
    /// Takes stock of what is specified, which conventions are not, by the cases there are, and the saboteurs that ran.
    pub fn of(cases: &[Entry], sabotage: &[SabotageEvent]) -> Self {
        Self::over(catalogue().specified(), cases, sabotage)
    }

    fn over<'a>(
        requirements: impl Iterator<Item = &'a Requirement>,
        cases: &[Entry],
        sabotage: &[SabotageEvent],
    ) -> Self {
        let covered: BTreeSet<&str> = cases
            .iter()
            .flat_map(|case| &case.covers)
            .map(String::as_str)
            .collect();
        let mut proved: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for one in sabotage
            .iter()
            .filter(|one| one.status == SabotageStatus::Killed)
        {
            proved
                .entry(&one.requirement)
                .or_default()
                .insert(one.machine.clone());
        }
        let mut report = Self::default();
        for level in Level::ALL {
            report.by_level.insert(level.word(), Counts::default());
        }
        for requirement in requirements {
            report.requirements += 1;
            report.testable += usize::from(requirement.is_testable());
            let id = requirement.id.clone();
            if !requirement.is_judged() {
                let reason = requirement.excluded.clone();
                report
                    .excluded
                    .extend(reason.map(|reason| Reason { id, reason }));
                continue;
            }
            let machines = proved.get(requirement.id.as_str());
            let is_covered = covered.contains(requirement.id.as_str());
            let is_proved = is_covered && machines.is_some();
            report.count(requirement, is_covered, is_proved);
            if !is_proved && goal::is_owed(requirement, sabotage) {
                report.owed.push(id.clone());
            }
            match machines {
                _ if !is_covered => {
                    report.uncovered.push(Reason {
                        id,
                        reason: why_uncovered(requirement),
                    });
                }
                Some(machines) => {
                    report.proved_on.insert(id, machines.clone());
                }
                None => {
                    let gap = requirement.gap.clone();
                    let reason = gap.unwrap_or_else(|| why_unproved(&requirement.id, sabotage));
                    report.unproved.push(Reason { id, reason });
                }
            }
        }
        report
    }

    fn count(&mut self, requirement: &Requirement, covered: bool, proved: bool) {
        self.judged += 1;
        self.covered += usize::from(covered);
        self.proved += usize::from(proved);
        let level = self.by_level.entry(requirement.judged.word()).or_default();
        let area = self.by_area.entry(requirement.area.clone()).or_default();
        let mut parts = vec![level, area];
        if requirement.is_ordinary() {
            let priority = self.by_priority.entry(requirement.priority).or_default();
            parts.extend([&mut self.ordinary, priority]);
        }
        for counts in parts {
            counts.judged += 1;
            counts.covered += usize::from(covered);
            counts.proved += usize::from(proved);
        }
    }

    /// Writes the report for people; `verbose` lists every entry that is not proved.
    pub fn write_human(&self, verbose: bool, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} requirements, {} testable, {} judged, {} covered, {} proved",
            self.requirements, self.testable, self.judged, self.covered, self.proved
        )?;
        let Counts {
            judged,
            covered,
            proved,
        } = self.ordinary;
        writeln!(
            out,
            "{judged} of them need neither special hardware nor a security module: {covered} covered, {proved} proved\n"
        )?;
        writeln!(
            out,
            "{:22} {:>7} {:>7} {:>7}",
            "", "judged", "covered", "proved"
        )?;
        let levels = Level::ALL.map(|level| (level.word().to_owned(), self.by_level[level.word()]));
        let priorities = (self.by_priority.iter())
            .map(|(priority, counts)| (format!("priority {priority}"), *counts));
        let areas = (self.by_area.iter()).map(|(area, counts)| (area.clone(), *counts));
        for (
            name,
            Counts {
                judged,
                covered,
                proved,
            },
        ) in levels.into_iter().chain(priorities).chain(areas)
        {
            writeln!(out, "{name:22} {judged:7} {covered:7} {proved:7}")?;
        }
        let mut machines: BTreeMap<&str, usize> = BTreeMap::new();
        for machine in self.proved_on.values().flatten() {
            *machines.entry(machine).or_default() += 1;
        }
        for (machine, proved) in machines {
            writeln!(out, "proved on {machine}: {proved}")?;
        }
        let lists = [
            ("uncovered", &self.uncovered),
            ("unproved", &self.unproved),
            ("excluded", &self.excluded),
        ];
        for (name, list) in lists {
            writeln!(out, "\n{} {name}", list.len())?;
            for Reason { id, reason } in list.iter().filter(|_| verbose) {
                writeln!(out, "  {id}: {reason}")?;
            }
        }
        if !verbose {
            writeln!(out, "\n--verbose or --format json lists them")?;
        }
        Ok(())
    }
}

/// What stands in the way of a case.
fn why_uncovered(requirement: &Requirement) -> String {
    if let Some(gap) = &requirement.gap {
        return gap.clone();
    }
    let hardware = match requirement.testable {
        Testable::NeedsHardware => Some("special hardware"),
        Testable::NeedsLsm => Some("a security module"),
        _ => None,
    };
    let needs = requirement.needs.join(", ");
    match hardware {
        // What cannot be run once cannot be proved, so that no case is written for it.
        Some(kind) if needs.is_empty() => format!("no machine at hand has it: {kind}"),
        Some(_) => format!("no machine at hand has it: {needs}"),
        None if needs.is_empty() => "no case yet".into(),
        None => format!("no case yet; needs {needs}"),
    }
}

/// What became of the saboteurs that aim at it.
fn why_unproved(id: &str, sabotage: &[SabotageEvent]) -> String {
    let mut reasons = BTreeSet::new();
    for one in sabotage.iter().filter(|one| one.requirement == id) {
        let reason = one.reason.as_deref().unwrap_or("no reason given");
        let how = match one.status {
            SabotageStatus::Killed => "killed",
            SabotageStatus::Survived => "survived",
            SabotageStatus::Skip => "skipped",
            SabotageStatus::Equivalent => "equivalent",
        };
        reasons.insert(format!(
            "{how} on {}: {} of {}: {reason}",
            one.machine, one.saboteur, one.case
        ));
    }
    if reasons.is_empty() {
        return "no saboteur that aims at it ran".into();
    }
    reasons.into_iter().collect::<Vec<_>>().join("; ")
}

/// What `plimsoll selftest --format json` prints.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Pairs of case and saboteur that ran.
    pub saboteurs: usize,
    /// Of these, those that turned the case red on the requirement named.
    pub killed: usize,
    /// Of these, those that the case did not notice.
    pub survived: Vec<Survivor>,
    /// Pairs that change nothing that can be seen.
    pub equivalent: Vec<Survivor>,
    /// Pairs of cases that are skipped on this machine.
    pub skipped: usize,
}

/// A pair that is listed, with the reason.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `SabotageEvent`")]
pub struct Survivor {
    pub case: String,
    pub saboteur: String,
    pub reason: String,
}

impl Summary {
    /// Counts the pairs. A saboteur that aims at several requirements is one pair, killed if it
    /// was killed on all of them.
    pub fn of(sabotage: &[SabotageEvent]) -> Self {
        let mut pairs: BTreeMap<(&str, &str, &str), Vec<&SabotageEvent>> = BTreeMap::new();
        for one in sabotage {
            pairs
                .entry((&one.machine, &one.case, &one.saboteur))
                .or_default()
                .push(one);
        }
        let mut summary = Self {
            saboteurs: 0,
            killed: 0,
            survived: Vec::new(),
            equivalent: Vec::new(),
            skipped: 0,
        };
        for events in pairs.values() {
            let of = |status| events.iter().find(|one| one.status == status);
            let listed = |one: &SabotageEvent| Survivor {
                case: one.case.clone(),
                saboteur: one.saboteur.clone(),
                reason: one.reason.clone().unwrap_or_default(),
            };
            if let Some(one) = of(SabotageStatus::Survived) {
                summary.saboteurs += 1;
                summary.survived.push(listed(one));
            } else if let Some(one) = of(SabotageStatus::Equivalent) {
                summary.equivalent.push(listed(one));
            } else if of(SabotageStatus::Skip).is_some() {
                summary.skipped += 1;
            } else {
                summary.saboteurs += 1;
                summary.killed += 1;
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const ID: &str = "config.hostname.set";

    pub(super) fn event(requirement: &str, status: SabotageStatus, machine: &str) -> SabotageEvent {
        SabotageEvent {
            case: "config/hostname/seen_inside".into(),
            saboteur: "drop /hostname".into(),
            requirement: requirement.into(),
            status,
            honest: Value::Null,
            sabotaged: Value::Null,
            reason: Some("why".into()),
            machine: machine.into(),
        }
    }

    fn cases() -> Vec<Entry> {
        vec![Entry {
            id: "a/b/c".into(),
            covers: vec![ID.into()],
            ..Entry::default()
        }]
    }

    #[test]
    fn what_no_case_was_turned_red_for_is_not_proved() {
        let report = Coverage::of(&cases(), &[]);
        assert_eq!((report.requirements, report.testable), (964, 932));
        assert_eq!((report.covered, report.proved), (1, 0));
        assert_eq!(report.judged + report.excluded.len(), report.testable);
        assert_eq!(report.uncovered.len() + report.covered, report.judged);
        assert_eq!(report.unproved[0].reason, "no saboteur that aims at it ran");
        let levels: usize = report.by_level.values().map(|counts| counts.judged).sum();
        let areas: usize = report.by_area.values().map(|counts| counts.judged).sum();
        assert_eq!((levels, areas), (report.judged, report.judged));
    }

    #[test]
    fn any_machine_proves_and_is_named() {
        let events = [
            event(ID, SabotageStatus::Skip, "v1"),
            event(ID, SabotageStatus::Killed, "v2"),
            event(ID, SabotageStatus::Killed, "rootless"),
        ];
        let report = Coverage::of(&cases(), &events);
        assert_eq!(report.proved, 1);
        assert_eq!(report.by_level["MUST"].proved, 1);
        assert_eq!(report.by_area["config"].proved, 1);
        assert!(report.proved_on[ID].iter().eq(["rootless", "v2"]));
    }

    #[test]
    fn a_kill_without_a_case_that_covers_proves_nothing() {
        let events = [event(
            "runtime.state.status-created",
            SabotageStatus::Killed,
            "v1",
        )];
        assert_eq!(Coverage::of(&cases(), &events).proved, 0);
    }

    #[test]
    fn survivors_say_what_happened() {
        let report = Coverage::of(&cases(), &[event(ID, SabotageStatus::Survived, "v1")]);
        assert!(
            report.unproved[0]
                .reason
                .starts_with("survived on v1: drop /hostname of ")
        );
    }

    #[test]
    fn a_pair_counts_once_and_is_killed_only_on_all_it_aims_at() {
        let summary = Summary::of(&[
            event("a", SabotageStatus::Killed, "v1"),
            event("b", SabotageStatus::Survived, "v1"),
            event("a", SabotageStatus::Killed, "v2"),
            event("b", SabotageStatus::Killed, "v2"),
            event("a", SabotageStatus::Skip, "v3"),
        ]);
        assert_eq!(
            (summary.saboteurs, summary.killed, summary.skipped),
            (2, 1, 1)
        );
        assert_eq!(summary.survived.len(), 1);
    }
}
