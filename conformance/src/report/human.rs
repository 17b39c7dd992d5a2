//! For people at a terminal: each failure with its evidence, the matrix, the counts by level.

use std::io::{self, Write};

use serde_json::Value;
use similar::TextDiff;

use super::matrix::{Matrix, columns, counts};
use super::{Context, plain};
use crate::catalogue::catalogue;
use crate::event::{CaseEvent, Interruption, Level, SabotageStatus, Status};
use crate::log::{Log, decides};

/// The spaces between the columns of the matrix.
const GAP: usize = 2;
/// How many characters of a value the self-test shows.
const BRIEF: usize = 100;
/// From how many lines on a diff says more than both texts.
const DIFF_LINES: usize = 4;

pub(super) fn write(log: &Log, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    for case in &log.cases {
        if matches!(case.status, Status::Fail | Status::Broken | Status::Xpass) {
            failure(case, context, out)?;
        }
    }
    if log.header.runtimes.len() > 1 {
        matrix(log, context, out)?;
    }
    for (runtime, case) in log.unsteady() {
        writeln!(
            out,
            "UNSTEADY {case} on {runtime}: the repetitions do not agree"
        )?;
    }
    skips(log, out)?;
    if !log.sabotage.is_empty() {
        sabotage(log, out)?;
    }
    totals(log, context, out)?;
    match &context.interruption {
        Some(how) => ended_early(how, log, out),
        None => Ok(()),
    }
}

/// What a signal left without a verdict.
fn ended_early(how: &Interruption, log: &Log, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    for one in &how.running {
        writeln!(out, "INTERRUPTED {} on {}", one.case, one.runtime)?;
    }
    let there = log.cases.len() + log.sabotage.len();
    writeln!(
        out,
        "ended early by {}: {} of {} verdicts are missing",
        how.by,
        how.missing,
        there + how.missing
    )
}

/// One case that did not do what it should, with all that a reader needs to repeat it.
fn failure(case: &CaseEvent, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let verdict = paint(case.status, &case.status.word().to_uppercase(), context);
    let advisory = if case.status == Status::Fail && !decides(case.level, context.strict) {
        " (advisory)"
    } else {
        ""
    };
    writeln!(out, "{verdict} {} on {}{advisory}", case.case, case.runtime)?;
    for requirement in case.judged().iter().filter_map(|id| catalogue().get(id)) {
        writeln!(
            out,
            "  {} {}: {}",
            requirement.asks(),
            requirement.id,
            requirement.statement
        )?;
        writeln!(out, "  {}", requirement.link())?;
    }
    if let Some(reason) = &case.reason {
        writeln!(out, "  {reason}")?;
    }
    if !(case.expected.is_null() && case.observed.is_null()) {
        evidence(&plain(&case.expected), &plain(&case.observed), out)?;
    }
    if let Some(command) = context.repeat.command(&case.runtime, &case.case) {
        writeln!(out, "  repeat: {command}")?;
    }
    writeln!(out)
}

/// Expected beside observed; as a diff where both are long.
fn evidence(expected: &str, observed: &str, out: &mut dyn Write) -> io::Result<()> {
    if expected.lines().count().min(observed.lines().count()) < DIFF_LINES {
        for (name, text) in [("expected", expected), ("observed", observed)] {
            writeln!(out, "  {name}: {}", text.replace('\n', "\n            "))?;
        }
        return Ok(());
    }
    writeln!(out, "  - expected, + observed")?;
    let diff = TextDiff::from_lines(expected, observed);
    for line in diff.unified_diff().context_radius(2).to_string().lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// The rows on which the runtimes differ from a pass.
fn matrix(log: &Log, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let matrix = Matrix::of(log);
    let case_width = matrix
        .notable()
        .map(|(case, _)| case.len())
        .max()
        .unwrap_or(0);
    if case_width == 0 {
        return Ok(());
    }
    let width = |name: &str| name.len().max("broken".len());
    let mut head = " ".repeat(case_width);
    for name in &matrix.runtimes {
        head += &" ".repeat(GAP);
        head += &pad(name, width(name));
    }
    writeln!(out, "{}", head.trim_end())?;
    for (case, row) in matrix.notable() {
        let mut line = pad(case, case_width);
        for (name, cell) in matrix.runtimes.iter().zip(row) {
            let text = cell.map_or("-", |cell| cell.status.word());
            line += &" ".repeat(GAP);
            // Colour takes no room, so that the padding is counted without it.
            line += &cell.map_or(text.to_owned(), |cell| paint(cell.status, text, context));
            line += &" ".repeat(width(name).saturating_sub(text.len()));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)
}

/// A word with the spaces that its column needs.
fn pad(word: &str, width: usize) -> String {
    format!("{word:width$}")
}

/// The reasons for skips, each with how many cases it stands for.
fn skips(log: &Log, out: &mut dyn Write) -> io::Result<()> {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for case in log.cases.iter().filter(|case| case.status == Status::Skip) {
        let reason = case.reason.as_deref().unwrap_or("no reason given");
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, n)) => *n += 1,
            None => reasons.push((reason, 1)),
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    writeln!(out, "skipped:")?;
    reasons
        .iter()
        .try_for_each(|(reason, n)| writeln!(out, "  {n:4} {reason}"))?;
    writeln!(out)
}

fn sabotage(log: &Log, out: &mut dyn Write) -> io::Result<()> {
    let mut counts = [0_usize; 4];
    for one in &log.sabotage {
        let (at, name) = match one.status {
            SabotageStatus::Killed => (0, "killed"),
            SabotageStatus::Survived => (1, "SURVIVED"),
            SabotageStatus::Equivalent => (2, "equivalent"),
            SabotageStatus::Skip => (3, "skipped"),
        };
        counts[at] += 1;
        writeln!(
            out,
            "{name:10} {}  [{}]  {}",
            one.case, one.saboteur, one.requirement
        )?;
        match (&one.reason, one.status) {
            (_, SabotageStatus::Killed) => {
                writeln!(out, "           honest: {}", brief(&one.honest))?;
                writeln!(out, "           sabotaged: {}", brief(&one.sabotaged))?;
            }
            (Some(reason), _) => writeln!(out, "           {reason}")?,
            (None, _) => {}
        }
    }
    let [killed, survived, equivalent, skipped] = counts;
    writeln!(
        out,
        "\n{} saboteurs: {killed} killed, {survived} survived; {equivalent} equivalent, {skipped} skipped\n",
        killed + survived
    )
}

/// An observation of the self-test in one line.
fn brief(seen: &Value) -> String {
    let status = seen["status"].as_str().unwrap_or("not run");
    if seen["what"].is_null() {
        return status.to_owned();
    }
    let part = |name: &str| {
        let text = seen[name].to_string();
        let short: String = text.chars().take(BRIEF).collect();
        if short.len() < text.len() {
            format!("{short}…")
        } else {
            short
        }
    };
    let what = seen["what"].as_str().unwrap_or_default();
    format!(
        "{status}, {what}: expected {}, observed {}",
        part("expected"),
        part("observed")
    )
}

/// Counts by runtime and level, then the whole.
fn totals(log: &Log, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let known = log.header.runtimes.iter().map(|runtime| runtime.name.len());
    let width = known.max().unwrap_or(0);
    for runtime in log.runtimes() {
        for level in Level::ALL {
            let name = level.word();
            let counts = counts(log, runtime, level);
            let parts: Vec<_> = columns(&counts)
                .into_iter()
                .filter(|(_, n)| *n > 0)
                .map(|(what, n)| format!("{n} {what}"))
                .collect();
            if !parts.is_empty() {
                let decides = if decides(level, context.strict) {
                    ""
                } else {
                    " (advisory)"
                };
                writeln!(
                    out,
                    "{runtime:width$}  {name:6}  {}{decides}",
                    parts.join(", ")
                )?;
            }
        }
    }
    if log.sabotage.is_empty() || !log.cases.is_empty() {
        let verdicts = if log.cases.len() == 1 {
            "verdict"
        } else {
            "verdicts"
        };
        writeln!(
            out,
            "{} {verdicts} in {:.1} s",
            log.cases.len(),
            log.footer.seconds
        )?;
    }
    Ok(())
}

/// Colours a verdict where the output shows colours.
fn paint(status: Status, text: &str, context: &Context) -> String {
    let colour = match status {
        Status::Pass => 32,
        Status::Fail | Status::Xpass => 31,
        Status::Broken => 35,
        Status::Skip | Status::Known => 33,
    };
    if context.colour {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn a_failure_shows_sentence_link_and_evidence() {
        let text = render(write);
        assert!(
            text.contains(
                "FAIL config/hostname/seen_inside on bad\n  IMPLIED (as MUST) config.hostname.set: "
            ),
            "{text}"
        );
        assert!(
            text.contains("runtime-spec/blob/v1.3.0/config.md#hostname"),
            "{text}"
        );
        assert!(
            text.contains("  expected: conf-7\n  observed: localhost\n"),
            "{text}"
        );
        assert!(text.contains("XPASS cli/kill/default on bad"), "{text}");
    }

    #[test]
    fn a_pass_is_not_listed_and_the_matrix_has_a_column_a_runtime() {
        let text = render(write);
        assert!(!text.contains("PASS config"), "{text}");
        assert!(
            text.contains("config/hostname/seen_inside  pass    fail"),
            "{text}"
        );
        assert!(
            text.contains("bad   MUST    1 fail, 1 known, 1 xpass\n"),
            "{text}"
        );
        assert!(text.contains("   1 skip & why"), "{text}");
    }

    #[test]
    fn what_a_signal_left_without_a_verdict_is_said_last() {
        let log = crate::log::tests::sample();
        let running = crate::event::Unfinished {
            runtime: "bad".into(),
            case: "a/b/c".into(),
        };
        let context = Context {
            interruption: Some(Interruption {
                by: "SIGINT".into(),
                running: vec![running],
                missing: 4,
                before: log.footer.clone(),
            }),
            ..Context::default()
        };
        let mut out = Vec::new();
        write(&log, &context, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let end = "8 verdicts in 2.5 s\n\nINTERRUPTED a/b/c on bad\n\
            ended early by SIGINT: 4 of 12 verdicts are missing\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn an_observation_of_the_self_test_is_one_line() {
        let seen = serde_json::json!({"status": "fail", "what": "hostname", "expected": "a",
            "observed": "b".repeat(200)});
        let text = brief(&seen);
        assert!(
            text.starts_with("fail, hostname: expected \"a\", observed \"bbb"),
            "{text}"
        );
        assert!(text.ends_with("b…"), "{text}");
        assert_eq!(brief(&Value::Null), "not run");
        assert_eq!(brief(&serde_json::json!({"status": "pass"})), "pass");
    }

    #[test]
    fn long_evidence_is_a_diff() {
        let mut out = Vec::new();
        evidence("a\nb\nc\nd\n", "a\nb\nx\nd\n", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("  -c\n  +x\n"), "{text}");
    }
}
