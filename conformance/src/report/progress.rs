//! A line of progress on a terminal while the cases run.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::event::{CaseEvent, Counts, SabotageEvent, SabotageStatus, Status};

/// How often the line is redrawn at most.
const REDRAW: Duration = Duration::from_millis(50);
/// The width kept for the line: a terminal of ordinary width, so that it never wraps.
const WIDTH: usize = 78;

/// The line, which is only drawn where standard error is a terminal.
pub struct Progress {
    total: usize,
    counts: Counts,
    drawn: Option<Instant>,
    live: bool,
}

impl Progress {
    /// A line for `total` verdicts.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            counts: Counts::default(),
            drawn: None,
            live: io::stderr().is_terminal(),
        }
    }

    /// Counts a verdict and redraws the line.
    pub fn case(&mut self, case: &CaseEvent) {
        self.counts.add(case.status);
        self.draw(&case.case);
    }

    /// Counts a saboteur and redraws the line: a kill is what is hoped for.
    pub fn sabotage(&mut self, one: &SabotageEvent) {
        self.counts.add(match one.status {
            SabotageStatus::Killed => Status::Pass,
            SabotageStatus::Survived => Status::Fail,
            SabotageStatus::Skip | SabotageStatus::Equivalent => Status::Skip,
        });
        self.draw(&one.case);
    }

    fn draw(&mut self, case: &str) {
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        if self.live && due {
            self.drawn = Some(Instant::now());
            draw(&self.line(case));
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.drawn.is_some() {
            draw("");
        }
    }

    /// The text of the line.
    fn line(&self, case: &str) -> String {
        let Counts {
            pass,
            fail,
            broken,
            skip,
            known,
            xpass,
        } = self.counts;
        let done = pass + fail + broken + skip + known + xpass;
        let bad = fail + broken + xpass;
        let text = format!(
            "{done}/{} {pass} passed, {bad} failed, {skip} skipped  {case}",
            self.total
        );
        text.chars().take(WIDTH).collect()
    }
}

/// Redraws the line in place. Progress is a courtesy: a closed terminal must not end the run.
fn draw(line: &str) {
    let mut out = io::stderr().lock();
    let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_and_never_wraps() {
        let log = crate::log::tests::sample();
        let mut progress = Progress::new(8);
        progress.live = false;
        log.cases.iter().for_each(|case| progress.case(case));
        let line = progress.line(&"x".repeat(200));
        assert!(
            line.starts_with("8/8 3 passed, 3 failed, 1 skipped  x"),
            "{line}"
        );
        assert_eq!(line.len(), WIDTH);
    }
}
