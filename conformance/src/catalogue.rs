//! The requirements: what the specification asks, in our own words, embedded in the binary.
//!
//! `conformance/requirements/README.md` says what each field means and how the judged level is
//! found.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::event::Level;

/// Where the files of the specification's release are published.
const SPEC_URL: &str = "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/";
/// Where the draft of the command line is published.
const CLI_URL: &str = "https://github.com/opencontainers/runtime-tools/blob/master/docs/";
/// Where runc's documents are published, for what runtimes with its command line do beyond both.
const RUNC_URL: &str = "https://github.com/opencontainers/runc/blob/v1.3.0/";
/// The area that is not of the specification, nor of the draft.
const CONVENTIONS: &str = "conventions";
/// The file of the draft of the command line.
const CLI_FILE: &str = "command-line-interface.md";

/// Embeds the files of the areas; the area is the file's name.
macro_rules! areas {
    ($($area:literal),* $(,)?) => {
        [$(($area, include_str!(concat!("../requirements/", $area, ".json")))),*]
    };
}

/// The areas in the order of the specification, each with its file.
const AREAS: [(&str, &str); 25] = areas![
    "general",
    "runtime",
    "runtime-state",
    "runtime-lifecycle",
    "runtime-operations",
    "runtime-linux",
    "config",
    "config-mounts",
    "config-process",
    "config-hooks",
    "config-annotations",
    "config-schema",
    "linux",
    "linux-namespaces",
    "linux-devices",
    "linux-net-devices",
    "linux-cgroups",
    "linux-resources",
    "linux-rdt",
    "linux-memory-policy",
    "linux-seccomp",
    "linux-paths",
    "features",
    "cli",
    "conventions",
];

/// One requirement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Stable name, in words.
    pub id: String,
    /// The file of the catalogue that holds it, filled in when that is read.
    #[serde(default)]
    pub area: String,
    /// The word of the text.
    pub level: Keyword,
    /// The level at which a failure counts.
    pub judged: Level,
    /// File and heading anchor: `config.md#mounts`.
    pub source: String,
    /// Who is bound.
    pub subject: Subject,
    /// One sentence.
    pub statement: String,
    /// How it can be seen.
    pub testable: Testable,
    /// Why it cannot be seen, where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testable_reason: Option<String>,
    /// Why it is not judged although it could be: it only records, or binds somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<String>,
    /// Why no case proves it although it is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// What else the machine must offer, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The members that an entry on optional members means.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How to see it from outside.
    pub probe: String,
    /// The release of the specification that brought it.
    pub since: String,
    /// 1 every runtime, 2 common, 3 rare.
    pub priority: u8,
    /// Profiles beyond the chapter's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What released runtimes were seen to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// Defects and ambiguities of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The word by which the text asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are the words of RFC 2119")]
pub enum Keyword {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "MAY")]
    May,
    /// Normative without a keyword.
    #[serde(rename = "IMPLIED")]
    Implied,
}

impl Keyword {
    /// The word itself.
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
            Self::Implied => "IMPLIED",
        }
    }
}

/// Who is bound by a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are their own description")]
pub enum Subject {
    Runtime,
    #[serde(rename = "config author")]
    ConfigAuthor,
    Caller,
    Hook,
    #[serde(rename = "container process")]
    ContainerProcess,
}

/// How a requirement can be seen, and what that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants are their own description")]
pub enum Testable {
    BlackBox,
    NeedsPrivilege,
    NeedsHardware,
    NeedsLsm,
    NeedsCgroupV1,
    NeedsCgroupV2,
    NotTestable,
}

/// A profile that a requirement belongs to beyond the one of its chapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tag {
    /// What keeps a container from its host.
    Security,
    /// What a container of an ordinary user rests on.
    Rootless,
}

impl Requirement {
    /// The word of the text, and how it counts where that is not the same.
    pub fn asks(&self) -> String {
        let word = self.level.word();
        let counts = self.judged.word();
        let same = word.strip_suffix(" NOT").unwrap_or(word) == counts;
        if same {
            word.to_owned()
        } else {
            format!("{word} (as {counts})")
        }
    }

    /// The public address of the sentence's section.
    pub fn link(&self) -> String {
        let base = match self.file() {
            CLI_FILE => CLI_URL,
            _ if self.is_convention() => RUNC_URL,
            _ => SPEC_URL,
        };
        format!("{base}{}", self.source)
    }

    /// The file of the specification, without the anchor.
    pub fn file(&self) -> &str {
        self.source.split('#').next().unwrap_or(&self.source)
    }

    /// Whether it is a habit that engines rely on, which no specification asks for.
    pub fn is_convention(&self) -> bool {
        self.area == CONVENTIONS
    }

    /// Whether a runtime can be seen to meet it.
    pub fn is_testable(&self) -> bool {
        self.testable != Testable::NotTestable
    }

    /// Whether a runtime is judged by it: it can be seen, and is not excluded.
    pub fn is_judged(&self) -> bool {
        self.is_testable() && self.excluded.is_none()
    }

    /// Whether it can be seen on a machine without special hardware or a security module.
    pub fn is_ordinary(&self) -> bool {
        !matches!(
            self.testable,
            Testable::NeedsHardware | Testable::NeedsLsm | Testable::NotTestable
        )
    }

    /// Whether the specification's release `version` has it; the draft of the command line and the
    /// conventions have no release of the specification and count always.
    pub fn in_release(&self, version: Release) -> bool {
        Release::parse(&self.since).is_none_or(|since| since <= version)
    }
}

/// A release of the specification, `1.2` or `1.2.1`; a missing patch level means the newest of
/// that minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Release {
    /// Reads the leading `X.Y[.Z]` of a version; what follows (`-dev`, `-rc.1`, `+15`) is the
    /// writer's own. None where the text is not a version.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.split(['-', '+', ' ']).next()?;
        let mut parts = numbers.split('.').map(str::parse);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        let patch = match parts.next() {
            None => u32::MAX,
            Some(patch) => patch.ok()?,
        };
        parts.next().is_none().then_some(Self {
            major,
            minor,
            patch,
        })
    }
}

/// All requirements, in the order of the specification.
pub struct Catalogue {
    entries: Vec<Requirement>,
    index: HashMap<String, usize>,
}

impl Catalogue {
    fn load() -> Result<Self, String> {
        let mut entries: Vec<Requirement> = Vec::new();
        for (area, text) in AREAS {
            let file: Vec<Requirement> = serde_json::from_str(text)
                .map_err(|error| format!("requirements/{area}.json: {error}"))?;
            entries.extend(file.into_iter().map(|entry| Requirement {
                area: area.to_owned(),
                ..entry
            }));
        }
        let mut index = HashMap::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if index.insert(entry.id.clone(), at).is_some() {
                return Err(format!("requirement {} is listed twice", entry.id));
            }
        }
        Ok(Self { entries, index })
    }

    /// The entries that a specification asks for, which coverage is about.
    pub fn specified(&self) -> impl Iterator<Item = &Requirement> {
        self.iter().filter(|entry| !entry.is_convention())
    }

    /// The entries, in the order of the specification.
    pub fn iter(&self) -> std::slice::Iter<'_, Requirement> {
        self.entries.iter()
    }

    /// The entry of that id.
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.index.get(id).map(|&at| &self.entries[at])
    }

    /// The strongest judged level of the requirements named; unknown ids count for nothing.
    pub fn level<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Level {
        ids.into_iter()
            .filter_map(|id| self.get(id))
            .map(|entry| entry.judged)
            .max()
            .unwrap_or(Level::May)
    }
}

impl<'a> IntoIterator for &'a Catalogue {
    type Item = &'a Requirement;
    type IntoIter = std::slice::Iter<'a, Requirement>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The catalogue, read once.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::load().expect("the embedded catalogue is read by a unit test"));
    &CATALOGUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_are_read_and_have_unique_ids() {
        let catalogue = Catalogue::load().unwrap();
        assert_eq!(catalogue.specified().count(), 964);
        let testable = catalogue.specified().filter(|entry| entry.is_testable());
        assert_eq!(testable.count(), 932);
    }

    #[test]
    fn every_entry_is_whole() {
        for entry in catalogue() {
            let id = &entry.id;
            assert!(
                !entry.statement.is_empty() && entry.statement.ends_with('.'),
                "{id}: statement"
            );
            assert!(!entry.probe.is_empty(), "{id}: probe");
            assert!((1..=3).contains(&entry.priority), "{id}: priority");
            let kind = entry.file().rsplit('.').next();
            assert!(matches!(kind, Some("md" | "json")), "{id}: source");
            assert_eq!(
                entry.testable_reason.is_some(),
                !entry.is_testable(),
                "{id}: testable_reason"
            );
            assert!(
                entry.gap.is_none() || entry.is_judged(),
                "{id}: a gap where nothing is judged"
            );
            assert!(
                entry.excluded.is_none() || entry.is_testable(),
                "{id}: excluded and not testable"
            );
            assert!(
                ["cli-", "runc-"]
                    .iter()
                    .any(|from| entry.since.starts_with(from))
                    || Release::parse(&entry.since).is_some(),
                "{id}: since {}",
                entry.since
            );
        }
    }

    #[test]
    fn the_judged_level_follows_its_rule() {
        for entry in catalogue() {
            let expected: &[Level] = match (entry.level, entry.subject) {
                (Keyword::May, _) => &[Level::May],
                (_, subject) if subject != Subject::Runtime => &[Level::Should],
                (Keyword::Must | Keyword::MustNot, _) => &[Level::Must],
                (Keyword::Should | Keyword::ShouldNot, _) => &[Level::Should],
                (Keyword::Implied, _) => &[Level::Should, Level::Must],
            };
            assert!(
                expected.contains(&entry.judged),
                "{}: {:?}",
                entry.id,
                entry.judged
            );
        }
    }

    #[test]
    fn links_lead_to_the_published_text() {
        let link = |id: &str| catalogue().get(id).unwrap().link();
        assert_eq!(
            link("cli.create.exit-zero"),
            "https://github.com/opencontainers/runtime-tools/blob/master/docs/command-line-interface.md#create"
        );
        assert_eq!(
            link("runtime.state.status-created"),
            "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/runtime.md#state"
        );
        assert_eq!(
            link("systemd.scope.accounting"),
            "https://github.com/opencontainers/runc/blob/v1.3.0/docs/systemd.md#resource-limits"
        );
    }

    #[test]
    fn a_release_without_a_patch_level_holds_all_of_them() {
        let release = |text: &str| Release::parse(text).unwrap();
        assert!(release("1.0.2") < release("1.0"));
        assert!(release("1.0") < release("1.1.0"));
        assert_eq!(release("1.2.1-dev"), release("1.2.1"));
        assert_eq!(Release::parse("cli-1.0.1"), None);
        assert_eq!(Release::parse("1"), None);
    }
}
