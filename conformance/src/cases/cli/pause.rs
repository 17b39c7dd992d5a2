//! `pause` and `resume`, which the specification does not have.

use crate::cases::prelude::*;
use crate::observe::facts;

const PAUSED: &str = "pause.freezes";
const RESUMED: &str = "pause.resume-thaws";

pub(super) fn cases() -> Vec<Case> {
    vec![
        frozen(),
        thawed(),
        refused("pause_of_a_paused_is_refused", "pause", &["pause"]),
        refused("resume_of_a_running_is_refused", "resume", &[]),
    ]
}

fn case(name: &str, covers: impl crate::case::Ids) -> Case {
    Case::new(format!("cli/pause/{name}"), covers).needs([Need::Cgroup("freezer")])
}

/// Whether the kernel says that all of the container is frozen.
fn is_frozen(t: &Trial) -> Check<bool> {
    let (seen, word) = if facts().cgroups.has_v1("freezer") {
        (t.own_v1("freezer", "freezer.state")?, "FROZEN")
    } else {
        (t.own_v2("cgroup.events")?, "frozen 1")
    };
    Ok(seen.iter().any(|text| text.contains(word)))
}

fn frozen() -> Case {
    case("freezes_all", PAUSED)
        .run(|t| {
            let agent = t.agent()?;
            agent.get(|p| p.spawn(&["/probe", "sleep", "600000"]))?;
            t.succeeds(&t.runtime(["pause", t.id()])?)?;
            t.that("the cgroup is frozen", is_frozen(t)?, t.id())?;
            t.eq("the status", t.state()?.raw["status"].take(), "paused")
        })
        .saboteurs([
            lies("pause", How::Skip),
            lies("pause", How::Exit(1)),
            defers("pause"),
            lies("state", How::output("/status", "running")),
        ])
}

fn thawed() -> Case {
    case("resume_thaws", RESUMED)
        .run(|t| {
            let agent = t.agent()?;
            t.accepted(&t.runtime(["pause", t.id()])?)?;
            t.succeeds(&t.runtime(["resume", t.id()])?)?;
            t.that("the cgroup is thawed", !is_frozen(t)?, t.id())?;
            t.eq("the status", t.state()?.raw["status"].take(), "running")?;
            let answer = agent.attempt(|p| p.create("/file"))?;
            t.eq("what the program does", answer, "OK")
        })
        .saboteurs([
            lies("resume", How::Skip),
            lies("resume", How::Exit(1)),
            defers("resume"),
        ])
}

/// An operation that does not suit the state to which these have led.
fn refused(name: &str, operation: &'static str, before: &'static [&'static str]) -> Case {
    case(name, "pause.wrong-state-errors")
        .run(move |t| {
            t.agent()?;
            for call in before {
                t.accepted(&t.runtime([*call, t.id()])?)?;
            }
            t.errors(&t.runtime([operation, t.id()])?)
        })
        .saboteurs([lies(operation, How::Exit(0))])
}
