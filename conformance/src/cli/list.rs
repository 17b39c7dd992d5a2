//! `plimsoll list`: the cases, or the requirements.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::args::Choosing;
use super::exit::{CliError, OK};
use crate::catalogue::catalogue;
use crate::index::Entry;

/// How a command that is no run prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Print {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
}

/// List the cases, or the requirements
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    choosing: Choosing,
    /// Lists the requirements that the chosen cases cover; without a filter, all of them
    #[arg(long)]
    requirements: bool,
    /// Shows level, requirements and needs as well
    #[arg(long, short)]
    long: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Print,
}

impl List {
    /// Prints the list.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let entries: Vec<Entry> = crate::cases::all().iter().map(Entry::from).collect();
        let selection = self.choosing.selection();
        let chosen: Vec<&Entry> = selection
            .of(&entries)?
            .into_iter()
            .map(|at| &entries[at])
            .collect();
        let mut out = io::stdout().lock();
        if self.requirements {
            let all = selection.filters.is_empty();
            self.requirements(
                |id| {
                    all || chosen
                        .iter()
                        .any(|case| case.covers.iter().any(|c| c == id))
                },
                &mut out,
            )?;
        } else {
            self.cases(&chosen, &mut out)?;
        }
        Ok(OK)
    }

    fn cases(&self, cases: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
        if self.format == Print::Json {
            let documents = cases.iter().map(|case| {
                json!({"id": case.id, "level": case.level(), "covers": case.covers, "needs": case.needs,
                    "saboteurs": case.saboteurs})
            });
            return print_json(&documents.collect::<Vec<_>>(), out);
        }
        for case in cases {
            if self.long {
                let needs = case
                    .needs
                    .iter()
                    .map(|need| format!("  [{need}]"))
                    .collect::<Vec<_>>()
                    .concat();
                writeln!(
                    out,
                    "{:6} {}  {}{needs}",
                    case.level().word(),
                    case.id,
                    case.covers.join(" ")
                )?;
            } else {
                writeln!(out, "{}", case.id)?;
            }
        }
        Ok(())
    }

    fn requirements(&self, chosen: impl Fn(&str) -> bool, out: &mut dyn Write) -> io::Result<()> {
        let requirements: Vec<_> = catalogue()
            .iter()
            .filter(|requirement| chosen(&requirement.id))
            .collect();
        if self.format == Print::Json {
            return print_json(&requirements, out);
        }
        for requirement in requirements {
            if self.long {
                writeln!(
                    out,
                    "{:6} {}  {}",
                    requirement.judged.word(),
                    requirement.id,
                    requirement.statement
                )?;
            } else {
                writeln!(out, "{}", requirement.id)?;
            }
        }
        Ok(())
    }
}

/// Prints one JSON document.
pub(super) fn print_json(document: &impl serde::Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}
