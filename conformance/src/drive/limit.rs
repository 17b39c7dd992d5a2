//! How long things may take before they are given up, all of it in one place: only [`Limits`] makes a
//! [`Limit`], and only of a limit a deadline is made, so that `--timeout-factor` stretches each.

use std::time::Duration;

use super::interrupt::{Interrupt, Interrupted};

/// A span of time after which something is given up, or earlier where a signal asks for the end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limit {
    span: Duration,
    interrupt: Option<Interrupt>,
}

impl Limit {
    /// So many seconds, stretched.
    fn seconds(seconds: f64, factor: f64) -> Self {
        Self {
            span: Duration::from_secs_f64(seconds * factor),
            interrupt: None,
        }
    }

    fn ended_by(self, interrupt: Interrupt) -> Self {
        Self {
            interrupt: Some(interrupt),
            ..self
        }
    }

    /// The same, but not ended by a signal: for cleaning up.
    #[must_use]
    pub fn regardless(self) -> Self {
        Self {
            interrupt: None,
            ..self
        }
    }

    /// Fails once a signal has asked for the end.
    pub fn check(self) -> Result<(), Interrupted> {
        self.interrupt.map_or(Ok(()), Interrupt::check)
    }

    /// What ends it early.
    pub(super) fn interrupt(self) -> Option<Interrupt> {
        self.interrupt
    }

    /// How long it is.
    pub fn span(self) -> Duration {
        self.span
    }

    /// How many milliseconds it has, as the probe is told.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX)
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

    /// Ended by a signal as well, but for that within which a killed process is gone: cleaning up waits for it.
    #[must_use]
    pub fn ended_by(self, interrupt: Interrupt) -> Self {
        let ended = |limit: Limit| limit.ended_by(interrupt);
        Self {
            call: ended(self.call),
            event: ended(self.event),
            signal: ended(self.signal),
            gone: self.gone,
            look: ended(self.look),
        }
    }

    /// Fails once a signal has asked for the end.
    pub fn check(self) -> Result<(), Interrupted> {
        self.call.check()
    }

    /// For one call of the runtime that cleans up: a user who has asked for the end does not wait for long.
    pub fn cleaning(self) -> Limit {
        match self.check() {
            Ok(()) => self.call.regardless(),
            Err(_) => self.gone,
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

    #[test]
    fn a_signal_ends_all_but_cleaning_up() {
        let plain = Limits::default();
        assert_eq!((plain.check(), plain.cleaning()), (Ok(()), plain.call));
        let (interrupt, ask) = Interrupt::by_hand();
        let limits = plain.ended_by(interrupt);
        assert_eq!((limits.check(), limits.cleaning()), (Ok(()), plain.call));
        ask();
        let Limits {
            call,
            event,
            signal,
            gone,
            look,
        } = limits;
        for limit in [call, event, signal, look] {
            assert!(limit.check().is_err(), "{limit:?}");
        }
        assert_eq!((gone.check(), limits.cleaning()), (Ok(()), gone));
    }
}
