//! Running cases on a runtime: in parallel, each with a trial of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cleanup::clean;
use super::keep::Keep;
use super::scratch::Scratch;
use crate::case::Case;
use crate::drive::{Interrupt, Limits, Outcome, Runtime};
use crate::event::{CaseEvent, Level, Status};
use crate::trial::Trial;
use crate::verdict::{Check, Stop, Verdict};

/// How cases are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many cases run at once.
    pub jobs: usize,
    /// How long calls and events are waited for.
    pub limits: Limits,
    /// Where what a case left behind is kept for a look: a directory for each case.
    pub keep: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        Self {
            jobs,
            limits: Limits::default(),
            keep: None,
        }
    }
}

impl Options {
    /// Ended by a signal as well.
    #[must_use]
    pub fn ended_by(self, interrupt: Interrupt) -> Self {
        Self {
            limits: self.limits.ended_by(interrupt),
            ..self
        }
    }
}

/// A judged case.
#[derive(Debug)]
pub struct Judged<'c> {
    /// The case.
    pub case: &'c Case,
    /// How it ended.
    pub verdict: Verdict,
    /// The calls of the runtime that it made.
    pub calls: Vec<Outcome>,
    /// How long it took, with its cleaning up.
    pub elapsed: Duration,
}

impl Judged<'_> {
    /// The event of the log, before any expectation is applied.
    pub fn event(&self, runtime: &str, level: Level) -> CaseEvent {
        let mut event = CaseEvent {
            runtime: runtime.to_owned(),
            case: self.case.id.to_string(),
            covers: self.case.covers.iter().map(ToString::to_string).collect(),
            level,
            status: Status::Pass,
            reason: None,
            requirement: None,
            expected: Value::Null,
            observed: Value::Null,
            ms: self.elapsed.as_secs_f64() * 1000.0,
        };
        match &self.verdict {
            Verdict::Pass => {}
            Verdict::Fail(failure) => {
                event.status = Status::Fail;
                event.reason = Some(failure.what.clone());
                event.requirement = failure.requirements.first().cloned();
                event.expected = failure.expected.clone();
                event.observed = failure.observed.clone();
            }
            Verdict::Broken(why) => {
                event.status = Status::Broken;
                event.reason = Some(why.clone());
            }
            Verdict::Skip(why) => {
                event.status = Status::Skip;
                event.reason = Some(why.clone());
            }
        }
        event
    }
}

/// Runs the cases on a runtime. `skip` says why a case is not to be judged; `each` is told of each
/// case as it ends, in any order, from any thread. After a signal that ends the options' limits, the cases that run
/// are given up and cleaned up, no further one begins, and `each` is told of none of these.
pub fn run<'c>(
    runtime: &Runtime,
    cases: &[&'c Case],
    options: &Options,
    scratch: &Scratch,
    skip: &(dyn Fn(&Case) -> Option<String> + Sync),
    each: &(dyn Fn(Judged<'c>) + Sync),
) -> Check {
    parallel(options, runtime, cases, &|case| {
        let judged = match skip(case) {
            Some(why) => Judged {
                case,
                verdict: Verdict::Skip(why),
                calls: Vec::new(),
                elapsed: Duration::ZERO,
            },
            None => judge(case, runtime, options, scratch)?,
        };
        each(judged);
        Ok(())
    })
}

/// Runs one case, to be judged whatever it needs.
pub fn run_one<'c>(
    runtime: &Runtime,
    case: &'c Case,
    options: &Options,
    scratch: &Scratch,
) -> Check<Judged<'c>> {
    let judged = Mutex::new(None);
    let keep = |one| *judged.lock().unwrap_or_else(PoisonError::into_inner) = Some(one);
    run(runtime, &[case], options, scratch, &|_| None, &keep)?;
    let judged = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.ok_or_else(|| Stop::Broken("the case was not run".into()))
}

/// Does a piece of work for each item, on threads that are in the runtime's view of the machine. After a signal
/// that ends the options' limits no piece begins.
pub(super) fn parallel<T: Copy + Sync>(
    options: &Options,
    runtime: &Runtime,
    items: &[T],
    work: &(dyn Fn(T) -> Check + Sync),
) -> Check {
    let next = AtomicUsize::new(0);
    let worker = || -> Check {
        if let Some(view) = &runtime.view {
            view.enter()
                .map_err(|error| Stop::broken("enter the cgroup view", error))?;
        }
        while let Some(&item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            options.limits.check().map_err(Stop::Interrupted)?;
            work(item)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.max(1).min(items.len()))
            .map(|_| scope.spawn(worker))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err(Stop::Broken("a worker panicked".into())))
        })
    })
}

/// Runs one case, and cleans up after it. It has no verdict where a signal came before its end: then a wait may
/// have ended without what was waited for.
pub(super) fn judge<'c>(
    case: &'c Case,
    runtime: &Runtime,
    options: &Options,
    scratch: &Scratch,
) -> Check<Judged<'c>> {
    let begun = Instant::now();
    let (verdict, calls) = match scratch.trial(case, runtime, options.limits) {
        Ok(trial) => {
            let keep = options.keep.as_ref().map(|dir| Keep::begin(&trial, dir));
            let verdict = Verdict::from(attempt(case, &trial));
            let ended = options.limits.check();
            let kept = keep.map_or(Ok(()), |keep| keep?.finish(&trial));
            let cleaned = clean(&trial);
            // What could not be cleaned up is tried again with the whole run.
            ended.map_err(Stop::Interrupted)?;
            (with(with(verdict, kept), cleaned), trial.calls.into_inner())
        }
        Err(stop) => (Verdict::from(Err(stop)), Vec::new()),
    };
    Ok(Judged {
        case,
        verdict,
        calls,
        elapsed: begun.elapsed(),
    })
}

/// A harness that fails after a pass has not shown anything.
fn with(verdict: Verdict, outcome: Check) -> Verdict {
    match (verdict, outcome) {
        (Verdict::Pass, Err(stop)) => Verdict::from(Err(stop)),
        (verdict, _) => verdict,
    }
}

fn attempt(case: &Case, trial: &Trial) -> Check {
    // A case that panics is a bug of ours; the others go on.
    match catch_unwind(AssertUnwindSafe(|| (case.run)(trial))) {
        Ok(result) => result?,
        Err(_) => return Err(Stop::Broken("the case panicked".into())),
    }
    let judged = trial.judged.borrow();
    match trial.covers.iter().find(|id| !judged.contains(*id)) {
        None => Ok(()),
        Some(id) => Err(Stop::Broken(format!(
            "the case covers {id} but judged it nowhere"
        ))),
    }
}
