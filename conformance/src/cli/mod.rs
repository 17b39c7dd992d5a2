//! The command line: a file a command, their shared options in `args`, `output` and `subject`, and
//! the exit statuses in `exit`.

mod args;
mod bench;
mod bundle;
mod compare;
mod coverage;
mod doctor;
mod exit;
mod expect;
mod explain;
mod fuzz;
mod list;
mod output;
mod repro;
mod run;
mod selftest;
mod sink;
mod subject;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{BROKEN, CliError, FAILED, OK, ONLY_SKIPS, USAGE};

/// Says whether an OCI runtime is right, with proof that each case can fail.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, after_help = EXITS)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What the exit statuses mean, for `--help`.
const EXITS: &str = "\
Exit status, the first that applies: 2 the command line is wrong; 3 the harness broke or the machine \
is unfit; 1 a runtime failed, or a listed deviation passes; 4 everything was skipped; 0. A command that \
SIGINT, SIGTERM or SIGHUP ended early exits with 128 and the signal's number.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    List(list::List),
    Explain(explain::Explain),
    Doctor(doctor::Doctor),
    Coverage(coverage::Cover),
    Selftest(selftest::Selftest),
    Repro(repro::Repro),
    Diff(compare::Diff),
    Merge(compare::Merge),
    Expect(expect::Expect),
    Bundle(bundle::Bundle),
    Fuzz(fuzz::Fuzz),
    Bench(bench::Bench),
}

impl Cli {
    /// Does what was asked for, and says how to exit.
    pub fn run(&self) -> Result<u8, CliError> {
        match &self.command {
            Command::Run(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Coverage(command) => command.run(),
            Command::Selftest(command) => command.run(),
            Command::Repro(command) => command.run(),
            Command::Diff(command) => command.run(),
            Command::Merge(command) => command.run(),
            Command::Expect(command) => command.run(),
            Command::Bundle(command) => command.run(),
            Command::Fuzz(command) => command.run(),
            Command::Bench(command) => command.run(),
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(status) => ExitCode::from(status),
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // A terminal that hung up takes no message, which is no reason for another exit status.
            let _ = writeln!(io::stderr(), "plimsoll: {error}");
            ExitCode::from(error.status())
        }
    }
}
