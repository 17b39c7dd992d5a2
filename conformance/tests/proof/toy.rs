//! A runtime of a few lines of shell, which makes no container, and cases about it: what the engine
//! makes of them shows without a machine that could run the suite.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use plimsoll::case::Case;
use plimsoll::drive::{Limits, Runtime};
use plimsoll::engine::{self, Options, Scratch};
use plimsoll::event::SabotageEvent;
use plimsoll::observe;
use plimsoll::verdict::Verdict;
use plimsoll_fixtures::executable;
use tempfile::TempDir;

/// Says what it is asked to say, fails where it is asked to, hangs where it is asked to.
const TOY: &str = r#"#!/bin/sh
shift 2
case $1 in
say) echo "$2" ;;
hang) exec tail -f /dev/null ;;
*) exit 1 ;;
esac
"#;

/// The toy, and the place to run it in.
pub(crate) struct Toy {
    folder: TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) options: Options,
    scratch: Scratch,
}

impl Toy {
    /// Under these time limits.
    pub(crate) fn within(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("toy");
        executable::write(&path, TOY.as_bytes()).expect("the folder is writable");
        let argv = vec![path.display().to_string()];
        Self {
            folder,
            runtime: Runtime::new("toy", argv).expect("it is a program"),
            options: Options {
                jobs: 1,
                limits,
                keep: None,
            },
            scratch: Scratch::new(limits).expect("a place to work in"),
        }
    }

    /// The program's path.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("toy")
    }

    /// What becomes of a case on a runtime.
    pub(crate) fn judge(&self, case: &Case, runtime: &Runtime) -> Verdict {
        engine::run_one(runtime, case, &self.options, &self.scratch)
            .expect("the engine works")
            .verdict
    }

    /// What becomes of a case's saboteurs.
    pub(crate) fn selftest(&self, case: &Case) -> Vec<SabotageEvent> {
        let events = Mutex::new(Vec::new());
        let keep = |event| {
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(event);
        };
        let (options, scratch) = (&self.options, &self.scratch);
        engine::selftest(
            &self.runtime,
            &[case],
            options,
            scratch,
            observe::facts(),
            &|_| None,
            &keep,
        )
        .expect("the engine works");
        events.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
