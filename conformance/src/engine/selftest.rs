//! Proves of cases that they can fail: runs each on the honest runtime, then through each of its
//! saboteurs.

use serde_json::{Value, json};

use super::run::{Options, judge, parallel};
use super::scratch::Scratch;
use crate::case::{Case, Name};
use crate::drive::Runtime;
use crate::event::{SabotageEvent, SabotageStatus};
use crate::machine::Facts;
use crate::sabotage::Saboteur;
use crate::verdict::{Check, Verdict};

/// Runs every saboteur of the cases that the machine lets work. `each` is told of each saboteur and
/// requirement as it is decided, in any order, from any thread; after a signal as [`super::run`] has it.
pub fn selftest(
    runtime: &Runtime,
    cases: &[&Case],
    options: &Options,
    scratch: &Scratch,
    facts: &Facts,
    skip: &(dyn Fn(&Case) -> Option<String> + Sync),
    each: &(dyn Fn(SabotageEvent) + Sync),
) -> Check {
    parallel(options, runtime, cases, &|case: &Case| {
        let honest = match skip(case) {
            Some(why) => Verdict::Skip(why),
            None => judge(case, runtime, options, scratch)?.verdict,
        };
        for saboteur in &case.saboteurs {
            let lacking = saboteur.needs.iter().find_map(|need| need.met(facts).err());
            let honest = match lacking {
                Some(why) if honest == Verdict::Pass => &Verdict::Skip(why),
                _ => &honest,
            };
            let wrong = runtime.sabotaged(saboteur);
            // Only a green case can be turned red.
            let sabotaged = if *honest == Verdict::Pass && saboteur.equivalent.is_none() {
                Some(judge(case, &wrong, options, scratch)?.verdict)
            } else {
                None
            };
            for requirement in targets(case, saboteur) {
                let (status, reason) = decide(&requirement, saboteur, honest, sabotaged.as_ref());
                each(SabotageEvent {
                    case: case.id.to_string(),
                    saboteur: saboteur.text.to_string(),
                    requirement: requirement.into_owned(),
                    status,
                    honest: shown(Some(honest)),
                    sabotaged: shown(sabotaged.as_ref()),
                    reason,
                    machine: facts.machine.clone(),
                });
            }
        }
        Ok(())
    })
}

/// The requirements that a saboteur must turn red: those it names, else the case's primary one.
pub(crate) fn targets(case: &Case, saboteur: &Saboteur) -> Vec<Name> {
    if saboteur.on.is_empty() {
        case.covers.iter().take(1).cloned().collect()
    } else {
        saboteur.on.clone()
    }
}

/// Killed: green on the honest runtime, then red on an assertion of the requirement.
fn decide(
    requirement: &str,
    saboteur: &Saboteur,
    honest: &Verdict,
    sabotaged: Option<&Verdict>,
) -> (SabotageStatus, Option<String>) {
    use SabotageStatus::{Equivalent, Killed, Skip, Survived};
    match honest {
        Verdict::Skip(why) => return (Skip, Some(why.clone())),
        Verdict::Fail(failure) => {
            return (
                Survived,
                Some(format!("fails on the honest runtime: {}", failure.what)),
            );
        }
        Verdict::Broken(why) => {
            return (
                Survived,
                Some(format!("broken on the honest runtime: {why}")),
            );
        }
        Verdict::Pass => {}
    }
    if let Some(why) = &saboteur.equivalent {
        return (Equivalent, Some(why.to_string()));
    }
    match sabotaged {
        None | Some(Verdict::Pass) => (Survived, Some("still passes".into())),
        Some(Verdict::Skip(why)) => (Survived, Some(format!("skips: {why}"))),
        Some(Verdict::Broken(why)) => (Survived, Some(format!("breaks the harness: {why}"))),
        Some(Verdict::Fail(failure)) if failure.timed_out => {
            (Survived, Some("a call of the runtime timed out".into()))
        }
        Some(Verdict::Fail(failure)) => {
            if failure.requirements.iter().any(|id| id == requirement) {
                (Killed, None)
            } else if failure.requirements.is_empty() {
                (
                    Survived,
                    Some(format!("fails before its assertions: {}", failure.what)),
                )
            } else {
                let charged = failure.requirements.join(", ");
                (
                    Survived,
                    Some(format!("fails on {charged} instead: {}", failure.what)),
                )
            }
        }
    }
}

/// A verdict as the log shows it.
fn shown(verdict: Option<&Verdict>) -> Value {
    match verdict {
        None => Value::Null,
        Some(Verdict::Pass) => json!({ "status": "pass" }),
        Some(Verdict::Skip(why)) => json!({ "status": "skip", "reason": why }),
        Some(Verdict::Broken(why)) => json!({ "status": "broken", "reason": why }),
        Some(Verdict::Fail(failure)) => json!({
            "status": "fail",
            "requirements": failure.requirements,
            "what": failure.what,
            "expected": failure.expected,
            "observed": failure.observed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sabotage::drops;
    use crate::verdict::Failure;

    fn fail(requirements: &[&str], timed_out: bool) -> Verdict {
        Verdict::Fail(Box::new(Failure {
            requirements: requirements.iter().map(ToString::to_string).collect(),
            what: "x".into(),
            expected: Value::Null,
            observed: Value::Null,
            timed_out,
        }))
    }

    fn status(honest: &Verdict, sabotaged: &Verdict) -> SabotageStatus {
        decide("r", &drops("/x"), honest, Some(sabotaged)).0
    }

    #[test]
    fn only_a_failure_of_the_named_requirement_is_a_kill() {
        let green = Verdict::Pass;
        assert_eq!(status(&green, &fail(&["r"], false)), SabotageStatus::Killed);
        assert_eq!(
            status(&green, &fail(&["a", "r"], false)),
            SabotageStatus::Killed
        );
        for survivor in [
            Verdict::Pass,
            fail(&["other"], false),
            fail(&[], false),
            fail(&["r"], true),
            Verdict::Broken("b".into()),
            Verdict::Skip("s".into()),
        ] {
            assert_eq!(
                status(&green, &survivor),
                SabotageStatus::Survived,
                "{survivor:?}"
            );
        }
    }

    #[test]
    fn a_case_that_is_not_green_proves_nothing() {
        let red = fail(&["r"], false);
        assert_eq!(status(&red, &red), SabotageStatus::Survived);
        assert_eq!(
            status(&Verdict::Skip("s".into()), &red),
            SabotageStatus::Skip
        );
    }

    #[test]
    fn an_equivalent_saboteur_is_counted_apart() {
        let saboteur = drops("/x").equivalent("the kernel ignores it");
        let (status, reason) = decide("r", &saboteur, &Verdict::Pass, None);
        assert_eq!(status, SabotageStatus::Equivalent);
        assert_eq!(reason.as_deref(), Some("the kernel ignores it"));
    }
}
