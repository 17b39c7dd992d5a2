//! Cases by runtimes, which the views of several runtimes share.

use std::collections::BTreeMap;

use crate::event::{CaseEvent, Counts, Level, Status};
use crate::log::Log;

/// A verdict for each case and runtime.
pub(super) struct Matrix<'a> {
    /// The columns, in the order of the command line.
    pub(super) runtimes: Vec<&'a str>,
    /// The rows, sorted by case.
    pub(super) rows: BTreeMap<&'a str, Vec<Option<&'a CaseEvent>>>,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(log: &'a Log) -> Self {
        let runtimes: Vec<_> = log.runtimes().collect();
        let mut rows: BTreeMap<_, Vec<Option<&CaseEvent>>> = BTreeMap::new();
        for case in &log.cases {
            let row = rows
                .entry(case.case.as_str())
                .or_insert_with(|| vec![None; runtimes.len()]);
            if let Some(column) = runtimes.iter().position(|name| *name == case.runtime) {
                // With --repeat a case has several verdicts: the worst is shown.
                row[column] = row[column]
                    .filter(|old| old.status.badness() >= case.status.badness())
                    .or(Some(case));
            }
        }
        Self { runtimes, rows }
    }

    /// The rows in which some runtime did something else than pass or skip.
    pub(super) fn notable(&self) -> impl Iterator<Item = (&'a str, &[Option<&'a CaseEvent>])> {
        self.rows
            .iter()
            .map(|(case, row)| (*case, row.as_slice()))
            .filter(|(_, row)| {
                row.iter()
                    .flatten()
                    .any(|case| !matches!(case.status, Status::Pass | Status::Skip))
            })
    }
}

/// The counts of one runtime at one level.
pub(super) fn counts(log: &Log, runtime: &str, level: Level) -> Counts {
    let mut counts = Counts::default();
    for case in log
        .cases
        .iter()
        .filter(|case| case.runtime == runtime && case.level == level)
    {
        counts.add(case.status);
    }
    counts
}

/// The names and numbers of a count, in the order in which reports show them.
pub(super) fn columns(counts: &Counts) -> [(&'static str, usize); 6] {
    [
        ("pass", counts.pass),
        ("fail", counts.fail),
        ("broken", counts.broken),
        ("skip", counts.skip),
        ("known", counts.known),
        ("xpass", counts.xpass),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_verdicts_the_worst_is_shown() {
        let mut log = crate::log::tests::sample();
        let mut again = log.cases[0].clone();
        again.status = Status::Fail;
        log.cases.push(again.clone());
        again.status = Status::Pass;
        log.cases.push(again);
        let matrix = Matrix::of(&log);
        assert_eq!(
            matrix.rows["config/hostname/seen_inside"][0]
                .unwrap()
                .status,
            Status::Fail
        );
    }

    #[test]
    fn counts_are_apart_by_level() {
        let log = crate::log::tests::sample();
        assert_eq!(counts(&log, "bad", Level::Must).fail, 1);
        assert_eq!(counts(&log, "bad", Level::Should).broken, 1);
        assert_eq!(counts(&log, "bad", Level::May), Counts::default());
    }
}
