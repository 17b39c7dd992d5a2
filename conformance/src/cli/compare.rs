//! `plimsoll diff` and `plimsoll merge`: several logs.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::exit::{self, CliError};
use super::list::{Print, print_json};
use super::output::{FormatArg, Outputs};
use crate::diff::{Change, diff, write_human};
use crate::log::Log;
use crate::merge::{Source, merge};
use crate::report::Context;

/// Show what changed between two logs; exits 1 where something got worse
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The older log
    before: PathBuf,
    /// The newer log
    after: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Print,
}

impl Diff {
    /// Prints the changes.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let changes = diff(&Log::open(&self.before)?, &Log::open(&self.after)?);
        let mut out = io::stdout().lock();
        match self.format {
            Print::Human => write_human(&changes, &mut out)?,
            Print::Json => print_json(&changes, &mut out)?,
        }
        Ok(if changes.iter().any(Change::is_worse) {
            exit::FAILED
        } else {
            exit::OK
        })
    }
}

/// Join the logs of shards and machines; exits as the joined run
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// Logs, each with the name of its machine unless that is in its header; `-` is standard input
    #[arg(value_name = "[MACHINE=]FILE", required = true, value_parser = |text: &str| Ok::<_, String>(Source::from(text)))]
    logs: Vec<Source>,
    /// Takes logs of runs that were killed or ended early, too, for the reason given: what ran then is broken
    #[arg(long, value_name = "WHY")]
    killed: Option<String>,
    /// Lets SHOULD decide the exit status too
    #[arg(long)]
    strict: bool,
    /// A report, and the file to write it to (default: jsonl)
    #[arg(long, value_name = "NAME[=FILE]", value_parser = FormatArg::parse)]
    format: Vec<FormatArg>,
}

impl Merge {
    /// Joins the logs.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let log = merge(&self.logs, self.killed.as_deref())?;
        let only_files = !self.format.is_empty() && !self.format.iter().any(FormatArg::on_stdout);
        let mut outputs = if only_files {
            Outputs::only(&self.format)?
        } else {
            Outputs::open(&self.format, "jsonl")?
        };
        for event in log.events() {
            outputs.event(&event)?;
        }
        outputs.finish(
            &log,
            &Context {
                strict: self.strict,
                ..Context::default()
            },
        )?;
        Ok(exit::of(log.outcome(self.strict)))
    }
}
