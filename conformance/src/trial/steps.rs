//! What a trial did, in order, for the script of `--keep` that does it again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use plimsoll_fixtures::probe::Refusal;

use crate::drive::{Call, Exit, Outcome, Stdio};
use crate::shell::quote;

/// One thing that a trial did.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A call of the runtime.
    Call(Box<Made>),
    /// Calls of the runtime at the same moment.
    Together(Vec<Made>),
    /// A call of the runtime that went on while further steps were taken, up to [`Step::Returned`];
    /// nothing where it came to nothing. The steps began when this had come about.
    Begun(Option<Box<Made>>, Sign),
    /// What was begun has returned, with this status if it was not us who ended it.
    Returned(Option<i32>),
    /// Something done on the host, as a command of the shell.
    Host(String),
    /// A process was put into new namespaces.
    Held {
        /// Its id.
        pid: i32,
        /// Which: `CLONE_` flags.
        flags: i32,
    },
    /// A socket was listened on; one notification of what came is answered with the errno, if any.
    Listens(PathBuf, Option<i32>),
    /// A socket was listened on for a terminal.
    Console(PathBuf),
    /// This was typed into the terminal.
    Typed(String),
    /// The terminal was waited for to show this.
    Shown(String),
    /// What a call prints that goes on was waited for to hold this.
    Printed(String),
    /// The probe's report was waited for.
    Met,
    /// The probe was told this, and answered what begins so.
    Told(String, Option<String>),
    /// The payload's standard input was closed.
    HungUp,
    /// The end of the container's init was waited for.
    Ended,
}

/// What shows that a call has come as far as it is wanted.
#[derive(Debug, Clone)]
pub(crate) enum Sign {
    /// The recording hook of this tag has begun.
    Hook(String),
    /// It has printed a line.
    Line,
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

impl Made {
    fn new(call: &Call, outcome: &Outcome) -> Self {
        Self {
            outcome: outcome.clone(),
            cwd: call.cwd.clone(),
            env: call.env.clone(),
            streams: matches!((&call.stdin, &call.stdout), (Stdio::Fd(_), Stdio::Fd(_))),
        }
    }

    /// The exit status, as a shell has it.
    pub(crate) fn status(&self) -> i32 {
        match self.outcome.exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
            Exit::Unknown => -1,
        }
    }
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
        self.push(Step::Call(Box::new(Made::new(call, outcome))));
    }

    /// Adds calls that were made at once.
    pub(crate) fn together(&self, calls: &[Call], outcomes: &[Outcome]) {
        let made = calls.iter().zip(outcomes);
        let made = made.map(|(call, outcome)| Made::new(call, outcome));
        self.push(Step::Together(made.collect()));
    }

    /// Adds the beginning of a call, to be given to [`Steps::returned`].
    pub(crate) fn begun(&self, sign: Sign) -> usize {
        self.push(Step::Begun(None, sign));
        self.0.borrow().len() - 1
    }

    /// Adds the end of a call that was begun.
    pub(crate) fn returned(&self, begun: usize, call: &Call, outcome: &Outcome) {
        let whole = Made::new(call, outcome);
        let mut steps = self.0.borrow_mut();
        let status = match steps.get_mut(begun) {
            Some(Step::Begun(made, sign)) => {
                let status = matches!(sign, Sign::Hook(_)).then(|| whole.status());
                *made = Some(Box::new(whole));
                status
            }
            _ => None,
        };
        steps.push(Step::Returned(status));
    }

    /// Adds what the probe was told, which may come in pieces of a line.
    pub(crate) fn told(&self, text: &str) {
        let mut steps = self.0.borrow_mut();
        match steps.last_mut() {
            Some(Step::Told(line, None)) if !line.ends_with('\n') => line.push_str(text),
            _ => steps.push(Step::Told(text.to_owned(), None)),
        }
    }

    /// Adds to what the probe was told how it answered.
    pub(crate) fn answered<T>(&self, answer: &Result<T, Refusal>) {
        if let Some(Step::Told(_, begins)) = self.0.borrow_mut().last_mut() {
            *begins = Some(match answer {
                Ok(_) => "{\"ok\"".to_owned(),
                Err(Refusal::Errno(errno)) => format!("{{\"errno\":{errno}}}"),
                Err(Refusal::Signal(signal)) => format!("{{\"signal\":{signal}}}"),
            });
        }
    }

    /// Has the last listener answer a notification.
    pub(crate) fn notified(&self, errno: i32) {
        let mut steps = self.0.borrow_mut();
        let last = steps.iter_mut().rev().find_map(|step| match step {
            Step::Listens(_, answer) => Some(answer),
            _ => None,
        });
        if let Some(answer) = last {
            *answer = Some(errno);
        }
    }

    /// Adds a command on files of the host, its words to be quoted.
    pub(crate) fn host<A: AsRef<str>>(&self, words: &[A]) {
        let words: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
        self.push(Step::Host(words.join(" ")));
    }

    /// Adds that a file was written.
    pub(crate) fn wrote(&self, file: &Path, content: &[u8]) {
        let file = quote(&file.display().to_string());
        let command = match std::str::from_utf8(content) {
            Ok(text) if !text.contains('\0') => format!("printf %s {} > {file}", quote(text)),
            _ => {
                let octal = content.iter().map(|byte| format!("\\0{byte:03o}"));
                format!("printf %b '{}' > {file}", octal.collect::<String>())
            }
        };
        self.push(Step::Host(command));
    }

    /// All so far.
    pub(crate) fn all(&self) -> Vec<Step> {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_is_told_comes_in_pieces_and_is_answered_as_a_whole() {
        let steps = Steps::default();
        steps.told("read ");
        steps.told("/x\n");
        steps.answered::<()>(&Err(Refusal::Errno(2)));
        steps.told("exit 0\n");
        let all = format!("{:?}", steps.all());
        let told = r#"[Told("read /x\n", Some("{\"errno\":2}")), Told("exit 0\n", None)]"#;
        assert_eq!(all, told);
    }

    #[test]
    fn what_is_no_text_is_written_byte_by_byte() {
        let steps = Steps::default();
        steps.wrote(Path::new("/a b"), b"it's");
        steps.wrote(Path::new("/c"), &[0xff, 0, b'A']);
        let all = steps.all();
        let [Step::Host(text), Step::Host(bytes)] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!(text, r"printf %s 'it'\''s' > '/a b'");
        assert_eq!(bytes, r"printf %b '\0377\0000\0101' > /c");
    }
}
