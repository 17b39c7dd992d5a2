//! What changed between two logs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::event::Status;
use crate::log::Log;

/// One changed verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The runtime, or both names where two logs of one runtime each are compared.
    pub runtime: String,
    /// The case.
    pub case: String,
    /// The verdict in the first log; none where it has none.
    pub before: Option<Status>,
    /// The verdict in the second log; none where it has none.
    pub after: Option<Status>,
    /// The reason in the second log, else in the first.
    pub reason: Option<String>,
}

impl Change {
    /// Whether the second log is worse: something that did not fail does.
    pub fn is_worse(&self) -> bool {
        let bad = |status| matches!(status, Some(Status::Fail | Status::Broken | Status::Xpass));
        bad(self.after) && !bad(self.before)
    }
}

/// The verdicts that differ. Runtimes are paired by name; where each log has a single one, these
/// two are a pair whatever they are called.
pub fn diff(before: &Log, after: &Log) -> Vec<Change> {
    let alone = before.header.runtimes.len() == 1 && after.header.runtimes.len() == 1;
    let (old, new) = (verdicts(before, alone), verdicts(after, alone));
    let name = |runtime: &str| match (
        before.header.runtimes.as_slice(),
        after.header.runtimes.as_slice(),
    ) {
        ([a], [b]) if a.name != b.name => format!("{} -> {}", a.name, b.name),
        ([a], [_]) => a.name.clone(),
        _ => runtime.to_owned(),
    };
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changes = Vec::new();
    for key @ (runtime, case) in keys {
        let (a, b) = (old.get(key), new.get(key));
        let (before, after) = (a.map(|v| v.0), b.map(|v| v.0));
        if before != after {
            let reason = b
                .and_then(|v| v.1)
                .or(a.and_then(|v| v.1))
                .map(str::to_owned);
            changes.push(Change {
                runtime: name(runtime),
                case: (*case).to_owned(),
                before,
                after,
                reason,
            });
        }
    }
    changes
}

type Verdicts<'a> = BTreeMap<(&'a str, &'a str), (Status, Option<&'a str>)>;

/// The verdicts by runtime and case; of several verdicts of a case the one that is worst stays.
fn verdicts(log: &Log, alone: bool) -> Verdicts<'_> {
    let mut verdicts = Verdicts::new();
    for case in &log.cases {
        let runtime = if alone { "" } else { case.runtime.as_str() };
        let found = (case.status, case.reason.as_deref());
        let kept = verdicts
            .entry((runtime, case.case.as_str()))
            .or_insert(found);
        if case.status.badness() > kept.0.badness() {
            *kept = found;
        }
    }
    verdicts
}

/// Writes the changes for people.
pub fn write_human(changes: &[Change], out: &mut dyn Write) -> io::Result<()> {
    let word = |status: Option<Status>| status.map_or("-", Status::word);
    for change in changes {
        let mark = if change.is_worse() { "!" } else { " " };
        let (before, after) = (word(change.before), word(change.after));
        writeln!(
            out,
            "{mark} {before:6} -> {after:6}  {}  {}",
            change.runtime, change.case
        )?;
        if let Some(reason) = &change.reason {
            writeln!(out, "                      {reason}")?;
        }
    }
    let worse = changes.iter().filter(|change| change.is_worse()).count();
    writeln!(
        out,
        "{} verdicts differ, {worse} of them for the worse",
        changes.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::sample;

    fn only(runtime: &str) -> Log {
        let mut log = sample();
        log.header.runtimes.retain(|info| info.name == runtime);
        log.cases.retain(|case| case.runtime == runtime);
        log
    }

    #[test]
    fn a_log_does_not_differ_from_itself() {
        assert_eq!(diff(&sample(), &sample()), []);
    }

    #[test]
    fn a_new_failure_is_for_the_worse() {
        let mut after = sample();
        after.cases[0].status = Status::Fail;
        after.cases.remove(7);
        let changes = diff(&sample(), &after);
        assert_eq!(changes.len(), 2);
        let gone = changes
            .iter()
            .find(|change| change.after.is_none())
            .unwrap();
        assert!(!gone.is_worse());
        assert_eq!(changes.iter().filter(|change| change.is_worse()).count(), 1);
        let mut text = Vec::new();
        write_human(&changes, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("! pass   -> fail    good  config/hostname/seen_inside"),
            "{text}"
        );
        assert!(
            text.ends_with("2 verdicts differ, 1 of them for the worse\n"),
            "{text}"
        );
    }

    #[test]
    fn two_runtimes_of_one_log_each_are_a_pair() {
        let changes = diff(&only("good"), &only("bad"));
        assert_eq!(changes.len(), 4);
        assert!(changes.iter().all(|change| change.runtime == "good -> bad"));
    }
}
