//! What the test targets share: the runtime to judge, and the place to do it in.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};
use plimsoll::case::Case;
use plimsoll::cases;
use plimsoll::drive::Runtime;
use plimsoll::engine::{self, Fit, Options, Scratch};
use plimsoll::event::SabotageEvent;
use plimsoll::observe::facts;
use plimsoll::verdict::Verdict;

/// What the tests share. The scratch directory goes with its last user.
pub(crate) struct Suite {
    pub(crate) runtime: Runtime,
    pub(crate) options: Options,
    pub(crate) scratch: Scratch,
}

/// A test of one case; `Err` says what is wrong.
pub(crate) type Test = fn(&Case, &Suite) -> Result<(), String>;

/// Makes one test a case, and runs them as the command line says.
pub(crate) fn main(test: Test) -> ExitCode {
    let args = Arguments::from_args();
    // Listing needs no runtime, and tools list before they build everything.
    let suite = if args.list {
        None
    } else {
        Some(Suite::prepare())
    };
    let suite = match suite.transpose() {
        Ok(suite) => suite.map(Arc::new),
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let tests = cases::all()
        .into_iter()
        .map(|case| trial(case, test, suite.clone()))
        .collect();
    let conclusion = libtest_mimic::run(&args, tests);
    drop(suite);
    conclusion.exit_code()
}

fn trial(case: Case, test: Test, suite: Option<Arc<Suite>>) -> Trial {
    let name = case.id.to_string();
    let unmet = unmet(&case);
    let ignored = unmet.is_some();
    let run = move || match suite {
        Some(suite) => test(&case, &suite).map_err(Into::into),
        None => Err("the suite was not prepared".into()),
    };
    Trial::test(name, run)
        .with_kind(unmet.unwrap_or_default())
        .with_ignored_flag(ignored)
}

/// What the machine lacks for the case.
fn unmet(case: &Case) -> Option<String> {
    case.needs.iter().find_map(|need| need.met(facts()).err())
}

impl Suite {
    pub(crate) fn prepare() -> Result<Self, String> {
        let path = runtime()?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let runtime = Runtime::new(name, vec![path.display().to_string()])
            .map_err(|error| error.to_string())?;
        // libtest-mimic schedules; each test runs one case.
        let options = Options {
            jobs: 1,
            ..Options::default()
        };
        let scratch = Scratch::new(options.limits).map_err(|error| error.to_string())?;
        let Fit { runtime, view, .. } =
            engine::fit_view(runtime, &options, &scratch).map_err(|error| error.to_string())?;
        if let Some(view) = view {
            eprintln!("note: {} is called in {view}", runtime.name);
        }
        Ok(Self {
            runtime,
            options,
            scratch,
        })
    }

    /// Runs a case on a runtime: the suite's own, or one made of it.
    pub(crate) fn judge(&self, case: &Case, runtime: &Runtime) -> Result<Verdict, String> {
        engine::run_one(runtime, case, &self.options, &self.scratch)
            .map(|judged| judged.verdict)
            .map_err(|stop| stop.to_string())
    }

    /// Runs a case through its saboteurs.
    #[allow(
        dead_code,
        reason = "only one of the targets that share this module needs it"
    )]
    pub(crate) fn selftest(&self, case: &Case) -> Result<Vec<SabotageEvent>, String> {
        let events = Mutex::new(Vec::new());
        let each = |event| {
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(event);
        };
        engine::selftest(
            &self.runtime,
            &[case],
            &self.options,
            &self.scratch,
            facts(),
            &|_| None,
            &each,
        )
        .map_err(|stop| stop.to_string())?;
        Ok(events.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The runtime to judge: the one that PLIMSOLL_RUNTIME names, else ours.
pub(crate) fn runtime() -> Result<PathBuf, String> {
    match std::env::var_os("PLIMSOLL_RUNTIME") {
        Some(path) => Ok(PathBuf::from(path)),
        None => built(),
    }
}

/// plimrun as the same cargo profile builds it. Stable cargo builds no other package's binary for
/// a test, so that this one asks for it.
fn built() -> Result<PathBuf, String> {
    let plimsoll = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
    let plimrun = plimsoll.with_file_name("plimrun");
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "build",
        "--quiet",
        "--package",
        "plimrun",
        "--bin",
        "plimrun",
    ]);
    if plimsoll
        .parent()
        .is_some_and(|dir| dir.ends_with("release"))
    {
        command.arg("--release");
    }
    let build = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    if build.is_ok_and(|status| status.success()) && plimrun.is_file() {
        return Ok(plimrun);
    }
    Err(format!(
        "there is no {}: run `cargo build --package plimrun`, or name a runtime by PLIMSOLL_RUNTIME=PATH",
        plimrun.display()
    ))
}
