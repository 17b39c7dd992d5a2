//! Where the verdicts of a run go: into the log as they come, and into the reports at its end.

use std::mem::take;
use std::sync::{Mutex, PoisonError};

use super::exit::CliError;
use super::output::Outputs;
use super::run::strongest;
use super::subject::Subject;
use crate::case::Case;
use crate::drive::Interrupted;
use crate::event::{BeginEvent, CaseEvent, Event, Header, Interruption, SabotageEvent};
use crate::log::{Log, Running};
use crate::report::{Context, Progress};
use crate::verdict::{Check, Stop};

/// Takes events from all threads, in the order in which they come.
pub(super) struct Sink(Mutex<Collected>);

struct Collected {
    outputs: Outputs,
    progress: Progress,
    cases: Vec<CaseEvent>,
    sabotage: Vec<SabotageEvent>,
    running: Running,
    total: usize,
    error: Option<CliError>,
}

impl Sink {
    /// Writes the header and waits for `total` events.
    pub(super) fn new(
        mut outputs: Outputs,
        total: usize,
        header: &Header,
    ) -> Result<Self, CliError> {
        outputs.event(&Event::Header(header.clone()))?;
        let progress = Progress::new(total);
        let (cases, sabotage) = (Vec::new(), Vec::new());
        Ok(Self(Mutex::new(Collected {
            outputs,
            progress,
            cases,
            sabotage,
            running: Running::default(),
            total,
            error: None,
        })))
    }

    fn with(&self, change: impl FnOnce(&mut Collected)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes that a case begins that comes to so many events: of a run that is killed, the log then
    /// says what it was at.
    pub(super) fn begin(&self, case: &Case, subject: &Subject, events: usize) {
        let begin = BeginEvent {
            runtime: subject.info.name.clone(),
            case: case.id.to_string(),
            covers: case.covers.iter().map(ToString::to_string).collect(),
            level: strongest(case),
            events,
        };
        self.with(|all| {
            all.running.begin(begin.clone());
            all.emit(&Event::Begin(begin));
        });
    }

    /// Takes a verdict.
    pub(super) fn case(&self, case: CaseEvent) {
        self.with(|all| {
            all.progress.case(&case);
            all.running.case(&case);
            all.emit(&Event::Case(case.clone()));
            all.cases.push(case);
        });
    }

    /// Takes a saboteur's end.
    pub(super) fn sabotage(&self, one: SabotageEvent) {
        self.with(|all| {
            all.progress.sabotage(&one);
            all.running.sabotage(&one);
            all.emit(&Event::Sabotage(one.clone()));
            all.sabotage.push(one);
        });
    }

    /// Writes the end of the log and the reports, once all is cleaned up: of a run that came to its end, or of one
    /// that a signal ended, which is an error.
    pub(super) fn finish(
        self,
        ended: Check,
        header: Header,
        seconds: f64,
        context: &Context,
    ) -> Result<Log, CliError> {
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.progress.clear();
        match ended {
            Ok(()) => all.finish(header, seconds, context),
            Err(Stop::Interrupted(by)) => Err(all.break_off(by, header, seconds, context)),
            Err(stop) => Err(stop.into()),
        }
    }
}

impl Collected {
    /// Keeps the first error: the cases that still run must come to their end and be cleaned up.
    fn emit(&mut self, event: &Event) {
        if self.error.is_none() {
            self.error = self.outputs.event(event).err();
        }
    }

    /// What there is, in the order of the cases.
    fn log(&mut self, header: Header, seconds: f64) -> Log {
        let order: Vec<&str> = header
            .runtimes
            .iter()
            .map(|runtime| runtime.name.as_str())
            .collect();
        let column = |name: &str| order.iter().position(|known| *known == name);
        self.cases
            .sort_by(|a, b| (&a.case, column(&a.runtime)).cmp(&(&b.case, column(&b.runtime))));
        self.sabotage
            .sort_by(|a, b| (&a.case, &a.saboteur).cmp(&(&b.case, &b.saboteur)));
        let (cases, sabotage) = (take(&mut self.cases), take(&mut self.sabotage));
        Log::assemble(header, cases, sabotage, seconds)
    }

    /// Writes the footer and the reports of the whole.
    fn finish(mut self, header: Header, seconds: f64, context: &Context) -> Result<Log, CliError> {
        let log = self.log(header, seconds);
        if let Some(error) = self.error {
            return Err(error);
        }
        self.outputs.event(&Event::Footer(log.footer.clone()))?;
        self.outputs.finish(&log, context)?;
        Ok(log)
    }

    /// Writes of a run that a signal ended how it ended, and the reports that can say so.
    fn break_off(
        mut self,
        by: Interrupted,
        header: Header,
        seconds: f64,
        context: &Context,
    ) -> CliError {
        let there = self.cases.len() + self.sabotage.len();
        let missing = self.total.saturating_sub(there);
        let log = self.log(header, seconds);
        let interruption = Interruption {
            by: by.signal().to_owned(),
            running: self.running.names(),
            missing,
            before: log.footer.clone(),
        };
        self.emit(&Event::Interrupted(interruption.clone()));
        let context = Context {
            interruption: Some(interruption),
            ..context.clone()
        };
        let unwritten = self.outputs.only_partial();
        let written = self.outputs.finish(&log, &context);
        // The signal decides how we end, whatever else went wrong.
        let errors = self.error.into_iter().chain(written.err());
        let notes = errors.map(|error| format!("; {error}")).collect();
        CliError::Interrupted { by, notes }.unwritten(unwritten.into_iter())
    }
}
