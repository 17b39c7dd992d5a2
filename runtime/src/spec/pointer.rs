//! JSON pointers (RFC 6901), and what is wrong at one.

use std::fmt;
use std::fmt::Write;

use super::error::SpecError;

/// A value that is refused, before it is known which file it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where it stands.
    pub(super) pointer: String,
    /// What is wrong, and what would be right.
    pub(super) message: String,
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

/// The pointer that serde_path_to_error found.
pub(super) fn from_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                write!(pointer, "/{index}").expect("a string takes what is written to it");
            }
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
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
