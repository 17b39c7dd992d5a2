//! `plimsoll run`: judges runtimes.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::args::{Choosing, Judging};
use super::exit::{self, CliError};
use super::output::{FormatArg, Outputs};
use super::sink::Sink;
use super::subject::{self, Subject};
use crate::case::Case;
use crate::catalogue::{Release, catalogue};
use crate::declared::{Judge, too_new};
use crate::drive::Interrupt;
use crate::engine::{self, Judged, Options, Scratch};
use crate::event::{CaseEvent, Header, Level, SCHEMA, Status};
use crate::expect::Expectations;
use crate::index::Entry;
use crate::machine::Facts;
use crate::report::Context;
use crate::verdict::{Check, Stop, Verdict};

/// Judge runtimes
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    choosing: Choosing,
    /// Runs each case N times
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// The release of the specification to judge by: `declared`, or a number such as 1.2
    #[arg(long, value_name = "V", default_value = "declared")]
    spec: Judge,
    /// Excuses the listed deviations of released runtimes, or those of FILE
    // Clap refuses an empty value as a path, and the empty one stands for the built-in list.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "",
          value_parser = OsStringValueParser::new().map(PathBuf::from))]
    expect: Vec<PathBuf>,
    /// Lets SHOULD decide the exit status too
    #[arg(long)]
    strict: bool,
    /// A report, and the file to write it to; repeat for several
    #[arg(long, value_name = "NAME[=FILE]", value_parser = FormatArg::parse)]
    format: Vec<FormatArg>,
}

impl Run {
    /// Judges, reports, and says how to exit.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let all = crate::cases::all();
        let entries: Vec<Entry> = all.iter().map(Entry::from).collect();
        let selected = self.choosing.selection().of(&entries)?;
        let cases: Vec<&Case> = selected.iter().map(|&at| &all[at]).collect();
        let expectations = expectations(&self.expect, &entries)?;
        let calls = subject::calls(&self.judging.runtimes)?;
        let runtimes = subject::runtimes(&calls)?;
        let outputs = Outputs::open(&self.format, "human")?;
        let facts = fit()?;
        let interrupt = Interrupt::watch().map_err(CliError::Signals)?;
        let options = self.judging.options().ended_by(interrupt);
        let scratch = Scratch::new(options.limits)?;
        let subjects = subject::subjects(runtimes, &options, &scratch)?;

        let begun = Instant::now();
        let header = header(&facts, &subjects, cases.len());
        let verdicts = cases.len() * subjects.len() * usize::from(self.repeat);
        let sink = Sink::new(outputs, verdicts, &header)?;
        let ended = subjects.iter().try_for_each(|subject| {
            let seen = subject.seen(&facts);
            let judge = Bar {
                facts: &seen,
                expectations: &expectations,
                release: self.spec.release(&subject.info),
            };
            (0..self.repeat)
                .try_for_each(|_| judge.cases(subject, &cases, &options, &scratch, &sink))
        });
        drop(scratch);
        let ended = ended.and(interrupt.over().map_err(Stop::Interrupted));
        let context = Context {
            repeat: subject::repeat(&calls),
            strict: self.strict,
            ..Context::default()
        };
        let log = sink.finish(ended, header, begun.elapsed().as_secs_f64(), &context)?;
        Ok(exit::of(log.outcome(self.strict)))
    }
}

/// The machine's facts, where it is fit to judge anything.
pub(super) fn fit() -> Result<Facts, CliError> {
    let facts = Facts::look();
    match facts.unfit() {
        Some(reason) => Err(CliError::Unfit(reason)),
        None => Ok(facts),
    }
}

/// The expectations asked for; an empty path is the built-in list.
fn expectations(paths: &[PathBuf], cases: &[Entry]) -> Result<Expectations, CliError> {
    let known: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    let mut all = Expectations::default();
    for path in paths {
        all.extend(if path == Path::new("") {
            Expectations::built_in(&known)?
        } else {
            Expectations::read(path, &known)?
        });
    }
    Ok(all)
}

/// The first line of a log of this machine.
pub(super) fn header(facts: &Facts, subjects: &[Subject], cases: usize) -> Header {
    Header {
        schema: SCHEMA,
        plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
        host: serde_json::to_value(facts).unwrap_or_default(),
        hosts: std::collections::BTreeMap::default(),
        runtimes: subjects
            .iter()
            .map(|subject| subject.info.clone())
            .collect(),
        cases,
    }
}

/// The strongest level of what a case covers.
pub(super) fn strongest(case: &Case) -> Level {
    catalogue().level(case.covers.iter().map(AsRef::as_ref))
}

/// Why a case cannot be judged on a machine.
pub(super) fn unmet(case: &Case, facts: &Facts) -> Option<String> {
    case.needs.iter().find_map(|need| need.met(facts).err())
}

/// What a runtime is measured against.
struct Bar<'a> {
    facts: &'a Facts,
    expectations: &'a Expectations,
    release: Option<Release>,
}

impl Bar<'_> {
    fn cases(
        &self,
        subject: &Subject,
        cases: &[&Case],
        options: &Options,
        scratch: &Scratch,
        sink: &Sink,
    ) -> Check {
        let skip = |case: &Case| {
            let covers = case.covers.iter().filter_map(|id| catalogue().get(id));
            sink.begin(case, subject, 1);
            unmet(case, self.facts).or_else(|| too_new(covers, self.release))
        };
        let each = |judged: Judged<'_>| sink.case(self.event(&judged, subject));
        engine::run(&subject.runtime, cases, options, scratch, &skip, &each)
    }

    /// The verdict, with what the runtime need not do yet and what is known of it taken off.
    fn event(&self, judged: &Judged<'_>, subject: &Subject) -> CaseEvent {
        let mut event = judged.event(&subject.info.name, strongest(judged.case));
        if let Verdict::Fail(failure) = &judged.verdict
            && !failure.requirements.is_empty()
        {
            let failed = || failure.requirements.iter().map(String::as_str);
            // A case may judge a SHOULD beside a MUST: what failed is what counts.
            event.level = catalogue().level(failed());
            if let Some(reason) =
                too_new(failed().filter_map(|id| catalogue().get(id)), self.release)
            {
                event.status = Status::Skip;
                event.reason = Some(reason);
            }
        }
        if let Some(denied) = self.facts.denied()
            && !subject.creates
            && makes_a_container(judged)
        {
            event.status = Status::Skip;
            event.reason = Some(format!(
                "the runtime makes no container on this machine, {denied}"
            ));
        }
        self.expectations
            .apply(&mut event, &subject.info, &self.facts.machine);
        event
    }
}

/// Whether a case came to make a container, or to try.
fn makes_a_container(judged: &Judged<'_>) -> bool {
    let mut words = judged.calls.iter().flat_map(|call| &call.argv);
    words.any(|word| word == "create" || word == "run")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::drive::Runtime;
    use crate::event::RuntimeInfo;
    use crate::verdict::Failure;

    const MUST: &str = "config.hostname.set";
    const SHOULD: &str = "config.process.user.umask-unset-unchanged";
    /// Came with specification 1.1.0.
    const NEWER: &str = "config.domainname.set";

    /// The event of a case that fails on these requirements, for a runtime of that release.
    fn failing(requirements: &[&'static str], release: &str) -> CaseEvent {
        failing_on(&Facts::default(), requirements, release, Vec::new())
    }

    /// The same on a machine where the runtime makes no container, after these calls.
    fn failing_on(
        facts: &Facts,
        requirements: &[&'static str],
        release: &str,
        calls: Vec<crate::drive::Outcome>,
    ) -> CaseEvent {
        let case = Case::new("a/b/c", [MUST, SHOULD, NEWER]);
        let failure = Failure {
            requirements: requirements.iter().map(ToString::to_string).collect(),
            what: "it".into(),
            expected: Value::Null,
            observed: Value::Null,
            timed_out: false,
        };
        let judged = Judged {
            case: &case,
            verdict: Verdict::Fail(Box::new(failure)),
            calls,
            elapsed: Duration::ZERO,
        };
        let runtime = Runtime::new("sh", vec!["/bin/sh".into()]).unwrap();
        let info = RuntimeInfo {
            name: "sh".into(),
            ..RuntimeInfo::default()
        };
        let bar = Bar {
            facts,
            expectations: &Expectations::default(),
            release: Release::parse(release),
        };
        bar.event(
            &judged,
            &Subject {
                runtime,
                info,
                creates: false,
            },
        )
    }

    #[test]
    fn a_failure_counts_at_the_level_of_what_failed() {
        assert_eq!(failing(&[SHOULD], "1.3").level, Level::Should);
        assert_eq!(failing(&[SHOULD, MUST], "1.3").level, Level::Must);
        assert_eq!(
            failing(&[], "1.3").level,
            Level::Must,
            "the scene could not be set"
        );
    }

    #[test]
    fn a_runtime_without_containers_is_judged_by_the_rest_where_it_may_make_none() {
        let denied = Facts {
            initial_userns: true,
            capabilities: vec!["CAP_SYS_ADMIN".into()],
            ..Facts::default()
        };
        let mut open = denied.clone();
        open.cgroups.writable = true;
        let lacking = Facts {
            capabilities: Vec::new(),
            ..open.clone()
        };
        let status = |facts: &Facts, words: &[&str]| {
            let call = crate::drive::Outcome {
                argv: words.iter().map(ToString::to_string).collect(),
                exit: crate::drive::Exit::Code(1),
                stdout: String::new(),
                stderr: String::new(),
                elapsed: Duration::ZERO,
                timed_out: false,
            };
            failing_on(facts, &[MUST], "1.3", vec![call]).status
        };
        assert_eq!(status(&denied, &["rt", "create", "c"]), Status::Skip);
        assert_eq!(status(&lacking, &["rt", "create", "c"]), Status::Skip);
        assert_eq!(status(&denied, &["rt", "features"]), Status::Fail);
        assert_eq!(status(&open, &["rt", "create", "c"]), Status::Fail);
    }

    #[test]
    fn a_failure_on_something_newer_is_no_failure() {
        assert_eq!(failing(&[NEWER], "1.0.2").status, Status::Skip);
        assert_eq!(failing(&[NEWER], "1.1.0").status, Status::Fail);
        assert_eq!(failing(&[NEWER, MUST], "1.0.2").status, Status::Fail);
    }
}
