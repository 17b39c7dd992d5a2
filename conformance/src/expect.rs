//! Expectations: the known deviations of released runtimes, each with its evidence.
//!
//! A listed deviation that shows is `known`; one that does not show is `xpass`, which fails the
//! run: the entry is out of date. There are no wildcards, neither for cases nor for versions.

mod range;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

pub use range::Range;

use crate::event::{CaseEvent, RuntimeInfo, Status};
use crate::index::{did_you_mean, near};
use crate::log::Log;

/// Why a file of expectations cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant")]
pub enum ExpectError {
    #[error("read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    Syntax {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{path}: no case is called {case:?}{hint}")]
    UnknownCase {
        path: PathBuf,
        case: String,
        hint: String,
    },
    #[error(
        "{path}: the entry of {case} has no {field}: a deviation is listed after somebody looked at it"
    )]
    Blank {
        path: PathBuf,
        case: String,
        field: &'static str,
    },
    #[error("{path}: the entry of {case} is listed twice for the same versions")]
    Twice { path: PathBuf, case: String },
    #[error("write {path}: {source}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// One file: the deviations of one runtime.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The program, as the first word of its `--version` names it.
    runtime: String,
    /// The deviations.
    #[serde(default)]
    expect: Vec<Expectation>,
}

/// One deviation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The id of the case that fails.
    pub case: String,
    /// The versions of the runtime that deviate: `>=1.1, <1.3`.
    pub versions: Range,
    /// The kinds of machine on which it deviates, if not on all: `v1`, `v2`, `rootless`, …
    #[serde(default, deserialize_with = "one_or_several")]
    pub machine: Vec<String>,
    /// What it does instead, and why that is the runtime's doing.
    pub reason: String,
    /// How that was seen: a command and its output, a line of source.
    pub evidence: String,
    /// Where it was reported to the runtime's authors.
    pub upstream: Option<String>,
    /// The runtime loses a race, not always: a pass is then no error.
    #[serde(default)]
    pub races: bool,
}

/// A name or a list of names.
fn one_or_several<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Names::deserialize(from)? {
        Names::One(name) => vec![name],
        Names::Several(names) => names,
    })
}

/// The expectations of a run.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    files: Vec<File>,
}

impl Expectations {
    /// Reads a file; its cases must be among `known`.
    pub fn read(path: &Path, known: &[&str]) -> Result<Self, ExpectError> {
        let text = std::fs::read_to_string(path).map_err(|source| ExpectError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text, known)
    }

    /// The list that comes with the runner.
    pub fn built_in(known: &[&str]) -> Result<Self, ExpectError> {
        let mut all = Self::default();
        for (name, text) in plimsoll_fixtures::expectations::BUILT_IN {
            all.extend(Self::parse(Path::new(name), text, known)?);
        }
        Ok(all)
    }

    /// Adds another file's entries.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
    }

    fn parse(path: &Path, text: &str, known: &[&str]) -> Result<Self, ExpectError> {
        let path = path.to_owned();
        let file: File = toml::from_str(text).map_err(|source| ExpectError::Syntax {
            path: path.clone(),
            source: source.into(),
        })?;
        let mut seen = BTreeSet::new();
        for entry in &file.expect {
            let case = entry.case.clone();
            if !known.contains(&case.as_str()) {
                let hint = did_you_mean(&near(&case, known.iter().copied()));
                return Err(ExpectError::UnknownCase { path, case, hint });
            }
            for (field, text) in [("reason", &entry.reason), ("evidence", &entry.evidence)] {
                if text.trim().is_empty() {
                    return Err(ExpectError::Blank { path, case, field });
                }
            }
            let anywhere = [String::new()];
            let machines = match entry.machine.as_slice() {
                [] => &anywhere,
                some => some,
            };
            for machine in machines {
                if !seen.insert((case.clone(), entry.versions.to_string(), machine.clone())) {
                    return Err(ExpectError::Twice { path, case });
                }
            }
        }
        Ok(Self { files: vec![file] })
    }

    /// The entry that speaks of a case on a runtime and a machine.
    pub fn find(&self, case: &str, runtime: &RuntimeInfo, machine: &str) -> Option<&Expectation> {
        let program = runtime.program();
        let files = self.files.iter().filter(|file| file.runtime == program);
        files.flat_map(|file| &file.expect).find(|entry| {
            entry.case == case
                && entry.versions.has(&runtime.version)
                && (entry.machine.is_empty() || entry.machine.iter().any(|name| name == machine))
        })
    }

    /// All entries, each with its runtime.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Expectation)> {
        self.files.iter().flat_map(|file| {
            file.expect
                .iter()
                .map(|entry| (file.runtime.as_str(), entry))
        })
    }

    /// Turns the verdict of a listed case into `known` or `xpass`.
    pub fn apply(&self, event: &mut CaseEvent, runtime: &RuntimeInfo, machine: &str) {
        let Some(entry) = self.find(&event.case, runtime, machine) else {
            return;
        };
        match event.status {
            Status::Fail => {
                event.status = Status::Known;
                let link = entry
                    .upstream
                    .as_ref()
                    .map(|link| format!(" ({link})"))
                    .unwrap_or_default();
                event.reason = Some(format!("{}{link}", entry.reason));
            }
            Status::Pass if entry.races => {}
            Status::Pass => {
                event.status = Status::Xpass;
                event.reason = Some(format!(
                    "passes although the expectation says for versions {}: {}",
                    entry.versions, entry.reason
                ));
            }
            Status::Broken | Status::Skip | Status::Known | Status::Xpass => {}
        }
    }
}

/// The drafts that `expect update` adds for the failures of one program in a log: what was seen
/// is filled in, what somebody must judge is left blank, and blank entries are refused.
pub fn drafts(log: &Log, program: &str) -> String {
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    for case in log.cases.iter().filter(|case| case.status == Status::Fail) {
        let Some(runtime) = log
            .header
            .runtimes
            .iter()
            .find(|runtime| runtime.name == case.runtime)
        else {
            continue;
        };
        let own = runtime.program() == program;
        let versions = format!("={}", range::number(&runtime.version));
        if !own || !seen.insert((case.case.clone(), versions.clone())) {
            continue;
        }
        let seen = format!(
            "{} (expected {}, observed {})",
            case.reason.as_deref().unwrap_or_default(),
            case.expected,
            case.observed
        );
        let quote = |text: &str| toml::Value::from(text).to_string();
        let fields = [
            ("case", case.case.as_str()),
            ("versions", &versions),
            ("reason", ""),
            ("evidence", &seen),
        ];
        text.push_str("\n[[expect]]\n");
        for (name, value) in fields {
            let value = quote(value);
            writeln!(text, "{name} = {value}").expect("writing to a string cannot fail");
        }
    }
    text
}

/// Adds drafts to a file, which is made where it is not there; says how many entries were added.
/// What the file has already stays as it is, comments too.
pub fn update(path: &Path, log: &Log, program: &str) -> Result<usize, ExpectError> {
    let write = |source| ExpectError::Write {
        path: path.to_owned(),
        source,
    };
    let old = match std::fs::read_to_string(path) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!(
                "# Known deviations of {program}.\nruntime = {}\n",
                toml::Value::from(program)
            )
        }
        Err(source) => {
            return Err(ExpectError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let drafts = drafts(log, program);
    let added = drafts.matches("[[expect]]").count();
    if added > 0 || !path.exists() {
        std::fs::write(path, format!("{old}{drafts}")).map_err(write)?;
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "config/hostname/seen_inside";
    const ENTRY: &str = "runtime = \"runc\"\n[[expect]]\ncase = \"config/hostname/seen_inside\"\n\
        versions = \">=1.1, <1.2\"\nmachine = \"v1\"\nreason = \"sets none\"\nevidence = \"uname -n\"\n\
        upstream = \"https://example.org/1\"\n";

    fn parse(text: &str) -> Result<Expectations, ExpectError> {
        Expectations::parse(Path::new("x.toml"), text, &[CASE])
    }

    fn runc(version: &str) -> RuntimeInfo {
        RuntimeInfo {
            name: "mine".into(),
            path: String::new(),
            version: version.into(),
            sha256: String::new(),
            oci_version_max: None,
            implementation: Some("runc".into()),
            view: None,
        }
    }

    fn judged(status: Status, version: &str, machine: &str) -> (Status, Option<String>) {
        judged_by(ENTRY, status, version, machine)
    }

    fn judged_by(
        entry: &str,
        status: Status,
        version: &str,
        machine: &str,
    ) -> (Status, Option<String>) {
        let mut event = crate::log::tests::sample().cases[0].clone();
        event.status = status;
        parse(entry)
            .unwrap()
            .apply(&mut event, &runc(version), machine);
        (event.status, event.reason)
    }

    #[test]
    fn the_built_in_lists_name_cases_that_there_are() {
        let cases = crate::cases::all();
        let known: Vec<&str> = cases.iter().map(|case| case.id.as_ref()).collect();
        Expectations::built_in(&known).unwrap();
    }

    #[test]
    fn a_listed_failure_is_known_by_the_program_whatever_it_is_called() {
        let (status, reason) = judged(Status::Fail, "1.1.5+ds1", "v1");
        assert_eq!(status, Status::Known);
        assert_eq!(reason.unwrap(), "sets none (https://example.org/1)");
    }

    #[test]
    fn a_listed_failure_that_passes_is_an_error() {
        assert_eq!(judged(Status::Pass, "1.1.5", "v1").0, Status::Xpass);
        assert_eq!(judged(Status::Skip, "1.1.5", "v1").0, Status::Skip);
        assert_eq!(judged(Status::Broken, "1.1.5", "v1").0, Status::Broken);
    }

    #[test]
    fn a_race_may_be_won() {
        let races = format!("{ENTRY}races = true\n");
        let judged = |status| judged_by(&races, status, "1.1.5", "v1").0;
        assert_eq!(judged(Status::Pass), Status::Pass);
        assert_eq!(judged(Status::Fail), Status::Known);
    }

    #[test]
    fn other_versions_and_machines_are_not_excused() {
        assert_eq!(judged(Status::Fail, "1.3.6", "v1").0, Status::Fail);
        assert_eq!(judged(Status::Fail, "1.1.5", "v2").0, Status::Fail);
    }

    #[test]
    fn an_entry_may_be_of_several_machines() {
        let both = ENTRY.replace("machine = \"v1\"", "machine = [\"v1\", \"v2\"]");
        for (machine, status) in [
            ("v1", Status::Known),
            ("v2", Status::Known),
            ("v2+systemd", Status::Fail),
        ] {
            assert_eq!(
                judged_by(&both, Status::Fail, "1.1.5", machine).0,
                status,
                "{machine}"
            );
        }
        let twice = format!("{both}{}", ENTRY.split_once('\n').unwrap().1);
        assert!(matches!(parse(&twice), Err(ExpectError::Twice { .. })));
    }

    #[test]
    fn unknown_cases_blank_reasons_and_repetitions_are_refused() {
        let error = parse(&ENTRY.replace("seen_inside", "seen_insid"))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("did you mean config/hostname/seen_inside?"),
            "{error}"
        );
        let error = parse(&ENTRY.replace("sets none", " "))
            .unwrap_err()
            .to_string();
        assert!(error.contains("has no reason"), "{error}");
        let twice = format!("{ENTRY}{}", ENTRY.split_once('\n').unwrap().1);
        assert!(matches!(parse(&twice), Err(ExpectError::Twice { .. })));
        assert!(matches!(
            parse(&ENTRY.replace("1.2", "*")),
            Err(ExpectError::Syntax { .. })
        ));
        assert!(matches!(
            parse(&ENTRY.replace("upstream", "link")),
            Err(ExpectError::Syntax { .. })
        ));
    }

    #[test]
    fn drafts_are_entries_that_still_need_a_reason() {
        let log = crate::log::tests::sample();
        let text = format!("runtime = \"bad\"\n{}", drafts(&log, "bad"));
        assert!(
            matches!(
                parse(&text),
                Err(ExpectError::Blank {
                    field: "reason",
                    ..
                })
            ),
            "{text}"
        );
        assert!(text.contains("versions = \"=0.9\""), "{text}");
        assert_eq!(drafts(&log, "runc"), "");
        let judged = text.replace("reason = \"\"", "reason = \"sets none\"");
        assert_eq!(parse(&judged).unwrap().iter().count(), 1);
    }

    #[test]
    fn an_update_keeps_what_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, "# note\nruntime = \"bad\"\n").unwrap();
        let log = crate::log::tests::sample();
        assert_eq!(update(&path, &log, "bad").unwrap(), 1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# note\nruntime = \"bad\"\n\n[[expect]]\n"),
            "{text}"
        );
    }
}
