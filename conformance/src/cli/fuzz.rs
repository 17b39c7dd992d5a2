//! `plimsoll fuzz`: random configs, on two runtimes that are compared or on one that is judged.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::args::Judging;
use super::exit::{self, CliError};
use super::run::fit;
use super::subject;
use crate::drive::Interrupt;
use crate::engine::Scratch;
use crate::fuzz::judge::Difference;
use crate::fuzz::search::{Finding, Found, Pair, Search};
use crate::machine::Facts;

/// Draw random configs, and shrink those that two runtimes (or one and the config) differ on
#[derive(Debug, Args)]
pub(super) struct Fuzz {
    #[command(flatten)]
    judging: Judging,
    /// How long configs are drawn: 60s, 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    budget: Duration,
    /// The most configs
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    configs: u64,
    /// Decides which configs are drawn (default: another one each time)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As text, each finding as soon as it is minimal
    Human,
    /// One document at the end
    Json,
}

/// Reads `90`, `90s` or `5m`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(number) => (number, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    match number.parse::<u32>() {
        Ok(number) if number > 0 => Ok(Duration::from_secs(u64::from(number) * unit)),
        _ => Err(format!("{text:?} is no time such as 60s or 5m")),
    }
}

impl Fuzz {
    /// Searches, prints what it found, and says how to exit.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let calls = subject::calls(&self.judging.runtimes)?;
        if calls.len() > 2 {
            return Err(CliError::TwoRuntimes { command: "fuzz" });
        }
        let runtimes = subject::runtimes(&calls)?;
        let facts = fit()?;
        let interrupt = Interrupt::watch().map_err(CliError::Signals)?;
        let mut options = self.judging.options().ended_by(interrupt);
        let scratch = Scratch::new(options.limits)?;
        let subjects = subject::subjects(runtimes, &options, &scratch)?;
        let folder = subject::folder(&mut options, "fuzz-")?;
        let (Some(first), second) = (subjects.first(), subjects.get(1)) else {
            return Err(CliError::TwoRuntimes { command: "fuzz" });
        };
        let report = Report {
            names: match second {
                Some(second) => [first.info.name.clone(), second.info.name.clone()],
                None => ["expected".to_owned(), first.info.name.clone()],
            },
            folder,
            format: self.format,
        };
        let pair = Pair {
            first: &first.runtime,
            second: second.map(|second| &second.runtime),
            options: &options,
            scratch: &scratch,
        };
        // What a runtime sees of the machine decides what can be drawn for it.
        let seen = subjects
            .iter()
            .fold(facts.clone(), |facts, one| one.seen(&facts));
        let found = self.search(&pair, &seen, &report);
        // Where nothing was kept: removing an empty folder that we made, or that is the user's own, loses
        // nothing, and failing to is no fault.
        let _ = std::fs::remove_dir(&report.folder);
        let found = found?;
        interrupt.check()?;
        Ok(if found.findings.is_empty() {
            exit::OK
        } else {
            exit::FAILED
        })
    }

    /// Searches, and reports as it goes.
    fn search(&self, pair: &Pair<'_>, facts: &Facts, report: &Report) -> Result<Found, CliError> {
        let search = Search {
            budget: self.budget,
            configs: self.configs,
            seed: self.seed.unwrap_or_else(any_seed),
        };
        let mut out = io::stdout().lock();
        report.open(search.seed, &mut out)?;
        let begun = Instant::now();
        let mut written = Ok(());
        let mut each = |finding: &Finding| {
            if written.is_ok() {
                written = report.finding(finding, &mut out);
            }
        };
        let found = pair.search(search, facts, &mut each)?;
        written?;
        report.close(&found, search.seed, begun.elapsed(), &mut out)?;
        Ok(found)
    }
}

/// How findings are shown.
struct Report {
    /// The two sides: two runtimes, or what was expected and one.
    names: [String; 2],
    /// Where they are kept.
    folder: PathBuf,
    format: Format,
}

impl Report {
    fn open(&self, seed: u64, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Human => writeln!(out, "seed {seed}").and_then(|()| out.flush()),
            Format::Json => Ok(()),
        }
    }

    /// As text, as soon as it is minimal.
    fn finding(&self, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Human => print(finding, &self.names, &self.folder, out),
            Format::Json => Ok(()),
        }
    }

    fn close(
        &self,
        found: &Found,
        seed: u64,
        took: Duration,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let seconds = took.as_secs_f64();
        match self.format {
            Format::Human => close(found, seed, seconds, out),
            Format::Json => {
                let document = json!({"seed": seed, "seconds": seconds, "sides": self.names,
                    "kept": self.folder, "found": found});
                writeln!(out, "{document:#}")
            }
        }
    }
}

/// A seed that the clock decides; it is printed, so that the run can be repeated.
fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs())
}

fn print(
    finding: &Finding,
    names: &[String; 2],
    folder: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "\nconfig {}, shrunk in {} steps to the minimal bundle with",
        finding.config, finding.steps
    )?;
    for change in &finding.changes {
        writeln!(out, "    {} = {}", change.pointer, change.value)?;
    }
    write!(out, "{}", shown(&finding.differences, names))?;
    let kept = finding.name.replace('/', ".");
    // The expectation has no calls of its own.
    for name in names
        .iter()
        .filter(|name| folder.join(name).join(&kept).exists())
    {
        let repro = folder.join(name).join(&kept);
        writeln!(
            out,
            "  repeat: sh {0}/repro.sh (config: {0}/bundle/config.json)",
            repro.display()
        )?;
    }
    out.flush()
}

/// The two sides, as a diff.
fn shown(differences: &[Difference], names: &[String; 2]) -> String {
    let side = |of: &dyn Fn(&Difference) -> Option<Value>| -> String {
        let line = |one: &Difference| {
            let value = of(one).map_or_else(|| "(nothing)".into(), |value| value.to_string());
            format!("{}: {value}\n", one.what)
        };
        differences.iter().map(line).collect()
    };
    let first = side(&|one| one.first.clone());
    let second = side(&|one| one.second.clone());
    let head = format!("  --- {}\n  +++ {}\n", names[0], names[1]);
    let diff = TextDiff::from_lines(&first, &second);
    let lines = diff.iter_all_changes().map(|change| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("  {sign} {}", change.value())
    });
    std::iter::once(head).chain(lines).collect()
}

fn close(found: &Found, seed: u64, seconds: f64, out: &mut dyn Write) -> io::Result<()> {
    if !found.standing.is_empty() {
        let names: Vec<&str> = found.standing.iter().map(|one| one.what.as_str()).collect();
        writeln!(
            out,
            "\nnot looked at, since the minimal bundle shows it already: {}",
            names.join(", ")
        )?;
    }
    for (reason, configs) in &found.set_aside {
        writeln!(out, "\nset aside in {configs} configs: {reason}")?;
    }
    if !found.unsteady.is_empty() {
        writeln!(
            out,
            "\ndiffered once, but not when run again: configs {:?}",
            found.unsteady
        )?;
    }
    if let Some(signal) = found.interrupted {
        writeln!(out, "\nended early by {signal}")?;
    }
    writeln!(
        out,
        "\n{} configs ({} refused), {} differences, seed {seed}, {seconds:.1} s",
        found.configs,
        found.refused,
        found.findings.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_seconds_or_minutes() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        for bad in ["", "0s", "-1s", "s", "5h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn both_sides_are_shown() {
        let one = Difference {
            what: "report/umask".into(),
            first: Some(json!(7)),
            second: None,
        };
        let text = shown(&[one], &["a".into(), "b".into()]);
        assert!(text.contains("- report/umask: 7\n"), "{text}");
        assert!(text.contains("+ report/umask: (nothing)\n"), "{text}");
    }
}
