//! The cases as one `cargo test` target: one test a case, against plimrun or against
//! `PLIMSOLL_RUNTIME=PATH`.

mod suite;

use std::process::ExitCode;

use plimsoll::case::Case;
use plimsoll::verdict::Verdict;

use suite::Suite;

fn main() -> ExitCode {
    suite::main(passes)
}

fn passes(case: &Case, suite: &Suite) -> Result<(), String> {
    match suite.judge(case, &suite.runtime)? {
        Verdict::Pass | Verdict::Skip(_) => Ok(()),
        Verdict::Fail(failure) => Err(format!(
            "{}\nrequirement: {}\nexpected: {:#}\nobserved: {:#}",
            failure.what,
            failure.requirements.join(", "),
            failure.expected,
            failure.observed
        )),
        Verdict::Broken(why) => Err(format!("broken: {why}")),
    }
}
