//! Assertions: each judges requirements, and records what it expected and what it saw.

use serde::Serialize;
use serde_json::{Value, json};

use super::trial::Trial;
use crate::case::Name;
use crate::drive::{Call, Outcome};
use crate::verdict::{Check, Failure, Stop};

/// Judges requirements other than the case's primary one; made by [`Trial::on`].
pub struct Judge<'t> {
    trial: &'t Trial,
    requirements: Vec<Name>,
}

impl<'t> Judge<'t> {
    pub(super) fn new(trial: &'t Trial, requirements: Vec<Name>) -> Self {
        Self {
            trial,
            requirements,
        }
    }
}

impl Assert for Judge<'_> {
    fn trial(&self) -> &Trial {
        self.trial
    }

    fn requirements(&self) -> Vec<Name> {
        self.requirements.clone()
    }
}

impl Assert for Trial {
    fn trial(&self) -> &Trial {
        self
    }

    fn requirements(&self) -> Vec<Name> {
        self.covers.iter().take(1).cloned().collect()
    }
}

/// The assertions. `what` names the thing looked at, as a report shows it.
pub trait Assert {
    /// The trial whose case is judged.
    fn trial(&self) -> &Trial;

    /// The requirements that a failure is charged to.
    fn requirements(&self) -> Vec<Name>;

    /// The assertion in its general form: with `good` false it stops the case.
    fn judge(&self, what: &str, good: bool, observed: Value, expected: Value) -> Check {
        let trial = self.trial();
        let requirements = self.requirements();
        if let Some(stray) = requirements.iter().find(|id| !trial.covers.contains(id)) {
            return Err(Stop::Broken(format!(
                "the case judges {stray}, which it does not declare to cover"
            )));
        }
        trial
            .judged
            .borrow_mut()
            .extend(requirements.iter().cloned());
        if good {
            return Ok(());
        }
        Err(Stop::Fail(Box::new(Failure {
            requirements: requirements.iter().map(ToString::to_string).collect(),
            what: what.to_owned(),
            expected,
            observed,
            timed_out: false,
        })))
    }

    /// What was seen equals what was expected, as JSON.
    fn eq(&self, what: &str, observed: impl Serialize, expected: impl Serialize) -> Check {
        let (observed, expected) = (value(observed)?, value(expected)?);
        self.judge(what, observed == expected, observed, expected)
    }

    /// What was seen differs from this.
    fn ne(&self, what: &str, observed: impl Serialize, unwanted: impl Serialize) -> Check {
        let (observed, unwanted) = (value(observed)?, value(unwanted)?);
        self.judge(
            what,
            observed != unwanted,
            observed,
            json!({ "not": unwanted }),
        )
    }

    /// What was seen is one of these.
    fn one_of<T: Serialize>(
        &self,
        what: &str,
        observed: impl Serialize,
        allowed: impl IntoIterator<Item = T>,
    ) -> Check {
        let observed = value(observed)?;
        let allowed = allowed.into_iter().map(value).collect::<Check<Vec<_>>>()?;
        self.judge(
            what,
            allowed.contains(&observed),
            observed,
            json!({ "one of": allowed }),
        )
    }

    /// A list (or a text) holds this item.
    fn has(&self, what: &str, observed: impl Serialize, item: impl Serialize) -> Check {
        let (observed, item) = (value(observed)?, value(item)?);
        self.judge(
            what,
            holds(&observed, &item),
            observed,
            json!({ "contains": item }),
        )
    }

    /// A list (or a text) lacks this item.
    fn lacks(&self, what: &str, observed: impl Serialize, item: impl Serialize) -> Check {
        let (observed, item) = (value(observed)?, value(item)?);
        self.judge(
            what,
            !holds(&observed, &item),
            observed,
            json!({ "contains no": item }),
        )
    }

    /// A fact, put as a sentence, holds; `observed` is what it was judged by.
    fn that(&self, fact: &str, good: bool, observed: impl Serialize) -> Check {
        self.judge(fact, good, value(observed)?, Value::Bool(true))
    }

    /// A call succeeded.
    fn succeeds(&self, outcome: &Outcome) -> Check {
        let what = format!("`{}` succeeds", short(outcome));
        self.judge(
            &what,
            outcome.ok(),
            outcome.describe(),
            "exit status 0".into(),
        )
    }

    /// A call was refused: it ended by itself, with a status other than 0.
    fn errors(&self, outcome: &Outcome) -> Check {
        let what = format!("`{}` generates an error", short(outcome));
        self.judge(
            &what,
            outcome.refused(),
            outcome.describe(),
            "an exit status other than 0".into(),
        )
    }

    /// Something that otherwise only sets the scene is itself the judgement: if the runtime fails
    /// in it, the failure is charged.
    fn must<T>(&self, result: Check<T>) -> Check<T> {
        match result {
            Ok(value) => self
                .judge("", true, Value::Null, Value::Null)
                .map(|()| value),
            Err(Stop::Fail(failure)) if failure.requirements.is_empty() && !failure.timed_out => {
                self.judge(&failure.what, false, failure.observed, failure.expected)?;
                Err(Stop::Broken(
                    "a failed assertion did not stop the case".into(),
                ))
            }
            Err(stop) => Err(stop),
        }
    }

    /// `create` generates an error, and leaves no container, process, cgroup or state behind.
    fn refused(&self) -> Check {
        let outcome = self.trial().try_create()?;
        self.errors(&outcome)?;
        self.nothing_left()
    }

    /// The program never runs: `create` generates an error or, where that succeeds, `start` does.
    /// For what a runtime may find out only when it applies `process.args`.
    fn never_runs(&self) -> Check {
        self.never_runs_by(self.trial().create_call())
    }

    /// As [`Assert::never_runs`], with a `create` of the case's own.
    fn never_runs_by(&self, create: Call) -> Check {
        let trial = self.trial();
        let created = trial.try_create_by(create)?;
        if created.refused() {
            return self.errors(&created);
        }
        self.errors(&trial.try_start()?)?;
        let status = trial
            .try_state()?
            .json()
            .map(|state| state["status"].clone());
        self.ne("the status after the error", status, "running")
    }

    /// Nothing is left of the container: no state, no process, no cgroup, no mount on the host.
    fn nothing_left(&self) -> Check {
        let trial = self.trial();
        let mut left = crate::engine::leftovers(trial)?;
        if trial.runtime_itself().systemd_driver() {
            // systemd removes an empty scope in its own time.
            let deadline = trial.deadline();
            let going = |left: &[String]| {
                !left.is_empty() && left.iter().all(|thing| thing.starts_with("cgroup "))
            };
            while going(&left) && !deadline.left().is_zero() {
                std::thread::yield_now();
                left = crate::engine::leftovers(trial)?;
            }
        }
        self.eq("what is left of the container", left, Vec::<String>::new())?;
        let outcome = trial.try_state()?;
        self.judge(
            "`state` knows no such container",
            outcome.refused(),
            outcome.describe(),
            "an exit status other than 0".into(),
        )
    }
}

fn value(from: impl Serialize) -> Check<Value> {
    serde_json::to_value(from).map_err(|error| Stop::broken("show an observation", error))
}

fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Array(list), part) => list.contains(part),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Object(map), Value::String(key)) => map.contains_key(key),
        _ => false,
    }
}

/// The call without the runtime's path and the options before the operation.
fn short(outcome: &Outcome) -> String {
    let args = &outcome.argv;
    let from = args
        .iter()
        .position(|arg| arg == "--root")
        .map_or(1, |at| at + 2);
    args.get(from..).unwrap_or_default().join(" ")
}
