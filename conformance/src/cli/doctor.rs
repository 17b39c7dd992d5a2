//! `plimsoll doctor`: what this machine can show.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::exit::{BROKEN, CliError, OK};
use super::list::{Print, print_json};
use super::run::unmet;
use crate::machine::{Facts, findings, write_human};

/// Say what this machine can show, and why not more
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Print,
}

impl Doctor {
    /// Looks at the machine.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let facts = Facts::look();
        let cases = crate::cases::all();
        let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
        for reason in cases.iter().filter_map(|case| unmet(case, &facts)) {
            *skipped.entry(reason).or_default() += 1;
        }
        let unfit = facts.unfit();
        let judged = if unfit.is_some() {
            0
        } else {
            cases.len() - skipped.values().sum::<usize>()
        };
        let mut out = io::stdout().lock();
        if self.format == Print::Json {
            let document = json!({
                "facts": facts,
                "findings": findings(&facts),
                "cases": cases.len(),
                "judged": judged,
                "skipped": skipped,
                "unfit": unfit,
            });
            print_json(&document, &mut out)?;
        } else {
            write_human(&facts, &mut out)?;
            writeln!(
                out,
                "\n{judged} of {} cases can be judged here",
                cases.len()
            )?;
            for (reason, count) in &skipped {
                writeln!(out, "  {count:4} {reason}")?;
            }
            if let Some(reason) = &unfit {
                writeln!(out, "nothing can be judged: {reason}")?;
            }
        }
        Ok(if judged == 0 { BROKEN } else { OK })
    }
}
