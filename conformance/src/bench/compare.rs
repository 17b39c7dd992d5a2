//! `plimsoll bench diff`: an old result beside a new one.

use std::io::{self, Write};

use super::document::{Document, Kind, Series};
use super::stats::{ratio, summary};

/// A series that both results hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which: group, pause, contestant, phase.
    pub what: String,
    /// Median milliseconds before.
    pub old: f64,
    /// Median milliseconds after.
    pub new: f64,
    /// New to old, corrected by how the floor of the two results changed.
    pub ratio: f64,
    /// Whether it is slower beyond the threshold, and not by chance.
    pub regressed: bool,
}

/// Compares the runtimes' series of two results. Times of different runs say little by themselves, so each
/// is divided by the median of its own run's floor, or of the empty program, where both runs have it.
/// `threshold` is a fraction: 0.05 is 5 %.
pub fn changes(old: &Document, new: &Document, threshold: f64) -> Vec<Change> {
    let runtimes: Vec<&str> = new
        .contestants
        .iter()
        .filter(|entrant| entrant.kind == Kind::Runtime)
        .map(|entrant| entrant.name.as_str())
        .collect();
    new.series
        .iter()
        .filter(|series| runtimes.contains(&series.contestant.as_str()))
        .filter_map(|series| change(old, new, series, threshold))
        .collect()
}

fn change(old: &Document, new: &Document, series: &Series, threshold: f64) -> Option<Change> {
    let before = old.counterpart(series, &series.contestant)?;
    let (old_median, new_median) = (summary(&before.ms)?.median, summary(&series.ms)?.median);
    let correction = match (floor(old, before), floor(new, series)) {
        (Some(old), Some(new)) if old > 0.0 && new > 0.0 => old / new,
        _ => 1.0,
    };
    // Sorted, the samples pair by rank: a shift of the whole distribution decides, one slow round does not.
    let spread = ratio(&by_rank(series), &by_rank(before));
    let beyond = spread.is_none_or(|spread| spread.low * correction > 1.0);
    let ratio = new_median / old_median * correction;
    Some(Change {
        what: format!(
            "{} {} {} ({} ms pauses)",
            series.contestant,
            series.phase.name(),
            series.group,
            series.pause_ms
        ),
        old: old_median,
        new: new_median,
        ratio,
        regressed: ratio > 1.0 + threshold && beyond,
    })
}

/// The median of the reference that `series` is measured against in its own run.
fn floor(document: &Document, series: &Series) -> Option<f64> {
    let name = document.of_kind(series.phase.reference())?;
    let reference = match series.phase.reference() {
        Kind::Empty => document.series.iter().find(|other| {
            other.contestant == name
                && other.group == "default"
                && other.pause_ms == series.pause_ms
        }),
        _ => document.counterpart(series, name),
    };
    Some(summary(&reference?.ms)?.median)
}

fn by_rank(series: &Series) -> Vec<Option<f64>> {
    let mut samples: Vec<f64> = series.ms.iter().flatten().copied().collect();
    samples.sort_by(f64::total_cmp);
    samples.into_iter().map(Some).collect()
}

/// Writes the changes as a table.
pub fn write(changes: &[Change], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:>9} {:>9} {:>8}", "old ms", "new ms", "ratio")?;
    for change in changes {
        let mark = if change.regressed { "  REGRESSED" } else { "" };
        writeln!(
            out,
            "{:>9.2} {:>9.2} {:>7.3}×  {}{mark}",
            change.old, change.new, change.ratio, change.what
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::document::{Entrant, Phase, SCHEMA};
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
            group: "default".to_owned(),
            pause_ms: 0,
            contestant: contestant.to_owned(),
            phase: Phase::Run,
            ms: (-10..=10)
                .map(|step| Some(median * (1.0 + f64::from(step) / 1000.0)))
                .collect(),
            cpu_ms: Vec::new(),
            switches: Vec::new(),
            max_rss_kib: None,
            failed: 0,
            timed_out: 0,
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
            assert_eq!(change.regressed, regressed, "{new} at {threshold}");
            assert!((change.ratio - new / 10.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_slower_machine_is_no_regression_and_hides_none() {
        let old = result(10.0, 5.0);
        assert!(!only(&old, &result(20.0, 10.0), 0.05).regressed);
        let change = only(&old, &result(24.0, 10.0), 0.05);
        assert!(change.regressed && (change.ratio - 1.2).abs() < 1e-9);
        // On a machine twice as fast, the same time is twice as slow.
        assert!(only(&old, &result(10.0, 2.5), 0.05).regressed);
    }

    #[test]
    fn what_only_one_result_has_is_not_compared() {
        let (mut old, new) = (result(10.0, 5.0), result(20.0, 5.0));
        old.series.retain(|series| series.contestant != "rt");
        assert_eq!(changes(&old, &new, 0.05), []);
        let (old, mut new) = (result(10.0, 5.0), result(20.0, 5.0));
        // All rounds failed.
        new.series[1].ms = vec![None; 21];
        assert_eq!(changes(&old, &new, 0.05), []);
    }

    #[test]
    fn the_table_marks_regressions() {
        let changes = changes(&result(10.0, 5.0), &result(20.0, 5.0), 0.05);
        let mut out = Vec::new();
        write(&changes, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("2.000×  rt run, whole default (0 ms pauses)  REGRESSED"),
            "{text}"
        );
    }
}
