//! What a trial did, in order, for the script of `--keep` that does it again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::drive::{Call, Outcome, Stdio};
use crate::shell::quote;

/// One thing that a trial did.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A call of the runtime.
    Call(Box<Made>),
    /// Something done on the host, as a command of the shell.
    Host(String),
    /// The probe's report was waited for.
    Met,
    /// The probe was told this, and waited for its answer.
    Told(String),
    /// The payload's standard input was closed.
    HungUp,
    /// The end of the container's init was waited for.
    Ended,
}

/// A call that was made: what the outcome does not tell of it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// The working directory, if not the runner's own.
    pub(crate) cwd: Option<PathBuf>,
    /// Additions to the environment.
    pub(crate) env: Vec<(String, String)>,
    /// Standard input and output were ours: the payload's streams.
    pub(crate) streams: bool,
}

/// The steps of a trial, shared with those who take them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(Rc<RefCell<Vec<Step>>>);

impl Steps {
    /// Adds one.
    pub(crate) fn push(&self, step: Step) {
        self.0.borrow_mut().push(step);
    }

    /// Adds a call and what came of it.
    pub(crate) fn call(&self, call: &Call, outcome: &Outcome) {
        self.push(Step::Call(Box::new(Made {
            outcome: outcome.clone(),
            cwd: call.cwd.clone(),
            env: call.env.clone(),
            streams: matches!((&call.stdin, &call.stdout), (Stdio::Fd(_), Stdio::Fd(_))),
        })));
    }

    /// Adds what the probe was told, which may come in pieces of a line.
    pub(crate) fn told(&self, text: &str) {
        let mut steps = self.0.borrow_mut();
        match steps.last_mut() {
            Some(Step::Told(line)) if !line.ends_with('\n') => line.push_str(text),
            _ => steps.push(Step::Told(text.to_owned())),
        }
    }

    /// Adds a command on files of the host, its words to be quoted.
    pub(crate) fn host(&self, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
        self.push(Step::Host(words.join(" ")));
    }

    /// Adds that a file was written.
    pub(crate) fn wrote(&self, file: &Path, text: &str) {
        let file = file.display().to_string();
        let command = format!("printf %s {} > {}", quote(text), quote(&file));
        self.push(Step::Host(command));
    }

    /// All so far.
    pub(crate) fn all(&self) -> Vec<Step> {
        self.0.borrow().clone()
    }
}
