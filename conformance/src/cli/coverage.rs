//! `plimsoll coverage`: what is covered, and what is proved.

use std::path::PathBuf;

use clap::Args;

use super::args::{Choosing, Judging};
use super::exit::{CliError, OK};
use super::output::{FormatArg, Outputs};
use super::selftest::prove;
use crate::coverage::Coverage;
use crate::event::SabotageEvent;
use crate::index::Entry;
use crate::log::Log;
use crate::select::Selection;

/// Say what is covered, and what is proved, by the logs of selftest
#[derive(Debug, Args)]
pub(super) struct Cover {
    /// Logs of selftest, of any machines; without one, selftest is run
    #[arg(value_name = "LOG")]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    judging: Judging,
    /// Lists what is not proved, each with the reason
    #[arg(long, short)]
    verbose: bool,
    /// Exits 1 unless so many of a hundred are proved of what needs neither special hardware nor a
    /// security module, and all of priority 1 and 2 that these machines can show
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    at_least: Option<u8>,
    /// `human` or `json`, and the file to write it to
    #[arg(long, value_name = "NAME[=FILE]", value_parser = parse_format)]
    format: Vec<FormatArg>,
}

fn parse_format(text: &str) -> Result<FormatArg, String> {
    let format = FormatArg::parse(text)?;
    if format.is("human") || format.is("json") {
        Ok(format)
    } else {
        Err("coverage prints human or json".into())
    }
}

impl Cover {
    /// Takes stock and prints it.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let mut outputs = Outputs::open(&self.format, "human")?;
        let cases: Vec<Entry> = crate::cases::all().iter().map(Entry::from).collect();
        let report = Coverage::of(&cases, &self.sabotage()?);
        for (format, mut out) in outputs.take("json") {
            super::list::print_json(&report, &mut out).map_err(|error| format.error(error))?;
        }
        for (format, mut out) in outputs.take("human") {
            report
                .write_human(self.verbose, &mut out)
                .map_err(|error| format.error(error))?;
        }
        if let Some(percent) = self.at_least {
            report.reaches(percent)?;
        }
        Ok(OK)
    }

    fn sabotage(&self) -> Result<Vec<SabotageEvent>, CliError> {
        if self.logs.is_empty() {
            let choosing = Choosing::from(Selection::default());
            return Ok(prove(&self.judging, &choosing, Outputs::none())?.sabotage);
        }
        let mut all = Vec::new();
        for path in &self.logs {
            all.extend(Log::open(path)?.sabotage);
        }
        Ok(all)
    }
}
