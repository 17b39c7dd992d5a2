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
