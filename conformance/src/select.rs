//! Which cases a command means: filters, profile, level, shard.

use std::str::FromStr;

use crate::catalogue::{Requirement, Tag, catalogue};
use crate::event::Level;
use crate::index::{Entry, did_you_mean, near};

/// A part of the specification that users ask for by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// The documents that every platform has, and what Linux adds to them in place.
    Core,
    /// config-linux.md, runtime-linux.md and features-linux.md.
    Linux,
    /// The command line that engines rely on.
    Cli,
    /// What keeps a container from its host.
    Security,
    /// Containers of ordinary users.
    Rootless,
    /// Everything.
    #[default]
    All,
}

/// The profiles by their names, each with a line of help.
pub const PROFILES: [(&str, Profile, &str); 6] = [
    (
        "core",
        Profile::Core,
        "lifecycle, state, bundle, hooks, process, mounts, features",
    ),
    (
        "linux",
        Profile::Linux,
        "what config-linux.md and its sisters add",
    ),
    ("cli", Profile::Cli, "the command line that engines rely on"),
    (
        "security",
        Profile::Security,
        "what keeps a container from its host",
    ),
    (
        "rootless",
        Profile::Rootless,
        "containers of ordinary users",
    ),
    ("all", Profile::All, "everything"),
];

impl Profile {
    /// Whether the profile has the case: by the first word of its id, or by what it covers.
    fn has(self, case: &Entry) -> bool {
        let chapter = case.id.split('/').next().unwrap_or_default();
        let covers = |of: fn(&Requirement) -> bool| case.requirements().any(of);
        match self {
            Self::All => true,
            Self::Cli => chapter == "cli" || covers(|r| r.id.starts_with("cli.")),
            Self::Security => covers(|r| r.tags.contains(&Tag::Security)),
            Self::Rootless => chapter == "rootless" || covers(|r| r.tags.contains(&Tag::Rootless)),
            Self::Linux => covers(|r| is_linux(r) || r.id.starts_with("systemd.")),
            Self::Core => {
                covers(|r| !is_linux(r) && !r.is_convention() && !r.id.starts_with("cli."))
            }
        }
    }
}

fn is_linux(requirement: &Requirement) -> bool {
    requirement.file().ends_with("-linux.md")
}

/// One part of all the cases, `I/N`: every N-th of them, from the I-th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err(format!("{text:?} is not I/N with 1 <= I <= N")),
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Case names (whole, part, or a glob with `*` and `?`), requirement ids, sections; a case
    /// that any of them means is selected, all where there is none.
    pub filters: Vec<String>,
    /// The profile.
    pub profile: Profile,
    /// The weakest level that is of interest.
    pub level: Level,
    /// The part of the selected cases to run.
    pub shard: Option<Shard>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            profile: Profile::All,
            level: Level::May,
            shard: None,
        }
    }
}

/// Why a selection is no selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Nothing is called so.
    #[error("no case, requirement or section is called {filter:?}{hint}")]
    Unknown {
        /// The filter.
        filter: String,
        /// What is called nearly so.
        hint: String,
    },
    /// The catalogue has it, but no case covers it.
    #[error("no case covers {filter}; `plimsoll explain` and `plimsoll coverage` say more")]
    Uncovered {
        /// The filter.
        filter: String,
    },
    /// Each filter means something, but not together with profile and level.
    #[error("no case is left: filters, --profile and --level exclude each other")]
    Nothing,
}

impl Selection {
    /// The positions of the selected cases.
    pub fn of(&self, cases: &[Entry]) -> Result<Vec<usize>, SelectError> {
        for filter in &self.filters {
            if !cases.iter().any(|case| means(filter, case)) {
                return Err(unknown(filter, cases));
            }
        }
        let wanted = |case: &Entry| {
            (self.filters.is_empty() || self.filters.iter().any(|filter| means(filter, case)))
                && self.profile.has(case)
                && case.level() >= self.level
        };
        let mut selected: Vec<usize> = (0..cases.len()).filter(|&at| wanted(&cases[at])).collect();
        if selected.is_empty() {
            return Err(SelectError::Nothing);
        }
        if let Some(Shard { index, count }) = self.shard {
            selected = selected
                .into_iter()
                .skip(index - 1)
                .step_by(count)
                .collect();
        }
        Ok(selected)
    }
}

/// Whether a filter means a case.
fn means(filter: &str, case: &Entry) -> bool {
    if filter.contains(['*', '?']) {
        return glob(filter.as_bytes(), case.id.as_bytes());
    }
    case.id.contains(filter)
        || case
            .requirements()
            .any(|requirement| concerns(filter, requirement))
}

/// Whether a filter is a requirement's id or the beginning of it, or its section or file.
fn concerns(filter: &str, requirement: &Requirement) -> bool {
    let begins = |whole: &str, mark: char| {
        whole
            .strip_prefix(filter)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(mark))
    };
    begins(&requirement.id, '.') || begins(&requirement.source, '#')
}

fn unknown(filter: &str, cases: &[Entry]) -> SelectError {
    let filter = filter.to_owned();
    if catalogue()
        .iter()
        .any(|requirement| concerns(&filter, requirement))
    {
        return SelectError::Uncovered { filter };
    }
    let requirements = catalogue()
        .iter()
        .flat_map(|r| [r.id.as_str(), r.source.as_str()]);
    let mut known: Vec<&str> = cases
        .iter()
        .map(|case| case.id.as_str())
        .chain(requirements)
        .collect();
    known.sort_unstable();
    known.dedup();
    let hint = did_you_mean(&near(&filter, known));
    SelectError::Unknown { filter, hint }
}

/// `*` stands for anything, also for nothing, `?` for one byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    // Where the last `*` was, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<Entry> {
        let entry = |id: &str, covers: &str| Entry {
            id: id.into(),
            covers: vec![covers.into()],
            ..Entry::default()
        };
        vec![
            entry("config/hostname/seen_inside", "config.hostname.set"),
            entry("runtime/state/created", "runtime.state.status-created"),
            entry("linux/seccomp/errno", "config-linux.seccomp.action-errno"),
            entry("cli/kill/default", "cli.kill.default-term"),
        ]
    }

    fn select(filters: &[&str]) -> Result<Vec<usize>, SelectError> {
        let filters = filters.iter().map(|&filter| filter.to_owned()).collect();
        Selection {
            filters,
            ..Selection::default()
        }
        .of(&cases())
    }

    #[test]
    fn a_filter_is_a_name_a_glob_a_requirement_or_a_section() {
        for filter in [
            "config/hostname/seen_inside",
            "hostname",
            "config/*/seen_?nside",
            "config.hostname.set",
            "config.hostname",
            "config.md#hostname",
        ] {
            assert_eq!(select(&[filter]), Ok(vec![0]), "{filter}");
        }
        assert_eq!(select(&["runtime.md"]), Ok(vec![1]));
        assert_eq!(select(&["config/*", "cli/*"]), Ok(vec![0, 3]));
        assert_eq!(select(&[]), Ok(vec![0, 1, 2, 3]));
    }

    #[test]
    fn the_beginning_of_an_id_ends_at_a_dot() {
        assert!(matches!(
            select(&["config.hostna"]),
            Err(SelectError::Unknown { .. })
        ));
    }

    #[test]
    fn what_is_unknown_is_an_error_with_a_hint() {
        let error = select(&["config/hostname/seen_insid3"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("did you mean config/hostname/seen_inside"),
            "{error}"
        );
        let error = select(&["config.mounts.type-optional"]).unwrap_err();
        assert!(matches!(error, SelectError::Uncovered { .. }), "{error}");
        assert!(matches!(select(&["x/*"]), Err(SelectError::Unknown { .. })));
    }

    #[test]
    fn profiles_follow_the_documents() {
        let of = |profile| {
            Selection {
                profile,
                ..Selection::default()
            }
            .of(&cases())
            .unwrap()
        };
        assert_eq!(of(Profile::Core), [0, 1]);
        assert_eq!(of(Profile::Linux), [2]);
        assert_eq!(of(Profile::Cli), [3]);
        assert_eq!(of(Profile::Security), [2]);
        assert_eq!(of(Profile::All), [0, 1, 2, 3]);
    }

    #[test]
    fn what_keeps_a_container_from_its_host_is_in_the_profile_of_security() {
        for requirement in [
            "config-linux.namespaces.new-pid",
            "config-linux.namespaces.new-user",
            "config-linux.masked-paths.file-unreadable",
        ] {
            let case = Entry {
                covers: vec![requirement.into()],
                ..Entry::default()
            };
            assert!(Profile::Security.has(&case), "{requirement}");
        }
    }

    #[test]
    fn conventions_are_in_the_profile_of_their_subject() {
        let entry = |id: &str, covers: &str| Entry {
            id: id.into(),
            covers: vec![covers.into()],
            ..Entry::default()
        };
        let scope = entry("linux/systemd/default_name", "systemd.scope.default-name");
        let pause = entry("cli/pause/freezes_all", "pause.freezes");
        let ids = entry(
            "rootless/ids/own_without_helpers",
            "config-linux.idmap.uid-map",
        );
        for (profile, has) in [
            (Profile::Core, [false, false, false]),
            (Profile::Linux, [true, false, true]),
            (Profile::Cli, [false, true, false]),
            (Profile::Rootless, [false, false, true]),
        ] {
            assert_eq!([&scope, &pause, &ids].map(|case| profile.has(case)), has);
        }
    }

    #[test]
    fn filters_that_exclude_the_profile_leave_nothing() {
        let filters = vec!["hostname".to_owned()];
        let selection = Selection {
            filters,
            profile: Profile::Cli,
            ..Selection::default()
        };
        assert_eq!(selection.of(&cases()), Err(SelectError::Nothing));
    }

    #[test]
    fn shards_are_disjoint_and_together_whole() {
        let part = |text: &str| {
            let shard = Some(text.parse().unwrap());
            Selection {
                shard,
                ..Selection::default()
            }
            .of(&cases())
            .unwrap()
        };
        assert_eq!(
            [part("1/3"), part("2/3"), part("3/3")].map(|p| p.len()),
            [2, 1, 1]
        );
        assert_eq!(
            [part("1/3"), part("2/3"), part("3/3")]
                .concat()
                .iter()
                .sum::<usize>(),
            6
        );
        for bad in ["0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_star_takes_as_much_as_it_needs() {
        assert!(glob(b"a*c", b"abcabc"));
        assert!(glob(b"*", b""));
        assert!(!glob(b"a?", b"a"));
        assert!(!glob(b"a*d", b"abc"));
    }
}
