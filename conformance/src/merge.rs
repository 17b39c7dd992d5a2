//! Joins logs of shards and machines into one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::event::{Header, RuntimeInfo, SCHEMA};
use crate::log::{Log, LogError};

/// Why logs cannot be joined.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant")]
pub enum MergeError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{name} is another binary in {path} than in the logs before it: its SHA-256 differs")]
    OtherBinary { path: PathBuf, name: String },
    #[error("{path} judges {case} on {name} again: shards of one machine have no case in common")]
    Twice {
        path: PathBuf,
        name: String,
        case: String,
    },
}

/// A log to be joined: its path, and its machine's name, which otherwise is the one in its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name given.
    pub machine: Option<String>,
    /// The file.
    pub path: PathBuf,
}

impl From<&str> for Source {
    /// `MACHINE=FILE` or `FILE`; a name has no slash.
    fn from(text: &str) -> Self {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !name.contains('/') => Self {
                machine: Some(name.to_owned()),
                path: path.into(),
            },
            _ => Self {
                machine: None,
                path: text.into(),
            },
        }
    }
}

/// Reads and joins logs; a single log without a name stays as it is. Where it is said why runs were
/// killed, logs of such are taken too.
pub fn merge(sources: &[Source], killed: Option<&str>) -> Result<Log, MergeError> {
    let read = |path: &Path| match killed {
        Some(why) => Log::recover(path, why),
        None => Log::open(path),
    };
    let logs = sources
        .iter()
        .map(|source| Ok((source, read(&source.path)?)))
        .collect::<Result<Vec<_>, LogError>>()?;
    join(logs)
}

fn join(mut logs: Vec<(&Source, Log)>) -> Result<Log, MergeError> {
    if let [(Source { machine: None, .. }, log)] = logs.as_mut_slice() {
        return Ok(log.clone());
    }
    let mut joined = Joined::default();
    for (source, log) in logs {
        joined.add(source, log)?;
    }
    Ok(joined.finish())
}

/// What has been joined so far.
#[derive(Default)]
struct Joined {
    versions: BTreeSet<String>,
    hosts: BTreeMap<String, serde_json::Value>,
    runtimes: Vec<RuntimeInfo>,
    judged: BTreeSet<(String, String)>,
    cases: Vec<crate::event::CaseEvent>,
    sabotage: Vec<crate::event::SabotageEvent>,
    seconds: f64,
}

impl Joined {
    fn add(&mut self, source: &Source, log: Log) -> Result<(), MergeError> {
        let machine = source
            .machine
            .clone()
            .unwrap_or_else(|| log.machine().to_owned());
        // The names of a log that was joined before have their machine already.
        let rename = |name: &str| {
            if name.contains('@') {
                name.to_owned()
            } else {
                format!("{name}@{machine}")
            }
        };
        let fresh = log.header.hosts.is_empty();
        if fresh {
            self.hosts.entry(machine.clone()).or_insert(log.header.host);
        } else {
            self.hosts.extend(log.header.hosts);
        }
        for mut runtime in log.header.runtimes {
            runtime.name = rename(&runtime.name);
            self.add_runtime(runtime, &source.path)?;
        }
        let mut own = BTreeSet::new();
        for mut case in log.cases {
            case.runtime = rename(&case.runtime);
            let pair = (case.runtime.clone(), case.case.clone());
            if self.judged.contains(&pair) {
                let (name, case) = pair;
                return Err(MergeError::Twice {
                    path: source.path.clone(),
                    name,
                    case,
                });
            }
            own.insert(pair);
            self.cases.push(case);
        }
        self.judged.extend(own);
        for mut one in log.sabotage {
            if fresh && source.machine.is_some() {
                one.machine.clone_from(&machine);
            }
            self.sabotage.push(one);
        }
        self.versions.insert(log.header.plimsoll);
        self.seconds += log.footer.seconds;
        Ok(())
    }

    fn add_runtime(&mut self, runtime: RuntimeInfo, path: &Path) -> Result<(), MergeError> {
        match self
            .runtimes
            .iter()
            .find(|known| known.name == runtime.name)
        {
            Some(known) if known.sha256 != runtime.sha256 => Err(MergeError::OtherBinary {
                path: path.to_owned(),
                name: runtime.name,
            }),
            Some(_) => Ok(()),
            None => {
                self.runtimes.push(runtime);
                Ok(())
            }
        }
    }

    fn finish(self) -> Log {
        let cases: BTreeSet<_> = self.judged.iter().map(|(_, case)| case).collect();
        let header = Header {
            schema: SCHEMA,
            plimsoll: self.versions.into_iter().collect::<Vec<_>>().join(", "),
            host: serde_json::Value::Null,
            hosts: self.hosts,
            runtimes: self.runtimes,
            cases: cases.len(),
        };
        Log::assemble(header, self.cases, self.sabotage, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::sample;

    fn source(text: &str) -> Source {
        Source::from(text)
    }

    fn joined(parts: &[(&str, Log)]) -> Result<Log, MergeError> {
        let sources: Vec<_> = parts.iter().map(|(text, _)| source(text)).collect();
        join(
            sources
                .iter()
                .zip(parts.iter().map(|(_, log)| log.clone()))
                .collect(),
        )
    }

    #[test]
    fn a_source_may_name_its_machine() {
        assert_eq!(source("v2=a.jsonl").machine.as_deref(), Some("v2"));
        assert_eq!(source("v2=a=b.jsonl").path, PathBuf::from("a=b.jsonl"));
        assert_eq!(source("out/x=1/a.jsonl").machine, None);
    }

    #[test]
    fn machines_become_columns() {
        let log = joined(&[("v1=a", sample()), ("v2=b", sample())]).unwrap();
        let names: Vec<_> = log.runtimes().collect();
        assert_eq!(names, ["good@v1", "bad@v1", "good@v2", "bad@v2"]);
        assert_eq!(log.header.cases, 4);
        assert_eq!(log.footer.runtimes["bad@v2"].fail, 1);
        assert!(log.header.hosts.keys().eq(["v1", "v2"]));
    }

    #[test]
    fn shards_of_a_machine_become_one_column() {
        let (mut first, mut second) = (sample(), sample());
        second.cases = first.cases.split_off(4);
        let log = joined(&[("v1=a", first), ("v1=b", second)]).unwrap();
        assert_eq!(log.header.runtimes.len(), 2);
        assert_eq!(log.cases.len(), sample().cases.len());
        assert_eq!(
            log.footer.runtimes["good@v1"],
            sample().footer.runtimes["good"]
        );
    }

    #[test]
    fn the_same_verdict_twice_is_no_shard() {
        let error = joined(&[("v1=a", sample()), ("v1=b", sample())]).unwrap_err();
        assert!(matches!(error, MergeError::Twice { .. }), "{error}");
    }

    #[test]
    fn two_binaries_of_one_name_are_refused() {
        let mut other = sample();
        other.header.runtimes[0].sha256 = "ff".into();
        let error = joined(&[("v1=a", sample()), ("v1=b", other)]).unwrap_err();
        assert!(matches!(error, MergeError::OtherBinary { .. }), "{error}");
    }

    #[test]
    fn a_joined_log_can_be_joined_again() {
        let first = joined(&[("v1=a", sample()), ("v2=b", sample())]).unwrap();
        let again = joined(&[("x", first.clone()), ("v3=c", sample())]).unwrap();
        assert_eq!(again.header.runtimes.len(), 6);
        assert!(again.header.hosts.keys().eq(["v1", "v2", "v3"]));
        let alone = joined(&[("x", first.clone())]).unwrap();
        assert_eq!(alone, first);
    }
}
