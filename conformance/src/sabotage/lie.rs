//! Lies about operations: what was done, what came of it, what is left.

use std::time::Duration;

use serde_json::Value;

use super::config::{alter, remove};
use super::saboteur::{Next, Saboteur, wraps};
use crate::case::Name;
use crate::drive::{Call, Exit, Outcome};
use crate::verdict::Check;

/// How a runtime lies about an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// Does it, and reports this exit status.
    Exit(i32),
    /// Does nothing, and reports exit status 1.
    Refuse,
    /// Does nothing, and reports success.
    Skip,
    /// Does it, and undoes it at once: `delete --force` behind it; reports what came of it.
    Undo,
    /// Does it twice, and reports what came of the second time.
    Twice,
    /// Does another operation instead, in which `{id}` stands for the container's id.
    Instead(&'static [&'static str]),
    /// Does it, then another operation; reports what came of the first.
    Then(&'static [&'static str]),
    /// Does another operation first.
    After(&'static [&'static str]),
    /// Replaces an argument by another.
    Argument(&'static str, &'static str),
    /// Does it, and alters what it prints, at a JSON pointer.
    Output(Name, Value),
    /// Does it, and leaves an entry out of what it prints, by its JSON pointer.
    Omit(Name),
    /// Does it, and replaces a text in what it prints by another.
    Reword(&'static str, &'static str),
    /// Does it, and prints this instead.
    Print(&'static str),
    /// Does it, and adds this to standard error.
    Complain(&'static str),
}

impl How {
    /// Does it, and alters what it prints, at a JSON pointer.
    pub fn output(pointer: impl Into<Name>, value: impl Into<Value>) -> Self {
        Self::Output(pointer.into(), value.into())
    }

    /// Does it, and leaves an entry out of what it prints, by its JSON pointer.
    pub fn omit(pointer: impl Into<Name>) -> Self {
        Self::Omit(pointer.into())
    }

    fn text(&self) -> String {
        match self {
            Self::Exit(code) => format!("exit with {code}"),
            Self::Refuse => "refuse".into(),
            Self::Skip => "do nothing and report success".into(),
            Self::Undo => "undo it at once".into(),
            Self::Twice => "do it twice".into(),
            Self::Instead(args) => format!("do `{}` instead", args.join(" ")),
            Self::Then(args) => format!("do `{}` behind it", args.join(" ")),
            Self::After(args) => format!("do `{}` before it", args.join(" ")),
            Self::Argument(from, to) => format!("take {from} for {to}"),
            Self::Output(pointer, value) => format!("print {value} at {pointer}"),
            Self::Omit(pointer) => format!("print no {pointer}"),
            Self::Reword(from, to) => format!("print {to:?} for {from:?}"),
            Self::Print(text) => format!("print {text:?}"),
            Self::Complain(text) => format!("print {text:?} to standard error"),
        }
    }

    fn tell(&self, call: &Call, next: Next<'_>) -> Check<Outcome> {
        match self {
            Self::Exit(code) => Ok(Outcome {
                exit: Exit::Code(*code),
                ..next(call)?
            }),
            Self::Refuse => Ok(undone(call, 1)),
            Self::Skip => Ok(undone(call, 0)),
            Self::Undo => Self::Then(&["delete", "--force", "{id}"]).tell(call, next),
            Self::Twice => {
                next(call)?;
                next(call)
            }
            Self::Instead(args) => next(&call.with_args(filled(args, call))),
            Self::Then(args) => {
                let outcome = next(call)?;
                next(&call.aside(filled(args, call)))?;
                Ok(outcome)
            }
            Self::After(args) => {
                next(&call.aside(filled(args, call)))?;
                next(call)
            }
            Self::Argument(from, to) => {
                let swap = |arg: &String| {
                    if arg == from {
                        (*to).to_owned()
                    } else {
                        arg.clone()
                    }
                };
                next(&call.with_args(call.args.iter().map(swap)))
            }
            Self::Output(pointer, value) => Ok(reprinted(next(call)?, |json| {
                alter(json, pointer, value.clone());
            })),
            Self::Omit(pointer) => Ok(reprinted(next(call)?, |json| remove(json, pointer))),
            Self::Reword(from, to) => {
                let outcome = next(call)?;
                Ok(Outcome {
                    stdout: outcome.stdout.replace(from, to),
                    ..outcome
                })
            }
            Self::Print(text) => Ok(Outcome {
                stdout: (*text).into(),
                ..next(call)?
            }),
            Self::Complain(text) => {
                let mut outcome = next(call)?;
                outcome.stderr.push_str(text);
                Ok(outcome)
            }
        }
    }
}

/// A runtime that lies about one operation.
pub fn lies(operation: &'static str, how: How) -> Saboteur {
    wraps(format!("{operation}: {}", how.text()), move |call, next| {
        if call.operation() == operation {
            how.tell(call, next)
        } else {
            next(call)
        }
    })
}

/// The outcome of a call that was not made.
pub(super) fn undone(call: &Call, code: i32) -> Outcome {
    let argv = call.globals.iter().chain(&call.args).cloned().collect();
    Outcome {
        argv,
        exit: Exit::Code(code),
        stdout: String::new(),
        stderr: String::new(),
        elapsed: Duration::ZERO,
        timed_out: false,
    }
}

fn filled(args: &[&str], call: &Call) -> Vec<String> {
    args.iter()
        .map(|arg| arg.replace("{id}", call.id()))
        .collect()
}

/// The outcome with its output, if that is JSON, changed.
fn reprinted(mut outcome: Outcome, edit: impl FnOnce(&mut Value)) -> Outcome {
    if let Some(mut json) = outcome.json() {
        edit(&mut json);
        outcome.stdout = json.to_string();
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;

    /// What a lie about `state c1` does on a runtime that prints `{"status":"running"}`.
    fn told(how: How) -> (Vec<String>, Outcome) {
        let made = RefCell::new(Vec::new());
        let next = |call: &Call| {
            made.borrow_mut().push(call.args.join(" "));
            Ok(Outcome {
                stdout: r#"{"status":"running"}"#.into(),
                ..undone(call, 0)
            })
        };
        let call = Call::default().with_args(["state", "c1"]);
        let outcome = lies("state", how).interpose(&call, &next).unwrap();
        (made.into_inner(), outcome)
    }

    #[test]
    fn refuse_and_skip_make_no_call() {
        let (made, outcome) = told(How::Refuse);
        assert_eq!((made.len(), outcome.exit), (0, Exit::Code(1)));
        let (made, outcome) = told(How::Skip);
        assert_eq!((made.len(), outcome.exit), (0, Exit::Code(0)));
    }

    #[test]
    fn other_calls_name_the_container() {
        let (made, _) = told(How::Undo);
        assert_eq!(made, ["state c1", "delete --force c1"]);
        let (made, _) = told(How::After(&["kill", "{id}", "KILL"]));
        assert_eq!(made, ["kill c1 KILL", "state c1"]);
        let (made, _) = told(How::Argument("c1", "c2"));
        assert_eq!(made, ["state c2"]);
    }

    #[test]
    fn output_is_changed_at_a_pointer() {
        let (_, outcome) = told(How::output("/status", "stopped"));
        assert_eq!(outcome.json(), Some(json!({"status": "stopped"})));
        let (_, outcome) = told(How::omit("/status"));
        assert_eq!(outcome.json(), Some(json!({})));
    }

    #[test]
    fn other_operations_are_left_alone() {
        let next = |call: &Call| Ok(undone(call, 7));
        let call = Call::default().with_args(["start", "c1"]);
        let outcome = lies("state", How::Refuse).interpose(&call, &next).unwrap();
        assert_eq!(outcome.exit, Exit::Code(7));
    }
}
