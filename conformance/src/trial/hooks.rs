//! Hooks that record that they ran, when, and what they were given.

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::{HookRecord, hook_records};
use serde_json::Value;

use super::trial::Trial;
use super::watch::Watch;
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

/// The start of the names of the files that holding hooks wait for: `go-<tag>`.
const GO: &str = "go-";

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

    /// Adds a hook of this kind that records its run under `tag`, then waits until
    /// [`Trial::while_held`] lets it go on.
    #[must_use]
    fn holds(self, kind: &str, tag: &str) -> Self;
}

impl RecordingHooks for Bundle {
    fn records(self, kind: &str, tag: &str) -> Self {
        self.records_and(kind, tag, &[])
    }

    fn records_and(self, kind: &str, tag: &str, steps: &[&str]) -> Self {
        let (probe, dir) = surroundings(kind);
        let log = format!("{dir}/{LOG}{tag}");
        self.hook(kind, &[&[probe, "hook", &log], steps].concat())
    }

    fn holds(self, kind: &str, tag: &str) -> Self {
        let go = format!("{}/{GO}{tag}", surroundings(kind).1);
        self.records_and(kind, tag, &["wait-for", &go])
    }
}

/// Where a hook of this kind finds the probe, and the directory that it shares with us: only
/// startContainer resolves its path in the container, and runs in its root.
fn surroundings(kind: &str) -> (&'static str, &'static str) {
    if kind == "startContainer" {
        ("/probe", "")
    } else {
        ("{probe}", "{dir}")
    }
}

impl Trial {
    /// Starts to watch for hooks, before the call that they belong to is made.
    pub(super) fn watch_hooks(&self) -> Check<Watch> {
        Watch::over(&self.hook_dirs()).map_err(|error| Stop::broken("watch for hooks", error))
    }

    /// Where recording hooks leave what they write; a bundle that was moved or made without a root
    /// has no second one.
    fn hook_dirs(&self) -> Vec<PathBuf> {
        let dirs = [self.dir().to_owned(), self.rootfs("/")];
        dirs.into_iter().filter(|dir| dir.is_dir()).collect()
    }

    /// Waits until the hook `tag` runs; gives up at the deadline, or once `over` hangs up.
    pub(super) fn await_hook(&self, tag: &str, watch: &Watch, over: BorrowedFd<'_>) -> Check {
        let deadline = self.deadline();
        loop {
            // Asked first: what ran by then has recorded it.
            let last = watch
                .news(over, deadline)
                .map_err(|error| Stop::broken("wait for a hook", error))?;
            if self.hooks_run()?.iter().any(|run| run == tag) {
                return Ok(());
            }
            if last {
                return Self::spoilt(format!("the hook {tag} runs"), true, false.into());
            }
        }
    }

    /// Lets a holding hook go on.
    pub(super) fn release(&self, tag: &str) -> Check {
        let name = format!("{GO}{tag}");
        let mut dirs = self.hook_dirs().into_iter();
        dirs.try_for_each(|dir| self.write(&dir.join(&name), ""))
    }

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
