//! What the stop-watch says of one command.

use serde::Deserialize;

/// One measured command; see `floor measure`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Measured {
    /// CLOCK_MONOTONIC before the fork.
    pub(super) begin_ns: u64,
    /// CLOCK_MONOTONIC when its end was seen.
    pub(super) end_ns: u64,
    pub(super) timed_out: bool,
    /// wait4(2)'s raw status.
    pub(super) status: i32,
    user_us: u64,
    system_us: u64,
    pub(super) max_rss_kib: u64,
    voluntary_switches: u64,
    involuntary_switches: u64,
    /// What it wrote, and its container, if that ended as well.
    #[serde(skip)]
    pub(super) output: String,
}

impl Measured {
    /// Whether it exited with 0 in time.
    pub(super) fn succeeded(&self) -> bool {
        self.status == 0 && !self.timed_out
    }

    /// From start to end, as a reading with all that it used.
    pub(super) fn whole(&self) -> Reading {
        Reading {
            ms: milliseconds(self.begin_ns, self.end_ns),
            user_ms: Some(self.user_us as f64 / 1e3),
            system_ms: Some(self.system_us as f64 / 1e3),
            switches: Some(self.voluntary_switches + self.involuntary_switches),
            max_rss_kib: Some(self.max_rss_kib),
        }
    }

    /// The clock that the payload stamped, if it came that far.
    pub(super) fn stamp(&self) -> Option<u64> {
        self.output
            .lines()
            .rev()
            .find_map(|line| line.trim().parse().ok())
    }
}

/// One sample of a phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    pub(super) ms: f64,
    pub(super) user_ms: Option<f64>,
    pub(super) system_ms: Option<f64>,
    pub(super) switches: Option<u64>,
    pub(super) max_rss_kib: Option<u64>,
}

impl Reading {
    /// A span between two readings of the clock, of which no use of resources is known.
    pub(super) fn span(from_ns: u64, to_ns: u64) -> Self {
        Self {
            ms: milliseconds(from_ns, to_ns),
            user_ms: None,
            system_ms: None,
            switches: None,
            max_rss_kib: None,
        }
    }
}

fn milliseconds(from_ns: u64, to_ns: u64) -> f64 {
    (to_ns as f64 - from_ns as f64) / 1e6
}
