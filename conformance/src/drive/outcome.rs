//! What came of one call of a runtime.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::exit::Exit;

/// What came of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The whole argument vector, the runtime's path first.
    pub argv: Vec<String>,
    /// How the process ended.
    pub exit: Exit,
    /// What it wrote to standard output, where that was kept.
    pub stdout: String,
    /// What it wrote to standard error, where that was kept.
    pub stderr: String,
    /// How long it ran.
    pub elapsed: Duration,
    /// It was killed at its time limit.
    pub timed_out: bool,
}

impl Outcome {
    /// The call ended by itself with exit status 0.
    pub fn ok(&self) -> bool {
        !self.timed_out && self.exit == Exit::Code(0)
    }

    /// The call ended by itself with another exit status: it was refused. A death by signal is
    /// neither success nor refusal.
    pub fn refused(&self) -> bool {
        !self.timed_out && matches!(self.exit, Exit::Code(code) if code != 0)
    }

    /// Standard output as JSON, if that is what it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }

    /// What a failure shows of the call.
    pub fn describe(&self) -> Value {
        let ended = if self.timed_out {
            format!("killed after {:.1} s", self.elapsed.as_secs_f64())
        } else {
            self.exit.to_string()
        };
        json!({ "command": self.argv.join(" "), "ended": ended, "stderr": tail(&self.stderr) })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.argv.join(" "), self.exit)
    }
}

/// The end of a text, which is where a program says why it gave up.
fn tail(text: &str) -> &str {
    const SHOWN: usize = 600;
    let text = text.trim_end();
    let mut from = text.len().saturating_sub(SHOWN);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn the_tail_starts_at_a_character() {
        let text = "é".repeat(400);
        assert_eq!(tail(&text).chars().count(), 300);
        assert_eq!(tail("short\n"), "short");
    }
}
