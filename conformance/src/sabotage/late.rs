//! Lies about time: what is done later than it is reported, and what is reported as it was before.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::lie::undone;
use super::saboteur::{Saboteur, wraps};
use crate::drive::{Call, Outcome};

/// What is kept from one call to the next, of the same trial: its `--root` tells.
struct Kept<T>(Mutex<Option<(Vec<String>, T)>>);

impl<T> Kept<T> {
    fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    fn held(&self) -> MutexGuard<'_, Option<(Vec<String>, T)>> {
        // A panic elsewhere leaves what was kept as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was kept, and keeps something else instead.
    fn replace(&self, call: &Call, other: Option<T>) -> Option<T> {
        let other = other.map(|other| (call.globals.clone(), other));
        let (of, kept) = mem::replace(&mut *self.held(), other)?;
        (of == call.globals).then_some(kept)
    }
}

/// A runtime that reports an operation as done, and does it only with the next call.
pub fn defers(operation: &'static str) -> Saboteur {
    let put_off = Kept::nothing();
    wraps(
        format!("{operation}: do it with the next call only"),
        move |call, next| {
            let due = call.operation() == operation;
            if let Some(late) = put_off.replace(call, due.then(|| call.clone())) {
                next(&late)?;
            }
            if due { Ok(undone(call, 0)) } else { next(call) }
        },
    )
}

/// A runtime that prints what an operation would have printed the time before.
pub fn lags(operation: &'static str) -> Saboteur {
    let printed: Kept<String> = Kept::nothing();
    wraps(
        format!("{operation}: print what was so the time before"),
        move |call, next| {
            let outcome = next(call)?;
            if call.operation() != operation {
                return Ok(outcome);
            }
            let before = printed.replace(call, Some(outcome.stdout.clone()));
            Ok(Outcome {
                stdout: before.unwrap_or_else(|| outcome.stdout.clone()),
                ..outcome
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::drive::Exit;

    fn call(root: &str, operation: &str) -> Call {
        Call {
            globals: vec!["--root".into(), root.into()],
            ..Call::default().with_args([operation, "c1"])
        }
    }

    #[test]
    fn what_is_put_off_is_done_with_the_next_call() {
        let made = RefCell::new(Vec::new());
        let next = |call: &Call| {
            made.borrow_mut().push(call.args.join(" "));
            Ok(undone(call, 7))
        };
        let saboteur = defers("kill");
        let outcome = saboteur.interpose(&call("/a", "kill"), &next).unwrap();
        assert_eq!((made.borrow().len(), outcome.exit), (0, Exit::Code(0)));
        let outcome = saboteur.interpose(&call("/a", "state"), &next).unwrap();
        assert_eq!(outcome.exit, Exit::Code(7));
        saboteur.interpose(&call("/a", "state"), &next).unwrap();
        assert_eq!(made.into_inner(), ["kill c1", "state c1", "state c1"]);
    }

    #[test]
    fn what_another_trial_put_off_is_not_done() {
        let made = RefCell::new(0);
        let next = |call: &Call| {
            *made.borrow_mut() += 1;
            Ok(undone(call, 0))
        };
        let saboteur = defers("kill");
        saboteur.interpose(&call("/a", "kill"), &next).unwrap();
        saboteur.interpose(&call("/b", "state"), &next).unwrap();
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn what_is_printed_lags_by_one() {
        let count = RefCell::new(0);
        let next = |call: &Call| {
            *count.borrow_mut() += 1;
            Ok(Outcome {
                stdout: count.borrow().to_string(),
                ..undone(call, 0)
            })
        };
        let saboteur = lags("state");
        let seen = [
            ("/a", "state"),
            ("/a", "list"),
            ("/a", "state"),
            ("/b", "state"),
        ]
        .map(|(root, name)| saboteur.interpose(&call(root, name), &next).unwrap().stdout);
        assert_eq!(seen, ["1", "2", "1", "4"]);
    }
}
