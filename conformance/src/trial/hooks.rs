//! Hooks that record that they ran, when, and what they were given.

use std::fs;
use std::io;
use std::path::Path;

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::{HookRecord, hook_records};
use serde_json::Value;

use super::trial::Trial;
use crate::verdict::{Check, Stop};

/// The kinds of hooks, in the order in which the lifecycle comes to them.
pub const HOOKS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

/// The start of the names of the files that recording hooks write: `hook-<tag>`.
const LOG: &str = "hook-";

/// One run of a recording hook.
#[derive(Debug, Clone)]
pub struct HookRun {
    /// The tag that the bundle gave it.
    pub tag: String,
    /// What it recorded.
    pub record: HookRecord,
}

impl HookRun {
    /// The state that it was given on standard input; null if that was no JSON.
    pub fn state(&self) -> Value {
        self.record.state().unwrap_or_default()
    }
}

/// Recording hooks for a bundle.
pub trait RecordingHooks {
    /// Adds a hook of this kind that records its run under `tag`, and succeeds.
    #[must_use]
    fn records(self, kind: &str, tag: &str) -> Self;

    /// Adds a hook of this kind that records its run under `tag`, then takes these steps of
    /// `probe hook`: `exit 1`, `sleep 100`, `touch PATH`, …
    #[must_use]
    fn records_and(self, kind: &str, tag: &str, steps: &[&str]) -> Self;
}

impl RecordingHooks for Bundle {
    fn records(self, kind: &str, tag: &str) -> Self {
        self.records_and(kind, tag, &[])
    }

    fn records_and(self, kind: &str, tag: &str, steps: &[&str]) -> Self {
        // Only startContainer resolves its path in the container, and runs in its root.
        let (probe, dir) = if kind == "startContainer" {
            ("/probe", "")
        } else {
            ("{probe}", "{dir}")
        };
        let log = format!("{dir}/{LOG}{tag}");
        self.hook(kind, &[&[probe, "hook", &log], steps].concat())
    }
}

impl Trial {
    /// The runs of the recording hooks so far, in the order in which they began.
    pub fn hook_runs(&self) -> Check<Vec<HookRun>> {
        let mut runs = Vec::new();
        for dir in [self.dir().to_owned(), self.rootfs("/")] {
            read_logs(&dir, &mut runs).map_err(|error| {
                Stop::broken(format!("read hooks' logs in {}", dir.display()), error)
            })?;
        }
        // A time namespace moves the other clocks.
        runs.sort_by_key(|run| run.record.report.stamp.realtime_ns);
        Ok(runs)
    }

    /// The tags of the recording hooks that ran so far, in order.
    pub fn hooks_run(&self) -> Check<Vec<String>> {
        Ok(self.hook_runs()?.into_iter().map(|run| run.tag).collect())
    }

    /// The first run of the recording hook with this tag, which must have run for the case to go
    /// on.
    pub fn hook_run(&self, tag: &str) -> Check<HookRun> {
        match self.hook_runs()?.into_iter().find(|run| run.tag == tag) {
            Some(run) => Ok(run),
            None => Self::spoilt(format!("the hook {tag} runs"), true, false.into()),
        }
    }
}

fn read_logs(dir: &Path, runs: &mut Vec<HookRun>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(tag) = name.strip_prefix(LOG) else {
            continue;
        };
        let records = hook_records(&entry.path())?;
        runs.extend(records.into_iter().map(|record| HookRun {
            tag: tag.to_owned(),
            record,
        }));
    }
    Ok(())
}
