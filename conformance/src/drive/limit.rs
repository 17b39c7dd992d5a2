//! How long things may take before they are given up, all of it in one place: only [`Limits`] makes a
//! [`Limit`], and only of a limit a deadline is made, so that `--timeout-factor` stretches each.

use std::time::Duration;

/// A span of time after which something is given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Limit(Duration);

impl Limit {
    /// So many seconds, stretched.
    fn seconds(seconds: f64, factor: f64) -> Self {
        Self(Duration::from_secs_f64(seconds * factor))
    }

    /// How long it is.
    pub fn span(self) -> Duration {
        self.0
    }

    /// How many milliseconds it has, as the probe is told.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How long a run waits before it gives up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// For one call of the runtime.
    pub call: Limit,
    /// For something that a payload or the kernel is to do.
    pub event: Limit,
    /// For a signal that was sent to arrive.
    pub signal: Limit,
    /// For a killed process to be gone.
    pub gone: Limit,
    /// For a program to begin before it is looked whether it was started at all.
    pub look: Limit,
}

impl Limits {
    /// How many seconds a call of the runtime may take, unless somebody says otherwise.
    const CALL: f64 = 20.0;

    /// All of them, stretched by a factor.
    pub fn stretched(factor: f64) -> Self {
        Self::with_call(Self::CALL, factor)
    }

    /// With another limit for calls of the runtime, in seconds, and all of them stretched by a factor.
    pub fn with_call(call: f64, factor: f64) -> Self {
        let seconds = |seconds| Limit::seconds(seconds, factor);
        Self {
            call: seconds(call),
            event: seconds(10.0),
            signal: seconds(2.0),
            gone: seconds(5.0),
            look: seconds(0.3),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::stretched(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_stretches_every_limit() {
        // A further limit does not compile here until it is compared as well.
        let each = |factor| {
            let Limits {
                call,
                event,
                signal,
                gone,
                look,
            } = Limits::with_call(4.0, factor);
            [call, event, signal, gone, look].map(Limit::span)
        };
        let plain = each(1.0);
        assert_eq!(each(0.5), plain.map(|limit| limit / 2));
        assert_eq!(each(8.0), plain.map(|limit| limit * 8));
        assert_eq!(Limits::stretched(1.0), Limits::default());
    }
}
