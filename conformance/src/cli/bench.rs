//! `plimsoll bench`: how long each step takes, against the floor and against each other.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::exit::{CliError, FAILED, OK};
use super::subject::{calls, runtimes};
use crate::bench::compare;
use crate::bench::document::Document;
use crate::bench::options::{Layout, Options};
use crate::drive::Interrupt;

/// Measure how long each step of a container's life takes, against the floor and against each other
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Bench {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Other {
    Diff(Diff),
    Show(Show),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Measure {
    /// A runtime, by name, path and options that go before its commands; plimrun if none is named
    #[arg(long = "runtime", value_name = "[NAME=]PATH [ARG]...")]
    runtimes: Vec<String>,
    /// Rounds of each part
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Milliseconds of pause between starts; each value is measured [default: 0 and 100]
    #[arg(long = "pause", value_name = "MS", value_delimiter = ',')]
    pauses: Vec<u64>,
    /// Seconds after which a command is killed
    #[arg(long, value_name = "S", default_value_t = 20)]
    timeout: u64,
    /// The cgroup layout, for all alike
    #[arg(long, value_enum, default_value_t)]
    cgroups: Cgroups,
    /// Adds the ladder, from hardly a container to the full one, a feature at a time
    #[arg(long)]
    ladder: bool,
    /// Adds containers a second, up to two a processor at once
    #[arg(long)]
    scaling: bool,
    /// Adds `list` and `run` beside so many running containers
    #[arg(long, value_name = "N", value_delimiter = ',')]
    resident: Vec<usize>,
    /// Adds the memory of an idle created container
    #[arg(long)]
    memory: bool,
    /// Adds all of these; without --resident, 0, 1, 100 and 1,000 resident containers
    #[arg(long)]
    all: bool,
    /// Writes the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    views: Views,
}

/// Files to write a result to.
#[derive(Debug, Args)]
struct Views {
    /// Writes every sample as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Writes one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Views {
    /// The same files, whatever the working directory becomes.
    fn located(&self) -> Result<Self, CliError> {
        Ok(Self {
            csv: located(self.csv.as_deref())?,
            html: located(self.html.as_deref())?,
        })
    }

    /// Writes what was asked for, then prints the table: whoever reads that may stop early.
    fn write(&self, document: &Document) -> Result<(), CliError> {
        if let Some(path) = &self.csv {
            save(path, |out| crate::bench::write_csv(document, out))?;
        }
        if let Some(path) = &self.html {
            save(path, |out| crate::bench::write_html(document, out))?;
        }
        crate::bench::write_table(document, &mut io::stdout().lock())?;
        Ok(())
    }
}

/// Print a result again, and write other views of it
#[derive(Debug, Args)]
struct Show {
    /// What --json wrote
    result: PathBuf,
    #[command(flatten)]
    views: Views,
}

/// The cgroup layout of a benchmark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Cgroups {
    /// The machine's own, but a pure v1 view of a hybrid one
    #[default]
    Auto,
    /// The machine's own
    Host,
    /// A private view of the v1 hierarchies
    V1,
    /// A private view with a cgroup v2 file system
    V2,
}

/// Compare two results; exits with 1 where a runtime became slower
#[derive(Debug, Args)]
struct Diff {
    /// The result before
    old: PathBuf,
    /// The result after
    new: PathBuf,
    /// How much slower is a regression: a percentage
    #[arg(long, default_value = "5%", value_parser = percentage)]
    threshold: f64,
}

/// `5%` or `5`, as a fraction.
fn percentage(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if percent >= 0.0 => Ok(percent / 100.0),
        _ => Err("a percentage such as 5%".to_owned()),
    }
}

impl Bench {
    /// Measures, or compares.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        match &self.other {
            Some(Other::Diff(diff)) => diff.run(),
            Some(Other::Show(show)) => {
                show.views.write(&Document::read(&show.result)?)?;
                Ok(OK)
            }
            None => self.measure.run(),
        }
    }
}

impl Measure {
    fn run(&self) -> Result<u8, CliError> {
        let runtimes = runtimes(&calls(&self.runtimes)?)?;
        // The cgroup view that the benchmark enters has another working directory.
        let (json, views) = (located(self.json.as_deref())?, self.views.located()?);
        let interrupt = Interrupt::watch().map_err(CliError::Signals)?;
        let document = crate::bench::run(&runtimes, &self.options(), interrupt)?;
        interrupt.over().map_err(crate::bench::Error::from)?;
        if let Some(path) = &json {
            let text = serde_json::to_vec(&document).map_err(io::Error::from)?;
            save(path, |out| out.write_all(&text))?;
        }
        views.write(&document)?;
        Ok(OK)
    }

    fn options(&self) -> Options {
        let defaults = Options::default();
        let pauses = self
            .pauses
            .iter()
            .copied()
            .map(Duration::from_millis)
            .collect();
        Options {
            rounds: self.rounds.into(),
            pauses: if self.pauses.is_empty() {
                defaults.pauses
            } else {
                pauses
            },
            timeout: Duration::from_secs(self.timeout),
            layout: match self.cgroups {
                Cgroups::Auto => Layout::Auto,
                Cgroups::Host => Layout::Host,
                Cgroups::V1 => Layout::V1,
                Cgroups::V2 => Layout::V2,
            },
            ladder: self.ladder || self.all,
            scaling: self.scaling || self.all,
            resident: if self.all && self.resident.is_empty() {
                vec![0, 1, 100, 1000]
            } else {
                self.resident.clone()
            },
            memory: self.memory || self.all,
        }
    }
}

impl Diff {
    fn run(&self) -> Result<u8, CliError> {
        let (old, new) = (Document::read(&self.old)?, Document::read(&self.new)?);
        let changes = compare::changes(&old, &new, self.threshold);
        compare::write(&changes, &mut io::stdout().lock())?;
        Ok(if compare::regressions(&changes) > 0 {
            FAILED
        } else {
            OK
        })
    }
}

/// A path that a change of the working directory does not change.
fn located(path: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    let located = path.map(std::path::absolute).transpose();
    located.map_err(|source| CliError::Output {
        path: path.unwrap_or(Path::new("")).to_owned(),
        source,
    })
}

/// Writes a file.
fn save(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
    let saved = File::create(path).and_then(|file| {
        let mut out = io::BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    saved.map_err(|source| CliError::Output {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_percentage() {
        assert_eq!(percentage("5%"), Ok(0.05));
        assert_eq!(percentage("10"), Ok(0.1));
        assert!(percentage("-1%").is_err() && percentage("x").is_err());
    }
}
