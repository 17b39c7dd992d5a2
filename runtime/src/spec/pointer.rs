//! JSON pointers (RFC 6901), and what is wrong at one.

use std::fmt;

use super::error::SpecError;

/// A value that is refused, before it is known which file it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it stands.
    pub(crate) pointer: String,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

impl Problem {
    /// A problem at a pointer.
    pub(super) fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// The error for a file.
    pub(super) fn in_file(self, file: &str) -> SpecError {
        SpecError::Invalid {
            file: file.to_owned(),
            pointer: self.pointer,
            message: self.message,
        }
    }
}

/// `pointer/key`, with the key escaped.
pub(super) fn child(pointer: &str, key: impl fmt::Display) -> String {
    let mut text = pointer.to_owned();
    push(&mut text, key);
    text
}

/// Appends an escaped key.
pub(super) fn push(pointer: &mut String, key: impl fmt::Display) {
    pointer.push('/');
    let key = key.to_string();
    if key.contains(['~', '/']) {
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped() {
        assert_eq!(
            child("/linux/sysctl", "net/ipv4~x"),
            "/linux/sysctl/net~1ipv4~0x"
        );
        assert_eq!(child("", 3), "/3");
    }
}
