//! A line of progress on a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often the line is redrawn at most.
const REDRAW: Duration = Duration::from_millis(100);

/// The line, drawn only where standard error is a terminal.
pub(super) struct Progress {
    live: bool,
    drawn: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            live: stderr().is_terminal(),
            drawn: None,
        }
    }

    /// Says what is being measured: `part`, its round, and who.
    pub(super) fn show(&mut self, part: &str, round: usize, rounds: usize, who: &str) {
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        if self.live && due {
            self.drawn = Some(Instant::now());
            // Progress is a courtesy: nothing depends on it.
            let _ = write!(
                stderr(),
                "\r\x1b[K{part}: round {}/{rounds}  {who}",
                round + 1
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            // As above.
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
