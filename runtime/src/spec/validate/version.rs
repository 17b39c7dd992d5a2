//! config.md#specification-version

use super::Checked;
use crate::spec::OCI_VERSION;
use crate::spec::pointer::Problem;

const POINTER: &str = "/ociVersion";

/// Checks the form, which is SemVer 2.0.0, and the major version: within one, versions are
/// compatible. Versions before 1.0 pass as well, since the specification's own samples have them; what
/// changed since is refused where it stands.
pub(super) fn check(version: &str) -> Checked {
    let Some(major) = parse(version) else {
        let message = format!("{version:?} is not of the form of SemVer 2.0.0, such as 1.0.2");
        return Err(Problem::at(POINTER, message));
    };
    if matches!(major, "0" | "1") {
        return Ok(());
    }
    let message = format!(
        "version {version} is not supported: plimrun supports 1.0.0 to {OCI_VERSION} and what is \
         compatible with them"
    );
    Err(Problem::at(POINTER, message))
}

/// The major version of a SemVer 2.0.0 version (semver.org, the grammar).
fn parse(version: &str) -> Option<&str> {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (core, prerelease) = match rest.split_once('-') {
        Some((core, prerelease)) => (core, Some(prerelease)),
        None => (rest, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| digits(text) && (text == "0" || !text.starts_with('0'));
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let numbers: Vec<&str> = core.split('.').collect();
    let valid = numbers.len() == 3
        && numbers.iter().all(|text| number(text))
        && prerelease.is_none_or(|list| {
            list.split('.')
                .all(|text| word(text) && (!digits(text) || number(text)))
        })
        && build.is_none_or(|list| list.split('.').all(word));
    valid.then_some(numbers[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_semver_2() {
        for good in [
            "1.0.0",
            "1.0.2-dev",
            "1.3.0-rc.1+a.b",
            "1.0.0-0a",
            "1.0.0+001",
            "1.99.7",
            "0.5.0-dev",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1",
            "1.0",
            "v1.0.0",
            "1.0.0.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0.0+a_b",
            "1.0.x",
            " 1.0.0",
            "1.0.0\n",
            "-1.0.0",
            "2.0.0",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
