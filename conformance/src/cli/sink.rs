//! Where the verdicts of a run go: into the log as they come, and into the reports at its end.

use std::sync::{Mutex, PoisonError};

use super::exit::CliError;
use super::output::Outputs;
use super::run::strongest;
use super::subject::Subject;
use crate::case::Case;
use crate::event::{BeginEvent, CaseEvent, Event, Header, SabotageEvent};
use crate::log::Log;
use crate::report::{Context, Progress};

/// Takes events from all threads, in the order in which they come.
pub(super) struct Sink(Mutex<Collected>);

struct Collected {
    outputs: Outputs,
    progress: Progress,
    cases: Vec<CaseEvent>,
    sabotage: Vec<SabotageEvent>,
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
        self.with(|all| all.emit(&Event::Begin(begin)));
    }

    /// Takes a verdict.
    pub(super) fn case(&self, case: CaseEvent) {
        self.with(|all| {
            all.progress.case(&case);
            all.emit(&Event::Case(case.clone()));
            all.cases.push(case);
        });
    }

    /// Takes a saboteur's end.
    pub(super) fn sabotage(&self, one: SabotageEvent) {
        self.with(|all| {
            all.progress.sabotage(&one);
            all.emit(&Event::Sabotage(one.clone()));
            all.sabotage.push(one);
        });
    }

    /// Writes the footer and the reports of the whole.
    pub(super) fn finish(
        self,
        header: Header,
        seconds: f64,
        context: &Context,
    ) -> Result<Log, CliError> {
        let mut all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.progress.clear();
        let order: Vec<String> = header
            .runtimes
            .iter()
            .map(|runtime| runtime.name.clone())
            .collect();
        let column = |name: &str| order.iter().position(|known| known == name);
        all.cases
            .sort_by(|a, b| (&a.case, column(&a.runtime)).cmp(&(&b.case, column(&b.runtime))));
        all.sabotage
            .sort_by(|a, b| (&a.case, &a.saboteur).cmp(&(&b.case, &b.saboteur)));
        let log = Log::assemble(header, all.cases, all.sabotage, seconds);
        if let Some(error) = all.error {
            return Err(error);
        }
        all.outputs.event(&Event::Footer(log.footer.clone()))?;
        all.outputs.finish(&log, context)?;
        Ok(log)
    }
}

impl Collected {
    /// Keeps the first error: the cases that still run must come to their end and be cleaned up.
    fn emit(&mut self, event: &Event) {
        if self.error.is_none() {
            self.error = self.outputs.event(event).err();
        }
    }
}
