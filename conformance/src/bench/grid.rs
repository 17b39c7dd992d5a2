//! What was varied, as grids of medians: the ladder, the crowd, several at once, memory.

use std::io::{self, Write};

use super::document::{Document, Entrant, Kind, Phase, Series};
use super::stats::{ratio, summary};

/// Writes what was measured of these.
pub(super) fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    ladder(document, out)?;
    crowd(document, out)?;
    at_once(document, out)?;
    memory(document, out)
}

/// A rung a line, a contestant a column; then the same with each other runtime's ratio to the first.
fn ladder(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let mut rungs: Vec<&str> = document
        .series
        .iter()
        .map(|series| series.group.as_str())
        .filter(|group| group.starts_with("ladder/"))
        .collect();
    rungs.sort_unstable();
    rungs.dedup();
    if rungs.is_empty() {
        return Ok(());
    }
    let of_rung = |rung: &str, name: &str| {
        document.series.iter().find(|series| {
            series.group == rung && series.contestant == name && series.phase == Phase::First
        })
    };
    let names: Vec<&str> = document
        .contestants
        .iter()
        .filter(|entrant| entrant.kind != Kind::Empty)
        .map(|entrant| entrant.name.as_str())
        .collect();
    writeln!(
        out,
        "\nladder, each rung on top of those above: run to first instruction, median milliseconds"
    )?;
    rung_by_rung(out, &rungs, &names, 9, |rung, name| {
        median(of_rung(rung, name))
    })?;
    let runtimes = document.runtimes();
    let Some((first, others)) = runtimes
        .split_first()
        .filter(|(_, others)| !others.is_empty())
    else {
        return Ok(());
    };
    writeln!(out, "\nladder, pairs of rounds, others to {first}")?;
    rung_by_rung(out, &rungs, others, 20, |rung, name| {
        let pair = of_rung(rung, name).zip(of_rung(rung, first));
        pair.and_then(|(other, base)| ratio(&other.ms, &base.ms))
            .map_or_else(|| "-".to_owned(), |ratio| ratio.to_string())
    })
}

/// A line of `names`, then one a rung with a cell of `width` for each.
fn rung_by_rung(
    out: &mut dyn Write,
    rungs: &[&str],
    names: &[&str],
    width: usize,
    cell: impl Fn(&str, &str) -> String,
) -> io::Result<()> {
    write!(out, "  {:26}", "")?;
    for name in names {
        write!(out, " {name:>width$}")?;
    }
    writeln!(out)?;
    for rung in rungs {
        // `ladder/NN-NAME`
        let name_of_rung = rung.split_once('-').map_or(*rung, |(_, name)| name);
        write!(out, "  {name_of_rung:26}")?;
        for name in names {
            write!(out, " {:>width$}", cell(rung, name))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A number of containers of a runtime, with a pause between starts, a line.
fn crowd(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let mut lists: Vec<&Series> = document
        .series
        .iter()
        .filter(|series| series.group.starts_with("resident/") && series.phase == Phase::List)
        .collect();
    if lists.is_empty() {
        return Ok(());
    }
    let number = |series: &Series| series.group.split('/').nth(1).and_then(|n| n.parse().ok());
    lists.sort_by_key(|series| {
        let who = |entrant: &Entrant| entrant.name == series.contestant;
        (
            document.contestants.iter().position(who),
            number(series),
            series.pause_ms,
        )
    });
    writeln!(
        out,
        "\nbeside so many running containers of its own, median milliseconds\n  {:12} {:>6} {:>7} {:>9} {:>25} {:>25}",
        "", "", "pauses", "list", "run to first instruction", "the floor's, same rounds"
    )?;
    for list in lists {
        let number: usize = number(list).unwrap_or(0);
        let of = |name| {
            let beside = Series::new(&list.group, list.pause_ms, name, Phase::First);
            median(document.counterpart(&beside, name))
        };
        writeln!(
            out,
            "  {:12} {number:>6} {:>4} ms {:>9} {:>25} {:>25}",
            list.contestant,
            list.pause_ms,
            median(Some(list)),
            of(&list.contestant),
            of(document.of_kind(Kind::Equipped).unwrap_or_default())
        )?;
    }
    Ok(())
}

fn median(series: Option<&Series>) -> String {
    series.and_then(|series| summary(&series.ms)).map_or_else(
        || "-".to_owned(),
        |summary| format!("{:.2}", summary.median),
    )
}

fn at_once(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    if document.scaling.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\ncontainers a second, so many at once: median of the bursts, least and most"
    )?;
    for point in &document.scaling {
        let least = point.bursts.iter().copied().fold(f64::INFINITY, f64::min);
        let most = point.bursts.iter().copied().fold(0.0, f64::max);
        write!(
            out,
            "  {:12} {:>3} at once {:>9.1}  {least:.1}–{most:.1}",
            point.contestant, point.at_once, point.per_second
        )?;
        if point.failed > 0 {
            write!(out, "  {} failed", point.failed)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn memory(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    if document.memory.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nmemory of an idle created container, KiB")?;
    for memory in &document.memory {
        writeln!(
            out,
            "  {:12} PSS {:>7}  private {:>7}  in {} process{}",
            memory.contestant,
            memory.pss_kib,
            memory.private_kib,
            memory.processes,
            if memory.processes == 1 { "" } else { "es" }
        )?;
    }
    Ok(())
}
