//! `plimsoll selftest`: proves of each case that it can fail.

use std::io::Write;
use std::time::Instant;

use clap::Args;

use super::args::{Choosing, Judging};
use super::exit::{self, CliError};
use super::output::{FormatArg, Outputs};
use super::run::{fit, header, unmet};
use super::sink::Sink;
use super::subject;
use crate::case::Case;
use crate::coverage::Summary;
use crate::drive::Interrupt;
use crate::engine::{self, Scratch};
use crate::index::Entry;
use crate::log::{Log, Outcome};
use crate::report::Context;
use crate::verdict::Stop;

/// Prove of each case that it can fail, by runtimes made wrong on purpose
#[derive(Debug, Args)]
pub(super) struct Selftest {
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    choosing: Choosing,
    /// A report, and the file to write it to; `json` is a summary of the saboteurs
    #[arg(long, value_name = "NAME[=FILE]", value_parser = FormatArg::parse)]
    format: Vec<FormatArg>,
}

impl Selftest {
    /// Breaks the runtime in every way there is, and says how to exit.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let mut outputs = Outputs::open(&self.format, "human")?;
        let summaries = outputs.take("json");
        let log = prove(&self.judging, &self.choosing, outputs)
            .map_err(|error| error.unwritten(summaries.iter().map(|_| "json")))?;
        let summary = Summary::of(&log.sabotage);
        for (format, mut out) in summaries {
            serde_json::to_writer_pretty(&mut out, &summary)
                .map_err(Into::into)
                .and_then(|()| writeln!(out))
                .and_then(|()| out.flush())
                .map_err(|error| format.error(error))?;
        }
        Ok(match log.outcome(false) {
            // A catalogue of saboteurs that are all equivalent has still been looked at.
            Outcome::OnlySkips if !summary.equivalent.is_empty() => exit::OK,
            outcome => exit::of(outcome),
        })
    }
}

/// Runs the saboteurs of the chosen cases.
pub(super) fn prove(
    judging: &Judging,
    choosing: &Choosing,
    outputs: Outputs,
) -> Result<Log, CliError> {
    let all = crate::cases::all();
    let entries: Vec<Entry> = all.iter().map(Entry::from).collect();
    let cases: Vec<&Case> = choosing
        .selection()
        .of(&entries)?
        .iter()
        .map(|&at| &all[at])
        .collect();
    let calls = subject::calls(&judging.runtimes)?;
    if calls.len() > 1 {
        return Err(CliError::OneRuntime {
            command: "selftest",
        });
    }
    let runtimes = subject::runtimes(&calls)?;
    let facts = fit()?;
    let interrupt = Interrupt::watch().map_err(CliError::Signals)?;
    let options = judging.options().ended_by(interrupt);
    let scratch = Scratch::new(options.limits)?;
    let subjects = subject::subjects(runtimes, &options, &scratch)?;

    let begun = Instant::now();
    let header = header(&facts, &subjects, cases.len());
    let aims = |case: &Case| {
        case.saboteurs
            .iter()
            .map(|one| engine::targets(case, one).len())
            .sum::<usize>()
    };
    let sink = Sink::new(outputs, cases.iter().map(|case| aims(case)).sum(), &header)?;
    let ended = subjects.iter().try_for_each(|subject| {
        let seen = subject.seen(&facts);
        let skip = |case: &Case| {
            sink.begin(case, subject, aims(case));
            unmet(case, &seen)
        };
        let each = |one| sink.sabotage(one);
        engine::selftest(
            &subject.runtime,
            &cases,
            &options,
            &scratch,
            &seen,
            &skip,
            &each,
        )
    });
    drop(scratch);
    let ended = ended.and(interrupt.over().map_err(Stop::Interrupted));
    let context = Context {
        repeat: subject::repeat(&calls),
        ..Context::default()
    };
    sink.finish(ended, header, begun.elapsed().as_secs_f64(), &context)
}
