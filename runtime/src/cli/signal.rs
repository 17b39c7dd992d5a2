//! Signals by name and number.

use nix::libc::{SIGRTMAX, SIGRTMIN};
use nix::sys::signal::Signal;

use super::error::UsageError;

/// Names that are others' second names: signal(7).
const SYNONYMS: [(&str, Signal); 3] = [
    ("IOT", Signal::SIGABRT),
    ("CLD", Signal::SIGCHLD),
    ("POLL", Signal::SIGIO),
];

/// The number of a signal given as `15`, `TERM`, `SIGTERM` or `RTMIN+2`; names in any case.
pub(super) fn parse(text: &str) -> Result<i32, UsageError> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    number(name)
        .or_else(|| named(name))
        .or_else(|| real_time(name))
        .ok_or_else(|| UsageError::UnknownSignal(text.to_owned()))
}

fn number(text: &str) -> Option<i32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok())??;
    (0..=SIGRTMAX()).contains(&number).then_some(number)
}

fn named(name: &str) -> Option<i32> {
    let known = format!("SIG{name}").parse::<Signal>().ok();
    let synonym = || {
        SYNONYMS
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, signal)| *signal)
    };
    known.or_else(synonym).map(|signal| signal as i32)
}

fn real_time(name: &str) -> Option<i32> {
    let (base, offset) = if let Some(rest) = name.strip_prefix("RTMIN") {
        (
            SIGRTMIN(),
            if rest.is_empty() {
                0
            } else {
                number(rest.strip_prefix('+')?)?
            },
        )
    } else {
        let rest = name.strip_prefix("RTMAX")?;
        (
            SIGRTMAX(),
            if rest.is_empty() {
                0
            } else {
                -number(rest.strip_prefix('-')?)?
            },
        )
    };
    let signal = base + offset;
    (SIGRTMIN()..=SIGRTMAX())
        .contains(&signal)
        .then_some(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_in_any_case() {
        for (text, signal) in [
            ("9", 9),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigkill", 9),
            ("term", 15),
            ("SIGIOT", 6),
            ("0", 0),
            ("64", 64),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
            ("CLD", 17),
        ] {
            assert_eq!(parse(text), Ok(signal), "{text}");
        }
        for bad in [
            "", "SIG", "65", "-9", "+9", "SIGFOO", "RTMIN-1", "RTMIN+31", "RTMAX+1", "9 ",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
