//! Which ids are valid.

use super::error::StateError;

/// Longest id: it becomes the name of a folder (NAME_MAX, limits.h).
const MAX: usize = 255;

/// Checks an id by runc's rule: letters, digits, `_`, `+`, `-` and `.`, but neither `.` nor `..`.
pub(super) fn check(id: &str) -> Result<(), StateError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    let valid =
        !id.is_empty() && id.len() <= MAX && id != "." && id != ".." && id.bytes().all(allowed);
    if valid {
        Ok(())
    } else {
        Err(StateError::InvalidId(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_leave_the_root_are_refused() {
        for good in ["a", "A-b_c.d+e", "0", "...", "-x", &"x".repeat(255)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "a b",
            "ä",
            "a\0",
            "a\n",
            &"x".repeat(256),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
