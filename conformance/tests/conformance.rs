//! The cases as one `cargo test` target: one test a case, against plimrun or against
//! `PLIMSOLL_RUNTIME=PATH`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use plimsoll::case::Case;
use plimsoll::cases;
use plimsoll::drive::Runtime;
use plimsoll::engine::{self, Judged, Options, Scratch};
use plimsoll::verdict::Verdict;

/// What the tests share. The scratch directory goes with its last user.
struct Suite {
    runtime: Runtime,
    options: Options,
    scratch: Scratch,
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    // Listing needs no runtime, and tools list before they build everything.
    let suite = if args.list { None } else { Some(prepare()) };
    let suite = match suite.transpose() {
        Ok(suite) => suite.map(Arc::new),
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let tests = cases::all()
        .into_iter()
        .map(|case| test(case, suite.clone()))
        .collect();
    let conclusion = libtest_mimic::run(&args, tests);
    drop(suite);
    conclusion.exit_code()
}

fn prepare() -> Result<Suite, String> {
    let path = match std::env::var_os("PLIMSOLL_RUNTIME") {
        Some(path) => PathBuf::from(path),
        None => built()?,
    };
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let runtime =
        Runtime::new(name, vec![path.display().to_string()]).map_err(|error| error.to_string())?;
    // libtest-mimic schedules; each test runs one case.
    let options = Options {
        jobs: 1,
        ..Options::default()
    };
    let scratch = Scratch::new().map_err(|error| error.to_string())?;
    let (runtime, view) =
        engine::fit_view(runtime, &options, &scratch).map_err(|error| error.to_string())?;
    if let Some(view) = view {
        eprintln!("note: {} is called in {view}", runtime.name);
    }
    Ok(Suite {
        runtime,
        options,
        scratch,
    })
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

fn test(case: Case, suite: Option<Arc<Suite>>) -> Trial {
    let name = case.id.to_string();
    let unmet = unmet(&case);
    let ignored = unmet.is_some();
    let kind = unmet.unwrap_or_default();
    Trial::test(name, move || match suite {
        Some(suite) => run(&case, &suite),
        None => Err("the suite was not prepared".into()),
    })
    .with_kind(kind)
    .with_ignored_flag(ignored)
}

/// What the machine lacks for the case.
fn unmet(case: &Case) -> Option<String> {
    let _ = case;
    None
}

fn run(case: &Case, suite: &Suite) -> Result<(), Failed> {
    let verdict = Mutex::new(None);
    let keep = |judged: Judged<'_>| {
        *verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged.verdict);
    };
    engine::run(
        &suite.runtime,
        &[case],
        &suite.options,
        &suite.scratch,
        &|_| None,
        &keep,
    )
    .map_err(|stop| stop.to_string())?;
    match verdict.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(Verdict::Pass | Verdict::Skip(_)) => Ok(()),
        Some(Verdict::Fail(failure)) => Err(format!(
            "{}\nrequirement: {}\nexpected: {:#}\nobserved: {:#}",
            failure.what,
            failure.requirements.join(", "),
            failure.expected,
            failure.observed
        )
        .into()),
        Some(Verdict::Broken(why)) => Err(format!("broken: {why}").into()),
        None => Err("the case was not run".into()),
    }
}
