//! Reading a log, of a run that came to its end or of one that was killed.

use std::io::{self, BufRead};
use std::path::Path;

use super::{Log, LogError, Running};
use crate::event::{
    BeginEvent, CaseEvent, Event, Footer, Header, Interruption, SCHEMA, SabotageEvent, Status,
};

impl Log {
    /// Reads a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        Self::read(path, lines(path)?)
    }

    /// Reads a log; `path` is its name in errors.
    pub fn read(path: &Path, lines: impl BufRead) -> Result<Self, LogError> {
        Found::read(path, lines)?.whole(path)
    }

    /// Reads a file as [`Log::open`] does, and of a run that was killed or ended early what it had found: the
    /// cases that ran then are broken, for the reason given.
    pub fn recover(path: &Path, why: &str) -> Result<Self, LogError> {
        Self::recovered(path, lines(path)?, why)
    }

    fn recovered(path: &Path, lines: impl BufRead, why: &str) -> Result<Self, LogError> {
        let found = Found::read(path, lines)?;
        if found.footer.is_some() {
            return found.whole(path);
        }
        let running = found.running.now().iter().map(|one| cut_off(one, why));
        let cases = found.cases.into_iter().chain(running).collect();
        // How long a killed run took, nobody wrote down.
        let seconds = found.interruption.map_or(0.0, |one| one.before.seconds);
        Ok(Self::assemble(found.header, cases, found.sabotage, seconds))
    }
}

/// The lines of a file; `-` is standard input.
fn lines(path: &Path) -> Result<Box<dyn BufRead>, LogError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    match std::fs::File::open(path) {
        Ok(file) => Ok(Box::new(io::BufReader::new(file))),
        Err(source) => Err(LogError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The verdict on a case that ran when its run was killed.
fn cut_off(begun: &BeginEvent, why: &str) -> CaseEvent {
    CaseEvent {
        runtime: begun.runtime.clone(),
        case: begun.case.clone(),
        covers: begun.covers.clone(),
        level: begun.level,
        status: Status::Broken,
        reason: Some(format!("the run was cut off while this case ran: {why}")),
        requirement: None,
        expected: serde_json::Value::Null,
        observed: serde_json::Value::Null,
        ms: 0.0,
    }
}

/// What the lines of a log say, which may be that of a run that did not end.
struct Found {
    header: Header,
    cases: Vec<CaseEvent>,
    sabotage: Vec<SabotageEvent>,
    running: Running,
    footer: Option<Footer>,
    /// What stands in the footer's place where a signal ended the run.
    interruption: Option<Interruption>,
    /// The last line, where it is no event: whoever wrote it may have been killed at it.
    torn: Option<LogError>,
}

impl Found {
    fn read(path: &Path, lines: impl BufRead) -> Result<Self, LogError> {
        let path = path.to_owned();
        let mut found: Option<Self> = None;
        let mut torn = None;
        for (number, line) in lines.lines().enumerate() {
            let number = number + 1;
            let line = line.map_err(|source| LogError::Read {
                path: path.clone(),
                source,
            })?;
            if line.trim().is_empty() {
                continue;
            }
            if let Some(torn) = torn {
                return Err(torn);
            }
            if found.as_ref().is_some_and(Self::ended) {
                return Err(LogError::AfterFooter { path, line: number });
            }
            match (serde_json::from_str(&line), &mut found) {
                (Err(source), _) => {
                    torn = Some(LogError::Line {
                        path: path.clone(),
                        line: number,
                        source,
                    });
                }
                (Ok(Event::Header(header)), None) => found = Some(Self::begun(header)),
                (Ok(_), None) => return Err(LogError::NoHeader { path }),
                (Ok(Event::Header(_)), Some(_)) => {
                    return Err(LogError::AfterFooter { path, line: number });
                }
                (Ok(event), Some(found)) => found.add(event),
            }
        }
        match found {
            Some(found) if found.header.schema != SCHEMA => Err(LogError::Schema {
                path,
                found: found.header.schema,
            }),
            Some(found) => Ok(Self { torn, ..found }),
            None => Err(torn.unwrap_or(LogError::NoHeader { path })),
        }
    }

    /// The log, if its run came to its end.
    fn whole(self, path: &Path) -> Result<Log, LogError> {
        if let Some(torn) = self.torn {
            return Err(torn);
        }
        let footer = self.footer.ok_or_else(|| match self.interruption {
            Some(Interruption { by, .. }) => LogError::Interrupted {
                path: path.to_owned(),
                by,
            },
            None => LogError::NoFooter {
                path: path.to_owned(),
            },
        })?;
        Ok(Log {
            header: self.header,
            cases: self.cases,
            sabotage: self.sabotage,
            footer,
        })
    }

    fn begun(header: Header) -> Self {
        Self {
            header,
            cases: Vec::new(),
            sabotage: Vec::new(),
            running: Running::default(),
            footer: None,
            interruption: None,
            torn: None,
        }
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Header(_) => {}
            Event::Begin(one) => self.running.begin(one),
            Event::Case(case) => {
                self.running.case(&case);
                self.cases.push(case);
            }
            Event::Sabotage(one) => {
                self.running.sabotage(&one);
                self.sabotage.push(one);
            }
            Event::Footer(footer) => self.footer = Some(footer),
            Event::Interrupted(one) => self.interruption = Some(one),
        }
    }

    /// It has come to its last line.
    fn ended(&self) -> bool {
        self.footer.is_some() || self.interruption.is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{case, read, sample};
    use super::super::{Outcome, write_event};
    use super::*;
    use crate::event::Level;

    /// The lines of a run that has come to the end of `ended` cases and was at `a/b/running`.
    fn killed(events: usize) -> String {
        let mut text = Vec::new();
        write_event(&Event::Header(sample().header), &mut text).unwrap();
        for (name, events) in [("a/b/ended", 1), ("a/b/running", events)] {
            let begin = BeginEvent {
                runtime: "good".into(),
                case: name.into(),
                covers: vec!["config.hostname.set".into()],
                level: Level::Must,
                events,
            };
            write_event(&Event::Begin(begin), &mut text).unwrap();
        }
        let line = case("good", "a/b/ended", "config.hostname.set", "MUST", "pass");
        format!("{}{line}\n", String::from_utf8(text).unwrap())
    }

    fn recovered(text: &str) -> Result<Log, LogError> {
        Log::recovered(Path::new("x.jsonl"), text.as_bytes(), "killed")
    }

    #[test]
    fn of_a_killed_run_the_case_that_ran_is_broken() {
        let log = recovered(&killed(1)).unwrap();
        let ends: Vec<_> = log
            .cases
            .iter()
            .map(|case| (case.case.as_str(), case.status))
            .collect();
        assert_eq!(
            ends,
            [("a/b/ended", Status::Pass), ("a/b/running", Status::Broken)]
        );
        let reason = log.cases[1].reason.as_deref();
        assert_eq!(
            reason,
            Some("the run was cut off while this case ran: killed")
        );
        assert_eq!(log.footer.runtimes["good"].broken, 1);
        assert_eq!(log.outcome(false), Outcome::Broken);
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_only_of_a_killed_run() {
        let torn = format!("{}{{\"event\":\"ca", killed(1));
        assert_eq!(recovered(&torn).unwrap(), recovered(&killed(1)).unwrap());
        assert!(matches!(read(&torn), Err(LogError::Line { line: 5, .. })));
        let more = format!("{torn}\n{{}}\n");
        assert!(matches!(
            recovered(&more),
            Err(LogError::Line { line: 5, .. })
        ));
    }

    #[test]
    fn a_case_of_selftest_runs_until_its_last_saboteur() {
        let kill = json!({"event":"sabotage","case":"a/b/running","saboteur":"drop /hostname",
            "requirement":"config.hostname.set","status":"killed","honest":null,"sabotaged":null,
            "reason":null,"machine":"v1"});
        let one = format!("{}{kill}\n", killed(2));
        assert_eq!(recovered(&one).unwrap().footer.runtimes["good"].broken, 1);
        let both = format!("{one}{kill}\n");
        assert_eq!(recovered(&both).unwrap().footer.runtimes["good"].broken, 0);
        assert_eq!(recovered(&both).unwrap().sabotage.len(), 2);
    }

    #[test]
    fn of_a_run_that_a_signal_ended_the_case_that_ran_is_broken_only_where_that_is_said() {
        let ended = json!({"event":"interrupted","by":"SIGTERM","missing":2,
            "running":[{"runtime":"good","case":"a/b/running"}],
            "runtimes":{"good":{"pass":1,"fail":0,"broken":0,"skip":0,"known":0,"xpass":0}},
            "seconds":2.5});
        let text = format!("{}{ended}\n", killed(1));
        let error = read(&text).unwrap_err();
        assert!(
            matches!(&error, LogError::Interrupted { by, .. } if by == "SIGTERM"),
            "{error}"
        );
        let (early, killed) = (recovered(&text).unwrap(), recovered(&killed(1)).unwrap());
        assert_eq!(early.cases, killed.cases);
        assert_eq!((early.footer.seconds, killed.footer.seconds), (2.5, 0.0));
        let more = format!("{text}{ended}\n");
        for error in [read(&more).unwrap_err(), recovered(&more).unwrap_err()] {
            assert!(
                matches!(error, LogError::AfterFooter { line: 6, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn a_whole_log_needs_no_recovery() {
        let mut text = Vec::new();
        for event in sample().events() {
            write_event(&event, &mut text).unwrap();
        }
        let text = String::from_utf8(text).unwrap();
        assert_eq!(recovered(&text).unwrap(), sample());
    }

    #[test]
    fn what_is_no_log_is_refused_with_its_line() {
        assert!(matches!(read(""), Err(LogError::NoHeader { .. })));
        assert!(matches!(
            read("\nhello\n"),
            Err(LogError::Line { line: 2, .. })
        ));
        let footer = r#"{"event":"footer","runtimes":{},"seconds":0}"#;
        assert!(matches!(read(footer), Err(LogError::NoHeader { .. })));
    }
}
