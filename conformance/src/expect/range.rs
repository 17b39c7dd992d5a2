//! Ranges of versions, `>=1.1, <1.3`.

use std::fmt;

use serde::Deserialize;

/// A range of versions: every bound must hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Range {
    text: String,
    bounds: Vec<(Bound, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
    Exactly,
}

/// The numbers of a version; missing ones are 0.
type Version = [u64; 3];

/// The bounds by their signs; a sign before those that it begins with.
const SIGNS: [(&str, Bound); 5] = [
    (">=", Bound::AtLeast),
    ("<=", Bound::AtMost),
    (">", Bound::Above),
    ("<", Bound::Below),
    ("=", Bound::Exactly),
];

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bounds = text
            .split(',')
            .map(|bound| parse_bound(bound.trim()))
            .collect::<Option<_>>();
        match bounds {
            Some(bounds) => Ok(Self { text, bounds }),
            None => Err(format!(
                "{text:?} is no range of versions such as \">=1.1, <1.3\""
            )),
        }
    }
}

fn parse_bound(text: &str) -> Option<(Bound, Version)> {
    SIGNS
        .iter()
        .find_map(|(sign, bound)| Some((*bound, version(text.strip_prefix(sign)?.trim())?)))
}

/// The leading numbers of a version: what follows them (`-rc.1`, `+ds1`) names a build of it.
pub(super) fn number(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

fn version(text: &str) -> Option<Version> {
    let mut version = [0; 3];
    let mut parts = number(text).split('.');
    for (at, part) in version.iter_mut().enumerate() {
        match parts.next() {
            Some(part_text) => *part = part_text.parse().ok()?,
            None if at > 0 => break,
            None => return None,
        }
    }
    Some(version)
}

impl Range {
    /// Whether a version lies in the range; what is no version lies in none.
    pub fn has(&self, text: &str) -> bool {
        let Some(found) = version(text) else {
            return false;
        };
        self.bounds.iter().all(|(bound, limit)| match bound {
            Bound::AtLeast => found >= *limit,
            Bound::AtMost => found <= *limit,
            Bound::Above => found > *limit,
            Bound::Below => found < *limit,
            Bound::Exactly => found == *limit,
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(range: &str, version: &str) -> bool {
        Range::try_from(range.to_owned()).unwrap().has(version)
    }

    #[test]
    fn every_bound_must_hold() {
        assert!(has(">=1.1, <1.3", "1.1.5+ds1-1+deb12u1"));
        assert!(has(">=1.1, <1.3", "1.2.99-rc.1"));
        assert!(!has(">=1.1, <1.3", "1.3.0"));
        assert!(has("=1.8.1", "1.8.1") && !has("=1.8.1", "1.8.2"));
        assert!(has(">1.8, <=2", "2.0.0") && !has(">1.8", "1.8.0"));
        assert!(!has(">=0", "release-2023"));
    }

    #[test]
    fn wildcards_and_nonsense_are_no_ranges() {
        for bad in ["*", "", "1.2", ">=", ">=1.*x, ", "~1"] {
            assert!(Range::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
