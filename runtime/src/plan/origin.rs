//! The place in config.json, or on the command line, that asked for a step.

use std::borrow::Cow;
use std::fmt;

/// A JSON pointer into config.json, or the flag of the command line that asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin(Cow<'static, str>);

impl Origin {
    /// A fixed place, such as `/linux/maskedPaths`.
    #[must_use]
    pub const fn at(pointer: &'static str) -> Self {
        Self(Cow::Borrowed(pointer))
    }

    /// A place in an array or object, such as `/mounts/2`.
    #[must_use]
    pub fn item(parent: &str, key: impl fmt::Display) -> Self {
        Self(Cow::Owned(format!("{parent}/{key}")))
    }

    /// A place below this one.
    #[must_use]
    pub fn child(&self, key: impl fmt::Display) -> Self {
        Self::item(&self.0, key)
    }

    /// The pointer itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Origin {
    fn from(pointer: String) -> Self {
        Self(Cow::Owned(pointer))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with("--") {
            f.write_str(&self.0)
        } else {
            write!(f, "config.json {}", self.0)
        }
    }
}
