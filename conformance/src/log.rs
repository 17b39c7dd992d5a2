//! A whole log: read back, checked, counted, and turned into an exit status.

mod read;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::event::{
    CaseEvent, Counts, Event, Footer, Header, Level, RuntimeInfo, SCHEMA, SabotageEvent,
    SabotageStatus, Status,
};

pub(crate) use running::Running;

/// Why a file is not the log of a whole run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant")]
pub enum LogError {
    #[error("read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("line {line} of {path} is no event: {source}")]
    Line {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    #[error("{path} does not begin with a header")]
    NoHeader { path: PathBuf },
    #[error("{path} has no footer: the run did not end, so it is not a result")]
    NoFooter { path: PathBuf },
    #[error(
        "the run of {path} was ended early by {by}, so it is not a result: `plimsoll merge --killed WHY` makes one of what it has"
    )]
    Interrupted { path: PathBuf, by: String },
    #[error(
        "line {line} of {path} follows the log's last: one log a file, `plimsoll merge` joins them"
    )]
    AfterFooter { path: PathBuf, line: usize },
    #[error("{path} has schema {found}, this plimsoll reads {SCHEMA}")]
    Schema { path: PathBuf, found: u32 },
}

/// A log with its footer.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Who ran what, where.
    pub header: Header,
    /// The verdicts, in the order in which they came.
    pub cases: Vec<CaseEvent>,
    /// The saboteurs, in the order in which they came.
    pub sabotage: Vec<SabotageEvent>,
    /// The counts.
    pub footer: Footer,
}

impl Log {
    /// Builds a log from finished parts; the footer's counts are taken from the verdicts.
    pub fn assemble(
        header: Header,
        cases: Vec<CaseEvent>,
        sabotage: Vec<SabotageEvent>,
        seconds: f64,
    ) -> Self {
        let mut runtimes: BTreeMap<String, Counts> = header
            .runtimes
            .iter()
            .map(|r| (r.name.clone(), Counts::default()))
            .collect();
        for case in &cases {
            runtimes
                .entry(case.runtime.clone())
                .or_default()
                .add(case.status);
        }
        Self {
            header,
            cases,
            sabotage,
            footer: Footer { runtimes, seconds },
        }
    }

    /// The events in their order.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::once(Event::Header(self.header.clone()))
            .chain(self.cases.iter().cloned().map(Event::Case))
            .chain(self.sabotage.iter().cloned().map(Event::Sabotage))
            .chain(std::iter::once(Event::Footer(self.footer.clone())))
    }

    /// The same log with each saboteur as a verdict on its machine, for the formats that know only
    /// of tests: a kill passes, a survivor fails.
    #[must_use]
    pub fn with_saboteurs_as_cases(&self) -> Self {
        let mut cases = self.cases.clone();
        let mut header = self.header.clone();
        for one in &self.sabotage {
            let runtime = format!("selftest@{}", one.machine);
            if !header.runtimes.iter().any(|known| known.name == runtime) {
                let like = header.runtimes.first().cloned();
                header.runtimes.extend(like.map(|like| RuntimeInfo {
                    name: runtime.clone(),
                    ..like
                }));
            }
            cases.push(CaseEvent {
                runtime,
                case: format!("{} [{}]", one.case, one.saboteur),
                covers: vec![one.requirement.clone()],
                level: Level::Must,
                status: match one.status {
                    SabotageStatus::Killed => Status::Pass,
                    SabotageStatus::Survived => Status::Fail,
                    SabotageStatus::Skip | SabotageStatus::Equivalent => Status::Skip,
                },
                reason: one.reason.clone(),
                requirement: Some(one.requirement.clone()),
                expected: serde_json::Value::Null,
                observed: one.sabotaged.clone(),
                ms: 0.0,
            });
        }
        Self::assemble(header, cases, Vec::new(), self.footer.seconds)
    }

    /// The cases that a runtime did not always end in the same way, where they ran repeatedly.
    pub fn unsteady(&self) -> Vec<(&str, &str)> {
        let mut seen: BTreeMap<(&str, &str), Status> = BTreeMap::new();
        let mut unsteady = BTreeSet::new();
        for case in &self.cases {
            let pair = (case.runtime.as_str(), case.case.as_str());
            if *seen.entry(pair).or_insert(case.status) != case.status {
                unsteady.insert(pair);
            }
        }
        unsteady.into_iter().collect()
    }

    /// The names of the runtimes, in the order of the header.
    pub fn runtimes(&self) -> impl Iterator<Item = &str> {
        self.header
            .runtimes
            .iter()
            .map(|runtime| runtime.name.as_str())
    }

    /// The name of the machine that wrote the log.
    pub fn machine(&self) -> &str {
        self.header
            .host
            .get("machine")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("unnamed")
    }

    /// The verdict on the whole.
    pub fn outcome(&self, strict: bool) -> Outcome {
        let mut seen = Outcome::OnlySkips;
        for case in &self.cases {
            seen = seen.max(match case.status {
                Status::Broken => Outcome::Broken,
                Status::Xpass => Outcome::Failed,
                Status::Fail if decides(case.level, strict) => Outcome::Failed,
                Status::Pass | Status::Known | Status::Fail => Outcome::Passed,
                Status::Skip => Outcome::OnlySkips,
            });
        }
        for one in &self.sabotage {
            seen = seen.max(match one.status {
                SabotageStatus::Survived => Outcome::Failed,
                SabotageStatus::Killed => Outcome::Passed,
                SabotageStatus::Skip | SabotageStatus::Equivalent => Outcome::OnlySkips,
            });
        }
        seen
    }
}

/// Whether a failure at that level decides the exit status.
pub fn decides(level: Level, strict: bool) -> bool {
    level == Level::Must || strict && level == Level::Should
}

/// How a run ended; the later one outweighs the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing was judged.
    OnlySkips,
    /// Something was judged, and nothing that decides failed.
    Passed,
    /// A runtime failed, an expectation is out of date, or a saboteur survived.
    Failed,
    /// The harness or the machine failed.
    Broken,
}

/// Writes one event as a line.
pub fn write_event(event: &Event, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    /// A log of two runtimes with a verdict of every kind, which the tests of the views share.
    pub(crate) fn sample() -> Log {
        let text = [
            json!({"event":"header","schema":1,"plimsoll":"0.1.0","host":{"machine":"v1","kernel":"6.18.0"},
                "runtimes":[
                    {"name":"good","path":"/bin/good","version":"1.0.0","sha256":"ab","oci_version_max":"1.3.0"},
                    {"name":"bad","path":"/bin/bad","version":"0.9","sha256":"cd","oci_version_max":null}],
                "cases":4}),
            case(
                "good",
                "config/hostname/seen_inside",
                "config.hostname.set",
                "MUST",
                "pass",
            ),
            failed("bad", "config/hostname/seen_inside", "config.hostname.set"),
            case(
                "good",
                "runtime/state/created",
                "runtime.state.status-created",
                "MUST",
                "pass",
            ),
            case(
                "bad",
                "runtime/state/created",
                "runtime.state.status-created",
                "MUST",
                "known",
            ),
            case(
                "good",
                "linux/<rdt>/schema",
                "config-linux.intel-rdt.l3-cache-schema-prefix",
                "SHOULD",
                "skip",
            ),
            case(
                "bad",
                "linux/<rdt>/schema",
                "config-linux.intel-rdt.l3-cache-schema-prefix",
                "SHOULD",
                "broken",
            ),
            case(
                "good",
                "cli/kill/default",
                "cli.kill.default-term",
                "MUST",
                "pass",
            ),
            case(
                "bad",
                "cli/kill/default",
                "cli.kill.default-term",
                "MUST",
                "xpass",
            ),
            json!({"event":"footer","runtimes":{
                "good":{"pass":3,"fail":0,"broken":0,"skip":1,"known":0,"xpass":0},
                "bad":{"pass":0,"fail":1,"broken":1,"skip":0,"known":1,"xpass":1}},"seconds":2.5}),
        ];
        let lines: Vec<String> = text.iter().map(ToString::to_string).collect();
        let text = lines.join("\n");
        Log::read(Path::new("sample"), text.as_bytes()).unwrap()
    }

    pub(super) fn case(
        runtime: &str,
        case: &str,
        covers: &str,
        level: &str,
        status: &str,
    ) -> serde_json::Value {
        let reason = (status != "pass").then(|| format!("{status} & why"));
        json!({"event":"case","runtime":runtime,"case":case,"covers":[covers],"level":level,
            "status":status,"reason":reason,"expected":null,"observed":null,"ms":1.5})
    }

    fn failed(runtime: &str, id: &str, covers: &str) -> serde_json::Value {
        let mut event = case(runtime, id, covers, "MUST", "fail");
        event["requirement"] = covers.into();
        event["expected"] = "conf-7".into();
        event["observed"] = "localhost".into();
        event
    }

    pub(super) fn read(text: &str) -> Result<Log, LogError> {
        Log::read(Path::new("x.jsonl"), text.as_bytes())
    }

    #[test]
    fn a_log_survives_writing_and_reading() {
        let mut text = Vec::new();
        for event in sample().events() {
            write_event(&event, &mut text).unwrap();
        }
        assert_eq!(
            Log::read(Path::new("x"), text.as_slice()).unwrap(),
            sample()
        );
    }

    #[test]
    fn a_log_without_its_footer_is_not_a_result() {
        let mut text = Vec::new();
        for event in sample()
            .events()
            .filter(|event| !matches!(event, Event::Footer(_)))
        {
            write_event(&event, &mut text).unwrap();
        }
        let error = read(std::str::from_utf8(&text).unwrap()).unwrap_err();
        assert!(matches!(error, LogError::NoFooter { .. }), "{error}");
    }

    #[test]
    fn the_worst_decides() {
        let mut log = sample();
        assert_eq!(log.outcome(false), Outcome::Broken);
        log.cases.retain(|case| case.status != Status::Broken);
        assert_eq!(log.outcome(false), Outcome::Failed);
        log.cases
            .retain(|case| !matches!(case.status, Status::Fail | Status::Xpass));
        assert_eq!(log.outcome(false), Outcome::Passed);
        log.cases.retain(|case| case.status == Status::Skip);
        assert_eq!(log.outcome(false), Outcome::OnlySkips);
        log.cases.clear();
        assert_eq!(
            log.outcome(false),
            Outcome::OnlySkips,
            "a run that ran nothing is not a pass"
        );
    }

    #[test]
    fn a_should_decides_only_when_strict() {
        let mut log = sample();
        log.cases.retain(|case| case.status == Status::Fail);
        log.cases[0].level = Level::Should;
        assert_eq!(log.outcome(false), Outcome::Passed);
        assert_eq!(log.outcome(true), Outcome::Failed);
    }

    #[test]
    fn saboteurs_are_tests_of_their_machine() {
        let mut log = sample();
        log.cases.clear();
        log.sabotage.push(SabotageEvent {
            case: "a/b/c".into(),
            saboteur: "drop /hostname".into(),
            requirement: "config.hostname.set".into(),
            status: SabotageStatus::Survived,
            honest: serde_json::Value::Null,
            sabotaged: json!({"status": "pass"}),
            reason: Some("still passes".into()),
            machine: "v2".into(),
        });
        assert_eq!(log.outcome(false), Outcome::Failed);
        let tests = log.with_saboteurs_as_cases();
        assert_eq!(tests.cases[0].case, "a/b/c [drop /hostname]");
        assert_eq!(tests.footer.runtimes["selftest@v2"].fail, 1);
        assert!(tests.runtimes().any(|name| name == "selftest@v2"));
    }

    #[test]
    fn a_case_that_ends_now_so_and_now_so_is_named() {
        let mut log = sample();
        assert_eq!(log.unsteady(), []);
        let mut again = log.cases[0].clone();
        log.cases.push(again.clone());
        assert_eq!(log.unsteady(), []);
        again.status = Status::Fail;
        log.cases.push(again);
        assert_eq!(log.unsteady(), [("good", "config/hostname/seen_inside")]);
    }

    #[test]
    fn assembling_counts_the_verdicts() {
        let log = sample();
        let again = Log::assemble(log.header.clone(), log.cases.clone(), vec![], 2.5);
        assert_eq!(again, log);
    }
}
