//! Each case proves that it can fail: one test a case, on the same runtime as the cases' own.

mod suite;

use std::process::ExitCode;

use plimsoll::case::Case;
use plimsoll::event::SabotageStatus;
use plimsoll::sabotage::Saboteur;
use plimsoll::verdict::Verdict;

use suite::Suite;

fn main() -> ExitCode {
    suite::main(can_fail)
}

/// The identity saboteur changes nothing, and each of the case's own turns it red.
fn can_fail(case: &Case, suite: &Suite) -> Result<(), String> {
    let identity = suite.runtime.sabotaged(&Saboteur::identity());
    match suite.judge(case, &identity)? {
        Verdict::Pass => {}
        Verdict::Skip(_) => return Ok(()),
        other => return Err(format!("not green on the honest runtime: {other:?}")),
    }
    let survivors: Vec<String> = suite
        .selftest(case)?
        .into_iter()
        .filter(|event| event.status == SabotageStatus::Survived)
        .map(|event| {
            let reason = event.reason.unwrap_or_default();
            format!(
                "`{}` on {}: {reason}\n  {:#}",
                event.saboteur, event.requirement, event.sabotaged
            )
        })
        .collect();
    if survivors.is_empty() {
        Ok(())
    } else {
        Err(survivors.join("\n"))
    }
}
