//! `events`

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{CommandError, Context, Matches, UsageError};
use crate::exec::cgroup::{self, OomWatch};
use crate::state::{StateError, Status, WrongState};

/// The time between two prints where none is given, as in runc.
const INTERVAL: Duration = Duration::from_secs(5);

/// How often is looked whether the container still runs.
const PULSE: Duration = Duration::from_millis(200);

/// Prints the container's use of resources, once with `--stats`, else at intervals and with a notice
/// each time the kernel runs out of the container's memory, until the container ends.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let id = matches.id();
    let interval = match matches.value("interval") {
        None => INTERVAL,
        Some(text) => parse(text)
            .filter(|interval| !interval.is_zero())
            .ok_or_else(|| UsageError::InvalidValue {
                flag: "interval".into(),
                value: text.into(),
                expected: "a positive time such as 500ms, 5s or 1m30s",
            })?,
    };
    let record = context.store.read(id)?;
    let alive = || match context.store.read(id).and_then(|record| record.status()) {
        Err(StateError::NotFound) => Ok(false),
        status => status.map(|status| status != Status::Stopped),
    };
    if record.status()? == Status::Stopped {
        return Err(WrongState::IdNotRunning(id.to_owned()).into());
    }
    let Some(groups) = &record.cgroup else {
        return Err(CommandError::NoCgroup { action: "events" });
    };
    let stats = || print(&json!({ "type": "stats", "id": id, "data": cgroup::stats(groups) }));
    if matches.switch("stats") {
        stats()?;
        return Ok(0);
    }
    let mut watch = OomWatch::new(groups)?;
    let mut last = None::<Instant>;
    while alive()? {
        if last.is_none_or(|last| last.elapsed() >= interval) {
            stats()?;
            last = Some(Instant::now());
        }
        match watch.wait(PULSE.min(interval)) {
            Some(true) => print(&json!({ "type": "oom", "id": id }))?,
            Some(false) => {}
            None => break,
        }
    }
    Ok(0)
}

/// A line of JSON, flushed: the reader waits for it.
fn print(event: &Value) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{event}").and_then(|()| out.flush());
    written.map_err(CommandError::io("write to standard output"))
}

/// A time as Go writes it: numbers with units, such as `1m30s`.
fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_writes_them() {
        assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("0.5s"), Some(Duration::from_millis(500)));
        assert_eq!(parse("20ms"), Some(Duration::from_millis(20)));
        for bad in ["", "5", "s", "5x", "-1s", "1s2"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
