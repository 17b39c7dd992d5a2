//! Why a configuration cannot be planned.

use super::Origin;

/// A configuration that this runtime on this machine cannot apply.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The value contradicts the specification or another value.
    #[error("{what}: {why} ({origin})")]
    Invalid {
        /// The value.
        what: String,
        /// What is wrong with it.
        why: String,
        /// Where it stands.
        origin: Origin,
    },
    /// The value is valid, but this machine or this runtime cannot do it.
    #[error("{what} is not supported: {why} ({origin})")]
    Unsupported {
        /// The value.
        what: String,
        /// What is missing.
        why: String,
        /// Where it stands.
        origin: Origin,
    },
}

impl PlanError {
    /// An invalid value.
    pub fn invalid(origin: Origin, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid {
            what: what.into(),
            why: why.into(),
            origin,
        }
    }

    /// A value that cannot be applied here.
    pub fn unsupported(origin: Origin, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unsupported {
            what: what.into(),
            why: why.into(),
            origin,
        }
    }
}
