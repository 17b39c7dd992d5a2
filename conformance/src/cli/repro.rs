//! `plimsoll repro`: one case again, with everything it did.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use clap::Args;

use super::args::Judging;
use super::exit::{self, CliError};
use super::run::{fit, header, unmet};
use super::subject;
use crate::case::Case;
use crate::catalogue::catalogue;
use crate::drive::{Interrupt, Outcome};
use crate::engine::{self, Judged, Scratch};
use crate::index::{did_you_mean, near};
use crate::log::Log;
use crate::report::{Context, format};

/// Run one case again and keep what it leaves: bundle, calls, and a script that repeats them
#[derive(Debug, Args)]
pub(super) struct Repro {
    /// The id of the case
    case: String,
    #[command(flatten)]
    judging: Judging,
}

impl Repro {
    /// Runs the case and prints each call with what came of it.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let cases = crate::cases::all();
        let Some(case) = cases.iter().find(|case| case.id == self.case) else {
            let hint = did_you_mean(&near(&self.case, cases.iter().map(|case| case.id.as_ref())));
            return Err(CliError::UnknownName {
                name: self.case.clone(),
                hint,
            });
        };
        let calls = subject::calls(&self.judging.runtimes)?;
        let runtimes = subject::runtimes(&calls)?;
        let facts = fit()?;
        let interrupt = Interrupt::watch().map_err(CliError::Signals)?;
        let mut options = self.judging.options().ended_by(interrupt);
        let scratch = Scratch::new(options.limits)?;
        let subjects = subject::subjects(runtimes, &options, &scratch)?;
        let keep = subject::folder(&mut options, "repro-")?;

        let mut out = io::stdout().lock();
        let mut events = Vec::new();
        for subject in &subjects {
            let judged = Mutex::new(None);
            let each = |one: Judged<'_>| {
                let level = catalogue().level(case.covers.iter().map(AsRef::as_ref));
                let event = one.event(&subject.info.name, level);
                *judged.lock().unwrap_or_else(PoisonError::into_inner) = Some((event, one.calls));
            };
            let skip = |case: &Case| unmet(case, &facts);
            let ran = engine::run(&subject.runtime, &[case], &options, &scratch, &skip, &each);
            if let Err(stop) = ran {
                // Up to there, too: who waits for something that hangs looks at it now.
                writeln!(out, "kept in {}", keep.display())?;
                return Err(stop.into());
            }
            if let Some((event, calls)) =
                judged.into_inner().unwrap_or_else(PoisonError::into_inner)
            {
                calls.iter().try_for_each(|call| show(call, &mut out))?;
                events.push(event);
            }
        }
        let log = Log::assemble(header(&facts, &subjects, 1), events, Vec::new(), 0.0);
        if let Some(human) = format("human") {
            human.write(&log, &Context::default(), &mut out)?;
        }
        writeln!(out, "kept in {}", keep.display())?;
        Ok(exit::of(log.outcome(false)))
    }
}

/// One call of the runtime, as in a terminal.
fn show(call: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "$ {}", call.argv.join(" "))?;
    for text in [&call.stdout, &call.stderr] {
        for line in text.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    let late = if call.timed_out {
        ", killed at its time limit"
    } else {
        ""
    };
    writeln!(
        out,
        "  {}{late} ({:.1} ms)",
        call.exit,
        call.elapsed.as_secs_f64() * 1000.0
    )
}
