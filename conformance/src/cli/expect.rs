//! `plimsoll expect update`: drafts of expectations from a log.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::{CliError, OK};
use crate::event::{RuntimeInfo, Status};
use crate::expect::update;
use crate::log::Log;

/// Keep the lists of known deviations
#[derive(Debug, Args)]
pub(super) struct Expect {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a draft for each failure of a log, to be judged by a person: what is expected without a
    /// reason is refused
    Update {
        /// The log of a run
        log: PathBuf,
        /// The folder that has a file for each runtime
        #[arg(long, value_name = "DIR", default_value = "fixtures/expectations")]
        into: PathBuf,
    },
}

impl Expect {
    /// Writes the drafts, and names the entries that are out of date.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let Command::Update { log: path, into } = &self.command;
        let log = Log::open(path)?;
        let mut out = io::stdout().lock();
        let programs: BTreeSet<&str> = log
            .header
            .runtimes
            .iter()
            .map(RuntimeInfo::program)
            .collect();
        for program in programs {
            let file = into.join(format!("{program}.toml"));
            let added = update(&file, &log, program)?;
            if added > 0 {
                writeln!(
                    out,
                    "{}: {added} drafts; give each a reason",
                    file.display()
                )?;
            }
        }
        for case in log.cases.iter().filter(|case| case.status == Status::Xpass) {
            let reason = case.reason.as_deref().unwrap_or_default();
            writeln!(
                out,
                "out of date: {} on {}: {reason}",
                case.case, case.runtime
            )?;
        }
        Ok(OK)
    }
}
