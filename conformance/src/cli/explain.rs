//! `plimsoll explain`: what a requirement or a case is about.

use std::io::{self, Write};

use clap::Args;

use super::exit::{CliError, OK};
use crate::catalogue::{Requirement, catalogue};
use crate::expect::Expectations;
use crate::index::{Entry, did_you_mean, near};

/// Explain a requirement or a case
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The id of a requirement or of a case
    #[arg(value_name = "ID|CASE")]
    name: String,
}

impl Explain {
    /// Prints all that is known of it.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let cases: Vec<Entry> = crate::cases::all().iter().map(Entry::from).collect();
        let known: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        let expectations = Expectations::built_in(&known)?;
        let mut out = io::stdout().lock();
        if let Some(requirement) = catalogue().get(&self.name) {
            explain_requirement(requirement, &cases, &expectations, &mut out)?;
        } else if let Some(case) = cases.iter().find(|case| case.id == self.name) {
            explain_case(case, &expectations, &mut out)?;
        } else {
            let all = catalogue()
                .iter()
                .map(|requirement| requirement.id.as_str())
                .chain(known);
            let hint = did_you_mean(&near(&self.name, all));
            return Err(CliError::UnknownName {
                name: self.name.clone(),
                hint,
            });
        }
        Ok(OK)
    }
}

fn explain_requirement(
    requirement: &Requirement,
    cases: &[Entry],
    expectations: &Expectations,
    out: &mut dyn Write,
) -> io::Result<()> {
    head(requirement, out)?;
    let optional = [
        ("excluded", requirement.excluded.as_deref()),
        ("gap", requirement.gap.as_deref()),
        ("not seen", requirement.testable_reason.as_deref()),
        ("note", requirement.note.as_deref()),
        ("observed", requirement.observed.as_deref()),
    ];
    writeln!(out, "  since     {}", requirement.since)?;
    writeln!(out, "  probe     {}", requirement.probe)?;
    if !requirement.needs.is_empty() {
        writeln!(out, "  needs     {}", requirement.needs.join(", "))?;
    }
    for (name, text) in optional {
        if let Some(text) = text {
            writeln!(out, "  {name:9} {text}")?;
        }
    }
    let covering: Vec<_> = cases
        .iter()
        .filter(|case| case.covers.contains(&requirement.id))
        .collect();
    if covering.is_empty() && requirement.is_judged() {
        writeln!(out, "\nno case covers it yet")?;
    }
    for case in covering {
        writeln!(out, "\n{}", case.id)?;
        body(case, Some(&requirement.id), expectations, out)?;
    }
    Ok(())
}

fn explain_case(case: &Entry, expectations: &Expectations, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})\n", case.id, case.level().word())?;
    for requirement in case.requirements() {
        head(requirement, out)?;
    }
    writeln!(out)?;
    body(case, None, expectations, out)
}

/// The sentence and where it is written.
fn head(requirement: &Requirement, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {}", requirement.asks(), requirement.id)?;
    writeln!(out, "  {}", requirement.statement)?;
    writeln!(out, "  {}", requirement.link())
}

/// What a case needs, how it is proved, and who fails it.
fn body(
    case: &Entry,
    requirement: Option<&String>,
    expectations: &Expectations,
    out: &mut dyn Write,
) -> io::Result<()> {
    for need in &case.needs {
        writeln!(out, "  needs     {need}")?;
    }
    for one in &case.saboteurs {
        if requirement.is_none_or(|id| one.requirements.contains(id)) {
            writeln!(
                out,
                "  saboteur  {} -> {}",
                one.saboteur,
                one.requirements.join(", ")
            )?;
        }
    }
    for (runtime, entry) in expectations
        .iter()
        .filter(|(_, entry)| entry.case == case.id)
    {
        let place = match entry.machine.as_slice() {
            [] => String::new(),
            names => format!(" on {}", names.join(", ")),
        };
        writeln!(
            out,
            "  deviates  {runtime} {}{place}: {}",
            entry.versions, entry.reason
        )?;
        writeln!(out, "            {}", entry.evidence)?;
        if let Some(link) = &entry.upstream {
            writeln!(out, "            {link}")?;
        }
    }
    Ok(())
}
