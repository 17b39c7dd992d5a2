//! One sample of a phase, or why there is none.

use super::document::Phase;
use super::measured::{Measured, Reading};

/// One sample, or why there is none.
pub(super) type Sample = Result<Reading, Miss>;

/// What one block of commands gave.
pub(super) type Samples = Vec<(Phase, Sample)>;

/// A command that gave no sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Miss {
    pub(super) timed_out: bool,
    pub(super) why: String,
}

impl Miss {
    fn of(command: &str, measured: &Measured) -> Self {
        let text = measured.output.trim();
        let why = match (measured.timed_out, text.is_empty()) {
            (true, _) => format!("{command}: killed at the time limit"),
            (false, true) => format!("{command}: wait status {:#x}", measured.status),
            (false, false) => format!("{command}: {}", text.lines().last().unwrap_or_default()),
        };
        Self {
            timed_out: measured.timed_out,
            why,
        }
    }
}

/// A whole command as a sample.
pub(super) fn whole(command: &str, measured: &Measured) -> Sample {
    if measured.succeeded() {
        Ok(measured.whole())
    } else {
        Err(Miss::of(command, measured))
    }
}

/// What the payload stamped during a command that succeeded.
pub(super) fn stamped(command: &str, measured: &Measured) -> Result<u64, Miss> {
    whole(command, measured)?;
    measured.stamp().ok_or_else(|| no_stamp(command))
}

/// A payload that did not come to its first instructions.
pub(super) fn no_stamp(command: &str) -> Miss {
    Miss {
        timed_out: false,
        why: format!("{command}: the payload left no stamp"),
    }
}
