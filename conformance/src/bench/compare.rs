//! `plimsoll bench diff`: an old result beside a new one.

use std::io::{self, Write};

use super::document::{Document, Series};
use super::stats::{Ratio, paired, shift, summary};

/// A series that both results hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which: contestant, phase, group, pause.
    pub what: String,
    /// Median milliseconds before.
    pub old: f64,
    /// Median milliseconds after; nothing where every round failed.
    pub new: Option<f64>,
    /// New to old, each taken relative to its own run's reference; nothing where there are too few rounds.
    pub ratio: Option<Ratio>,
    /// What is to be said of it.
    pub verdict: Verdict,
}

/// What is said of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Slower beyond the threshold and not by chance, or failing where it did not.
    Regressed,
    /// Faster beyond the threshold and not by chance.
    Improved,
    /// Neither.
    Same,
    /// Beyond the threshold, but that may be chance: more rounds or a quieter machine would tell.
    Unsure,
    /// Too few rounds to tell.
    Unknown,
}

/// The chance of a false alarm in a whole comparison, however many series it has.
const FALSE_ALARM: f64 = 0.05;

/// Compares the runtimes' series of two results. Times of different runs say little by themselves, so each
/// round is divided by the same round of its own run's floor, or of the empty program, where both runs have it.
/// `threshold` is a fraction: 0.05 is 5 %.
pub fn changes(old: &Document, new: &Document, threshold: f64) -> Vec<Change> {
    let runtimes = new.runtimes();
    let both: Vec<(&Series, &Series)> = new
        .series
        .iter()
        .filter(|series| runtimes.contains(&series.contestant.as_str()))
        .filter_map(|series| Some((old.counterpart(series, &series.contestant)?, series)))
        .collect();
    // Bonferroni: each of many comparisons gets its share.
    let confidence = 1.0 - FALSE_ALARM / both.len().max(1) as f64;
    both.into_iter()
        .filter_map(|(before, after)| {
            let (before, after) = ((old, before), (new, after));
            change(before, after, threshold, confidence)
        })
        .collect()
}

fn change(
    (old, before): (&Document, &Series),
    (new, after): (&Document, &Series),
    threshold: f64,
    confidence: f64,
) -> Option<Change> {
    let new_median = summary(&after.ms).map(|summary| summary.median);
    let ratio = match (old.reference(before), new.reference(after)) {
        (Some(before_it), Some(after_it)) => shift(
            &paired(&before.ms, &before_it.ms),
            &paired(&after.ms, &after_it.ms),
            confidence,
        ),
        _ => shift(&plain(before), &plain(after), confidence),
    };
    let verdict = match ratio {
        _ if new_median.is_none() => Verdict::Regressed,
        None => Verdict::Unknown,
        Some(ratio) if ratio.low > 1.0 && ratio.median > 1.0 + threshold => Verdict::Regressed,
        Some(ratio) if ratio.high < 1.0 && ratio.median < 1.0 - threshold => Verdict::Improved,
        Some(ratio) if (ratio.median - 1.0).abs() > threshold => Verdict::Unsure,
        Some(_) => Verdict::Same,
    };
    Some(Change {
        what: format!(
            "{}, {} ({}, {} ms pauses)",
            after.contestant,
            after.phase.name(),
            after.group,
            after.pause_ms
        ),
        old: summary(&before.ms)?.median,
        new: new_median,
        ratio,
        verdict,
    })
}

fn plain(series: &Series) -> Vec<f64> {
    series.ms.iter().flatten().copied().collect()
}

/// Writes the changes as a table, and their number.
pub fn write(changes: &[Change], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>9} {:>9}  {:20}",
        "old ms", "new ms", "ratio, as if beside each other"
    )?;
    for change in changes {
        let new = change
            .new
            .map_or_else(|| "failed".to_owned(), |new| format!("{new:.2}"));
        let ratio = change
            .ratio
            .map_or_else(|| "-".to_owned(), |ratio| ratio.to_string());
        let mark = match change.verdict {
            Verdict::Regressed => "  REGRESSED",
            Verdict::Improved => "  improved",
            Verdict::Same => "",
            Verdict::Unsure => "  perhaps by chance",
            Verdict::Unknown => "  too few rounds to tell",
        };
        writeln!(
            out,
            "{:>9.2} {new:>9}  {ratio:20}  {}{mark}",
            change.old, change.what
        )?;
    }
    let regressed = regressions(changes);
    let unclear = |change: &&Change| matches!(change.verdict, Verdict::Unsure | Verdict::Unknown);
    let unsure = changes.iter().filter(unclear).count();
    writeln!(
        out,
        "{} compared, {regressed} regressed, {unsure} not told from noise",
        changes.len()
    )
}

/// How many regressed.
pub fn regressions(changes: &[Change]) -> usize {
    changes
        .iter()
        .filter(|change| change.verdict == Verdict::Regressed)
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::document::{Entrant, Kind, Phase, SCHEMA};
    use super::*;

    /// A result whose runtime and floor have the medians `runtime` and `floor`.
    fn result(runtime: f64, floor: f64) -> Document {
        let entrant = |name: &str, kind| Entrant {
            name: name.to_owned(),
            kind,
            command: String::new(),
            version: String::new(),
        };
        let series = |contestant: &str, median: f64| Series {
            ms: (-10..=10)
                .map(|step| Some(median * (1.0 + f64::from(step) / 1000.0)))
                .collect(),
            ..Series::new("default", 0, contestant, Phase::Run)
        };
        Document {
            schema: SCHEMA,
            plimsoll: String::new(),
            conditions: serde_json::from_value(serde_json::json!({
                "kernel": "", "arch": "", "cpus": 1, "cpu_model": "", "cgroups": "v1", "clock_source": "",
                "load_before": 0.0, "load_after": 0.0,
            }))
            .unwrap(),
            rounds: 21,
            contestants: vec![entrant("floor", Kind::Equipped), entrant("rt", Kind::Runtime)],
            series: vec![series("floor", floor), series("rt", runtime)],
            scaling: Vec::new(),
            memory: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The only change: the floor is no subject.
    fn only(old: &Document, new: &Document, threshold: f64) -> Change {
        let mut changes = changes(old, new, threshold);
        assert_eq!(changes.len(), 1);
        changes.remove(0)
    }

    #[test]
    fn slower_beyond_the_threshold_is_a_regression() {
        let old = result(10.0, 5.0);
        for (new, threshold, regressed) in [
            (11.0, 0.05, true),
            (11.0, 0.2, false),
            (10.0, 0.0, false),
            (9.0, 0.05, false),
        ] {
            let change = only(&old, &result(new, 5.0), threshold);
            assert_eq!(
                change.verdict == Verdict::Regressed,
                regressed,
                "{new} at {threshold}"
            );
            assert!((change.ratio.unwrap().median - new / 10.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_slower_machine_is_no_regression_and_hides_none() {
        let old = result(10.0, 5.0);
        assert_eq!(only(&old, &result(20.0, 10.0), 0.05).verdict, Verdict::Same);
        let change = only(&old, &result(24.0, 10.0), 0.05);
        assert_eq!(change.verdict, Verdict::Regressed);
        assert!((change.ratio.unwrap().median - 1.2).abs() < 1e-9);
        // On a machine twice as fast, the same time is twice as slow.
        let change = only(&old, &result(10.0, 2.5), 0.05);
        assert_eq!(change.verdict, Verdict::Regressed);
    }

    #[test]
    fn what_only_one_result_has_is_not_compared() {
        let (mut old, new) = (result(10.0, 5.0), result(20.0, 5.0));
        old.series.retain(|series| series.contestant != "rt");
        assert_eq!(changes(&old, &new, 0.05), []);
    }

    #[test]
    fn to_fail_where_it_did_not_is_a_regression() {
        let (old, mut new) = (result(10.0, 5.0), result(10.0, 5.0));
        new.series[1].ms = vec![None; 21];
        let change = only(&old, &new, 0.05);
        assert_eq!((change.verdict, change.new), (Verdict::Regressed, None));
        new.series[1].ms = vec![Some(90.0); 3];
        assert_eq!(only(&old, &new, 0.05).verdict, Verdict::Unknown);
    }

    #[test]
    fn the_wider_the_spread_the_more_it_takes() {
        let wide = |middle: f64| {
            let mut document = result(middle, 5.0);
            let samples = (0..21).map(|step| Some(middle * (0.5 + f64::from(step) / 20.0)));
            document.series[1].ms = samples.collect();
            document
        };
        let change = only(&wide(10.0), &wide(11.0), 0.05);
        assert_eq!(change.verdict, Verdict::Unsure);
        let change = only(&wide(10.0), &wide(25.0), 0.05);
        assert_eq!(change.verdict, Verdict::Regressed);
    }

    #[test]
    fn the_table_marks_regressions() {
        let changes = changes(&result(10.0, 5.0), &result(20.0, 5.0), 0.05);
        let mut out = Vec::new();
        write(&changes, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("rt, run, whole (default, 0 ms pauses)  REGRESSED")
                && text.contains("1 compared, 1 regressed"),
            "{text}"
        );
    }
}
