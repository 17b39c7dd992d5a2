//! The cases that have begun and not come to all their events.

use crate::event::{BeginEvent, CaseEvent, SabotageEvent, Unfinished};

/// The cases that run, in the order in which they began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Vec<BeginEvent>);

impl Running {
    /// A case begins.
    pub(crate) fn begin(&mut self, one: BeginEvent) {
        if one.events > 0 {
            self.0.push(one);
        }
    }

    /// A verdict has come.
    pub(crate) fn case(&mut self, one: &CaseEvent) {
        self.event(&one.case, Some(&one.runtime));
    }

    /// A saboteur has ended; `selftest` has one runtime and does not name it.
    pub(crate) fn sabotage(&mut self, one: &SabotageEvent) {
        self.event(&one.case, None);
    }

    fn event(&mut self, case: &str, runtime: Option<&str>) {
        let of = |one: &BeginEvent| {
            one.case == case && runtime.is_none_or(|runtime| one.runtime == runtime)
        };
        if let Some(at) = self.0.iter().position(of) {
            self.0[at].events -= 1;
            if self.0[at].events == 0 {
                self.0.remove(at);
            }
        }
    }

    /// What runs now.
    pub(crate) fn now(&self) -> &[BeginEvent] {
        &self.0
    }

    /// The same, by their names.
    pub(crate) fn names(&self) -> Vec<Unfinished> {
        let name = |one: &BeginEvent| Unfinished {
            runtime: one.runtime.clone(),
            case: one.case.clone(),
        };
        self.0.iter().map(name).collect()
    }
}
