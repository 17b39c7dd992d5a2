//! What a runtime says of itself: its program, its version, and the release of the specification
//! that it declares.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::catalogue::{Release, Requirement};
use crate::drive::{Call, Limit, Outcome, Runtime};
use crate::event::RuntimeInfo;
use crate::verdict::Check;

/// Asks a runtime who it is, within `limit` a call. A runtime that does not answer is unnamed, not
/// wrong; one that cannot be started is an error.
pub fn identify(runtime: &Runtime, limit: Limit) -> Check<RuntimeInfo> {
    let ask = |operation: &str| {
        runtime.call_honestly(&Call {
            args: vec![operation.to_owned()],
            limit,
            ..Call::default()
        })
    };
    let text = |outcome: Outcome| {
        if outcome.ok() {
            outcome.stdout
        } else {
            String::new()
        }
    };
    let first = ask("--version")?;
    // What hangs once would only hang again.
    let features = if first.timed_out {
        String::new()
    } else {
        text(ask("features")?)
    };
    let version = text(first);
    let (implementation, number) = program_and_version(&version);
    let binary = std::fs::read(runtime.path());
    Ok(RuntimeInfo {
        name: runtime.name.clone(),
        path: runtime.path().display().to_string(),
        version: number,
        sha256: binary
            .map(|bytes| hex(&Sha256::digest(bytes)))
            .unwrap_or_default(),
        oci_version_max: declared_release(&features, &version),
        implementation,
        view: None,
    })
}

/// `bytes` in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

/// `runc version 1.1.5`, `youki version: 0.7.0`, `runsc version release-2023`: the program and its
/// version.
fn program_and_version(text: &str) -> (Option<String>, String) {
    let line = text.lines().next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [program, word, number, ..] if word.trim_end_matches(':') == "version" => {
            (Some((*program).to_owned()), (*number).to_owned())
        }
        [program, number, ..] => (Some((*program).to_owned()), (*number).to_owned()),
        _ => (None, line.to_owned()),
    }
}

/// `ociVersionMax` of `features`, else the `spec:` line of `--version`.
pub(crate) fn declared_release(features: &str, version: &str) -> Option<String> {
    let document: Option<Value> = serde_json::from_str(features).ok();
    let max = document
        .as_ref()
        .and_then(|document| document.get("ociVersionMax"))
        .and_then(Value::as_str);
    let line = || {
        version
            .lines()
            .find_map(|line| line.trim().strip_prefix("spec:"))
    };
    max.or_else(line)
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// Which requirements are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Judge {
    /// Those of the release that the runtime declares; all where it declares none.
    #[default]
    Declared,
    /// Those of this release.
    Release(Release),
}

impl std::str::FromStr for Judge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "declared" {
            return Ok(Self::Declared);
        }
        let release = Release::parse(text).map(Self::Release);
        release.ok_or_else(|| format!("{text:?} is neither `declared` nor a release such as 1.2"))
    }
}

impl Judge {
    /// The release for a runtime; none where everything is judged.
    pub fn release(self, runtime: &RuntimeInfo) -> Option<Release> {
        match self {
            Self::Release(release) => Some(release),
            Self::Declared => runtime.oci_version_max.as_deref().and_then(Release::parse),
        }
    }
}

/// Why requirements are newer than a release, where all of them are.
pub fn too_new<'a>(
    requirements: impl IntoIterator<Item = &'a Requirement>,
    release: Option<Release>,
) -> Option<String> {
    let release = release?;
    let mut first: Option<&Requirement> = None;
    for requirement in requirements {
        if requirement.in_release(release) {
            return None;
        }
        first = first.or(Some(requirement));
    }
    first.map(|requirement| format!("judges what came with specification {}", requirement.since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;

    const RUNC: &str = "runc version 1.1.5+ds1\ncommit: 1.1.5\nspec: 1.0.2-dev\ngo: go1.19.8\n";

    #[test]
    fn the_first_line_names_program_and_version() {
        assert_eq!(
            program_and_version(RUNC),
            (Some("runc".into()), "1.1.5+ds1".into())
        );
        assert_eq!(
            program_and_version("youki version: 0.7.0\n"),
            (Some("youki".into()), "0.7.0".into())
        );
        assert_eq!(
            program_and_version("plimrun 0.1.0"),
            (Some("plimrun".into()), "0.1.0".into())
        );
        assert_eq!(program_and_version(""), (None, String::new()));
    }

    #[test]
    fn features_come_before_the_spec_line() {
        assert_eq!(declared_release("", RUNC).as_deref(), Some("1.0.2-dev"));
        let features = r#"{"ociVersionMin":"1.0.0","ociVersionMax":"1.2.0"}"#;
        assert_eq!(declared_release(features, RUNC).as_deref(), Some("1.2.0"));
        assert_eq!(declared_release("unknown command", "crun version 1"), None);
    }

    #[test]
    fn what_is_newer_than_declared_is_not_held_against_a_runtime() {
        let of = |id: &str| catalogue().get(id).unwrap();
        let (old, new) = (of("config.hostname.set"), of("config.domainname.set"));
        assert_eq!(new.since, "1.1.0");
        let judged = |text: &str| Release::parse(text);
        assert!(too_new([new], judged("1.0.2")).unwrap().contains("1.1.0"));
        assert_eq!(too_new([new], judged("1.1")), None);
        assert_eq!(
            too_new([new, old], judged("1.0.2")),
            None,
            "a part of it is judged"
        );
        assert_eq!(too_new([new], None), None);
    }

    #[test]
    fn a_release_is_asked_for_by_number() {
        assert_eq!("declared".parse(), Ok(Judge::Declared));
        assert_eq!(
            "1.2".parse(),
            Ok(Judge::Release(Release::parse("1.2").unwrap()))
        );
        assert!("newest".parse::<Judge>().is_err());
    }
}
