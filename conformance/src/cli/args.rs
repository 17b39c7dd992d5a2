//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;

use crate::drive::Limits;
use crate::engine::Options;
use crate::event::Level;
use crate::select::{PROFILES, Profile, Selection, Shard};

/// Which cases.
#[derive(Debug, Clone, Args)]
pub(super) struct Choosing {
    /// Case names (whole, part, or a glob), requirement ids, or sections such as config.md#mounts
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// A part of the specification
    #[arg(long, default_value = "all", value_parser = profile_parser())]
    profile: Profile,
    /// The weakest level of interest
    #[arg(long, default_value = "may", value_parser = level_parser())]
    level: Level,
    /// One part of N of the cases
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

fn profile_parser() -> impl clap::builder::TypedValueParser<Value = Profile> {
    let values =
        PROFILES.map(|(name, _, about)| clap::builder::PossibleValue::new(name).help(about));
    PossibleValuesParser::new(values).map(|chosen| {
        PROFILES
            .iter()
            .find(|(name, ..)| *name == chosen)
            .map_or(Profile::All, |(_, profile, _)| *profile)
    })
}

fn level_parser() -> impl clap::builder::TypedValueParser<Value = Level> {
    PossibleValuesParser::new(["must", "should", "may"]).map(|chosen| {
        Level::ALL
            .into_iter()
            .find(|level| level.word().eq_ignore_ascii_case(&chosen))
            .unwrap_or(Level::May)
    })
}

impl From<Selection> for Choosing {
    fn from(
        Selection {
            filters,
            profile,
            level,
            shard,
        }: Selection,
    ) -> Self {
        Self {
            filters,
            profile,
            level,
            shard,
        }
    }
}

impl Choosing {
    /// What is selected.
    pub(super) fn selection(&self) -> Selection {
        Selection {
            filters: self.filters.clone(),
            profile: self.profile,
            level: self.level,
            shard: self.shard,
        }
    }
}

/// Which runtime, and how it is called.
#[derive(Debug, Clone, Args)]
pub(super) struct Judging {
    /// A runtime to judge; repeat for several. Without it, the plimrun beside plimsoll
    #[arg(long = "runtime", value_name = "[NAME=]'PATH [ARG]...'")]
    pub(super) runtimes: Vec<String>,
    /// How many cases run at once (default: one a CPU)
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Seconds after which a call of the runtime is killed and its case fails
    #[arg(long, value_name = "S", value_parser = positive)]
    timeout: Option<f64>,
    /// Multiplies every time limit, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = positive)]
    timeout_factor: f64,
    /// Leaves bundle, calls and a script to repeat them, in a folder for each case
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
}

/// A number of seconds, or a factor, that a duration can be made of.
fn positive(text: &str) -> Result<f64, String> {
    /// More than a day is a typing error.
    const MOST: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= MOST => Ok(number),
        _ => Err(format!("{text:?} is no number above 0 and up to {MOST}")),
    }
}

impl Judging {
    /// The engine's options.
    pub(super) fn options(&self) -> Options {
        let mut options = Options {
            keep: self.keep.clone(),
            ..Options::default()
        };
        if let Some(jobs) = self.jobs {
            options.jobs = jobs.into();
        }
        options.limits = match self.timeout {
            Some(seconds) => Limits::with_call(seconds, self.timeout_factor),
            None => Limits::stretched(self.timeout_factor),
        };
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_positive_numbers() {
        assert_eq!(positive("1.5"), Ok(1.5));
        for bad in ["0", "-1", "NaN", "inf", "1e99", "x"] {
            assert!(positive(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_factor_stretches_every_limit() {
        let mut judging = Judging {
            runtimes: vec![],
            jobs: Some(3),
            timeout: Some(5.0),
            timeout_factor: 2.0,
            keep: None,
        };
        let options = judging.options();
        assert_eq!(options.jobs, 3);
        assert_eq!(options.limits, Limits::with_call(5.0, 2.0));
        judging.timeout = None;
        assert_eq!(judging.options().limits, Limits::stretched(2.0));
    }
}
