//! A crowd of running containers, beside which to list and to start another.

use std::time::Duration;

use super::contestant::{Block, Contestant, Miss, Setting};
use super::course::Course;
use super::document::Kind;
use super::{Error, at};

/// For each number that was asked for: that many containers of each runtime, then `list` and `run`.
pub(super) fn crowd(course: &mut Course<'_>, field: &mut [Contestant]) -> Result<(), Error> {
    let numbers = course.options.resident.clone();
    if numbers.is_empty() {
        return Ok(());
    }
    let agent = course.default_setting("crowd", &["/probe", "agent"])?;
    let stamp = course.default_setting("crowd-stamp", &["/probe", "stamp"])?;
    for number in numbers {
        let group = format!("resident/{number}");
        for (who, contestant) in field.iter_mut().enumerate() {
            if contestant.entrant.kind != Kind::Runtime {
                continue;
            }
            let name = contestant.entrant.name.clone();
            let (input, kept) = at("make a pipe", std::io::pipe())?;
            let mut ids = Vec::new();
            let mut missed: Option<Miss> = None;
            while ids.len() < number && missed.is_none() {
                course.progress.show(&group, ids.len(), number, &name);
                let input = at("share a pipe", input.try_clone())?;
                match contestant.start_idle(course.tools, &agent, input.into())? {
                    Ok(id) => ids.push(id),
                    Err(miss) => missed = Some(miss),
                }
            }
            let measured = match missed {
                Some(miss) => {
                    course.note(&name, &group, &miss.why);
                    Ok(())
                }
                None => beside(course, &group, (who, contestant), &stamp),
            };
            // The agents end with their input, so that removing them need not kill.
            drop(kept);
            for id in &ids {
                contestant.remove(course.tools, id)?;
            }
            measured?;
        }
    }
    Ok(())
}

/// Lists and runs beside the crowd.
fn beside(
    course: &mut Course<'_>,
    group: &str,
    (who, contestant): (usize, &mut Contestant),
    stamp: &Setting,
) -> Result<(), Error> {
    for round in 0..course.options.rounds {
        let name = contestant.entrant.name.clone();
        let mut samples = contestant.list(course.tools)?;
        samples.extend(contestant.measure(course.tools, Block::Run, stamp)?);
        for (phase, sample) in samples {
            course.record(group, Duration::ZERO, (who, &name), (phase, round), sample);
        }
    }
    Ok(())
}
