//! The result as text.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::document::{Document, Kind, Phase, Series};
use super::grid;
use super::stats::{ratio, summary};

/// Writes the result as tables.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let conditions = &document.conditions;
    writeln!(
        out,
        "{} {}, {} × {}, cgroup {}, clock {}, load {:.1} → {:.1}, {} rounds",
        conditions.kernel,
        conditions.arch,
        conditions.cpus,
        conditions.cpu_model,
        conditions.cgroups,
        conditions.clock_source,
        conditions.load_before,
        conditions.load_after,
        document.rounds
    )?;
    for entrant in document
        .contestants
        .iter()
        .filter(|entrant| entrant.kind == Kind::Runtime)
    {
        writeln!(
            out,
            "{}: {} ({})",
            entrant.name, entrant.command, entrant.version
        )?;
    }
    writeln!(
        out,
        "bare: the kernel's work alone; floor: with what a correct runtime must add; empty: an empty program\n\
         CPU is a median, its parts user and system are means"
    )?;
    let mut shown: Option<(u64, Phase)> = None;
    for series in in_order(document) {
        let key = (series.pause_ms, series.phase);
        if shown != Some(key) {
            shown = Some(key);
            heading(series, out)?;
        }
        writeln!(out, "{}", row(document, series))?;
    }
    for verdict in verdicts(document) {
        writeln!(out, "{verdict}")?;
    }
    rest(document, out)
}

/// The series of the default container by pause and phase, with the contestants together.
fn in_order(document: &Document) -> Vec<&Series> {
    let mut all: Vec<&Series> = document
        .series
        .iter()
        .filter(|series| series.group == "default")
        .collect();
    all.sort_by_key(|series| (series.pause_ms, series.phase));
    all
}

fn heading(series: &Series, out: &mut dyn Write) -> io::Result<()> {
    let pause = match series.pause_ms {
        0 => "no pauses".to_owned(),
        pause => format!("pauses of {pause} ms"),
    };
    writeln!(out, "\n{} ({pause}), milliseconds", series.phase.name())?;
    writeln!(
        out,
        "  {:12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}  ratio to reference",
        "", "min", "p25", "median", "p95", "p99", "CPU", "user", "system", "switches", "RSS KiB"
    )
}

fn row(document: &Document, series: &Series) -> String {
    let mut row = format!("  {:12}", series.contestant);
    match summary(&series.ms) {
        None => row.push_str(" no sample"),
        Some(summary) => {
            for value in [
                summary.min,
                summary.p25,
                summary.median,
                summary.p95,
                summary.p99,
            ] {
                write_cell(&mut row, Some(value), 2);
            }
            write_cell(&mut row, summary_median(&series.cpu_ms()), 2);
            // The kernel may split a command's time by the timer's ticks, which only a mean evens out.
            write_cell(&mut row, mean(&series.user_ms), 2);
            write_cell(&mut row, mean(&series.system_ms), 2);
            let switches: Vec<Option<f64>> = series
                .switches
                .iter()
                .map(|count| count.map(|count| count as f64))
                .collect();
            write_cell(&mut row, summary_median(&switches), 0);
            let rss = series
                .max_rss_kib
                .map_or_else(|| "-".to_owned(), |kib| kib.to_string());
            // A String takes every write.
            let _ = write!(row, " {rss:>9}");
        }
    }
    let ratios = against_references(document, series);
    if !ratios.is_empty() {
        let _ = write!(row, "  {}", ratios.join(", "));
    }
    if series.failed > 0 {
        let _ = write!(row, "  {} failed", series.failed);
    }
    if series.timed_out > 0 {
        let _ = write!(row, " ({} killed at the time limit)", series.timed_out);
    }
    row
}

fn write_cell(row: &mut String, value: Option<f64>, decimals: usize) {
    // A String takes every write.
    let _ = match value {
        Some(value) => write!(row, " {value:>8.decimals$}"),
        None => write!(row, " {:>8}", "-"),
    };
}

fn summary_median(samples: &[Option<f64>]) -> Option<f64> {
    summary(samples).map(|summary| summary.median)
}

fn mean(samples: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = samples.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// The ratios of a series to its phase's reference, in time and in CPU, and to the kernel's work alone.
fn against_references(document: &Document, series: &Series) -> Vec<String> {
    let mut ratios = Vec::new();
    let Some(reference) = document.reference(series) else {
        return ratios;
    };
    if let Some(ratio) = ratio(&series.ms, &reference.ms) {
        ratios.push(format!("{ratio} of {}", reference.contestant));
    }
    if let Some(cpu) = ratio(&series.cpu_ms(), &reference.cpu_ms()) {
        ratios.push(format!("CPU {:.2}×", cpu.median));
    }
    let bare = document
        .of_kind(Kind::Bare)
        .filter(|bare| series.phase.reference() == Kind::Equipped && *bare != series.contestant);
    if let Some(bare) = bare {
        let series_of_bare = document.counterpart(series, bare);
        if let Some(ratio) = series_of_bare.and_then(|bare| ratio(&series.ms, &bare.ms)) {
            ratios.push(format!("{:.2}× of {bare}", ratio.median));
        }
    }
    ratios
}

/// Who is ahead in each phase, where that can be said.
fn verdicts(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    let runtimes = document.runtimes();
    let Some((first, others)) = runtimes
        .split_first()
        .filter(|(_, others)| !others.is_empty())
    else {
        return lines;
    };
    lines.push(format!("\npairs of rounds, others to {first}"));
    for series in in_order(document) {
        if !others.contains(&series.contestant.as_str()) {
            continue;
        }
        let Some(base) = document.counterpart(series, first) else {
            continue;
        };
        let Some(ratio) = ratio(&series.ms, &base.ms) else {
            continue;
        };
        let verdict = match (ratio.decides(), ratio.median > 1.0) {
            (false, _) => "no difference shown".to_owned(),
            (true, true) => format!("{first} is faster"),
            (true, false) => format!("{} is faster", series.contestant),
        };
        lines.push(format!(
            "  {:26} {:>4} ms  {:12} {:>24}  {verdict}",
            series.phase.name(),
            series.pause_ms,
            series.contestant,
            ratio
        ));
    }
    lines
}

fn rest(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    grid::write(document, out)?;
    if !document.notes.is_empty() {
        writeln!(out, "\nnotes")?;
        for note in &document.notes {
            writeln!(out, "  {note}")?;
        }
    }
    if let Some(warning) = document.conditions.load_warning() {
        writeln!(out, "\nwarning: {warning}")?;
    }
    Ok(())
}
