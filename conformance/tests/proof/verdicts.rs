//! What counts as a kill: a case that passes on the honest runtime fails on the wrong one, on the
//! assertion of the requirement that the saboteur names. And: who changes nothing changes no verdict.

use plimsoll::case::Case;
use plimsoll::drive::Limits;
use plimsoll::event::{SabotageEvent, SabotageStatus};
use plimsoll::sabotage::{How, Saboteur, lies, wraps};
use plimsoll::trial::{Assert, Trial};
use plimsoll::verdict::{Check, Stop, Verdict};
use serde_json::json;

use crate::toy::Toy;

const FIRST: &str = "toy.first-word";
const SECOND: &str = "toy.second-word";

/// A case that judges two words; with what sets the scene before them.
fn two_words(before: impl Fn(&Trial) -> Check + Send + Sync + 'static) -> Case {
    Case::new("toy/say/two_words", [FIRST, SECOND]).run(move |t| {
        before(t)?;
        let said = t.runtime(["say", "one two"])?.stdout;
        let mut words = said.split_whitespace();
        t.eq("the first word", words.next(), "one")?;
        t.on(SECOND).eq("the second word", words.next(), "two")
    })
}

/// What becomes of a saboteur of a case.
fn tried(case: Case, saboteur: Saboteur) -> SabotageEvent {
    let toy = Toy::within(Limits::with_call(60.0, 1.0));
    let mut events = toy.selftest(&case.saboteurs([saboteur]));
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn survives(event: &SabotageEvent, why: &str) {
    assert_eq!(event.status, SabotageStatus::Survived, "{event:?}");
    let reason = event.reason.as_deref().unwrap_or_default();
    assert!(reason.contains(why), "{event:?}");
}

#[test]
fn a_kill_is_a_pass_and_a_failure_on_the_named_requirement_with_both_observations() {
    let wrong = lies("say", How::Reword("two", "three")).on(SECOND);
    let event = tried(two_words(|_| Ok(())), wrong);
    assert_eq!(event.status, SabotageStatus::Killed, "{event:?}");
    assert_eq!(event.case, "toy/say/two_words");
    assert_eq!(event.saboteur, "say: print \"three\" for \"two\"");
    assert_eq!(event.requirement, SECOND);
    assert_eq!(event.honest, json!({"status": "pass"}));
    assert_eq!(event.sabotaged["requirements"], json!([SECOND]));
    assert_eq!(event.sabotaged["what"], "the second word");
    assert_eq!(event.sabotaged["expected"], "two");
    assert_eq!(event.sabotaged["observed"], "three");
}

#[test]
fn a_failure_on_another_requirement_is_no_kill() {
    let wrong = lies("say", How::Reword("one", "none")).on(SECOND);
    let event = tried(two_words(|_| Ok(())), wrong);
    survives(&event, "fails on toy.first-word instead");
}

#[test]
fn a_failure_before_any_assertion_is_no_kill() {
    let scene = |t: &Trial| t.accepted(&t.runtime(["say", "scene"])?);
    let event = tried(two_words(scene), lies("say", How::Refuse));
    survives(&event, "fails before its assertions");
}

#[test]
fn a_broken_harness_is_no_kill() {
    let wrong = wraps("break", |_, _| Err(Stop::Broken("the harness".into())));
    survives(&tried(two_words(|_| Ok(())), wrong), "breaks the harness");
}

#[test]
fn a_skip_is_no_kill() {
    let wrong = wraps("skip", |_, _| Err(Stop::Skip("not here".into())));
    survives(&tried(two_words(|_| Ok(())), wrong), "skips: not here");
}

#[test]
fn a_call_that_hangs_is_no_kill() {
    let toy = Toy::within(Limits::with_call(60.0, 0.05));
    let case = two_words(|_| Ok(())).saboteurs([lies("say", How::Instead(&["hang"]))]);
    survives(&toy.selftest(&case)[0], "timed out");
}

#[test]
fn who_changes_nothing_changes_no_verdict() {
    let toy = Toy::within(Limits::with_call(60.0, 1.0));
    let identity = toy.runtime.sabotaged(&Saboteur::identity());
    let wrong = |said: &'static str| {
        two_words(move |t| t.eq("what it says", t.runtime(["say", said])?.stdout, "yes\n"))
    };
    let cases = [
        two_words(|_| Ok(())),
        wrong("no"),
        two_words(|t| t.accepted(&t.runtime(["nothing"])?)),
        two_words(|_| Err(Stop::Broken("the harness".into()))),
        two_words(|_| Err(Stop::Skip("not here".into()))),
    ];
    let mut kinds = Vec::new();
    for case in &cases {
        let honest = toy.judge(case, &toy.runtime);
        let same = |verdict: &Verdict| match verdict {
            // The directory of the trial is in what was observed of a call.
            Verdict::Fail(failure) => (failure.requirements.clone(), failure.what.clone()),
            other => (Vec::new(), format!("{other:?}")),
        };
        assert_eq!(same(&toy.judge(case, &identity)), same(&honest));
        kinds.push(same(&honest));
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), cases.len(), "the verdicts differ: {kinds:?}");
}

/// One that changes something, that is: were identity not so, the test above would notice.
#[test]
fn who_changes_something_changes_a_verdict() {
    let toy = Toy::within(Limits::with_call(60.0, 1.0));
    let wrong = toy.runtime.sabotaged(&lies("say", How::Print("one")));
    let verdict = toy.judge(&two_words(|_| Ok(())), &wrong);
    assert!(matches!(verdict, Verdict::Fail(_)), "{verdict:?}");
}
