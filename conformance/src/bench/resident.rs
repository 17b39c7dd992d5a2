//! A crowd of running containers, beside which to list and to start another.

use std::io::PipeReader;

use super::blocks::Block;
use super::contestant::Contestant;
use super::course::{Course, Part};
use super::setting::Setting;
use super::{Error, at};

/// For each runtime and each number that was asked for: that many of its containers, then `list` and `run`,
/// with the floor and the empty program in the same rounds, with each pause: beside a crowd, what the kernel still does
/// for the container before is no little thing.
pub(super) fn crowd(course: &mut Course<'_>, field: &mut [Contestant]) -> Result<(), Error> {
    let mut numbers = course.options.resident.clone();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return Ok(());
    }
    let agent = course.default_setting("crowd", &["/probe", "agent"])?;
    let stamp = course.default_setting("crowd-stamp", &["/probe", "stamp"])?;
    for who in 0..field.len() {
        if !field[who].is_runtime() {
            continue;
        }
        let (input, kept) = at("make a pipe", std::io::pipe())?;
        let mut ids = Vec::new();
        let measured: Result<(), Error> = numbers.iter().try_for_each(|number| {
            let group = format!("resident/{number}/{}", field[who].entrant.name);
            if fill(
                course,
                &group,
                &mut field[who],
                (&agent, &input),
                (&mut ids, *number),
            )? {
                beside(course, &group, field, who, &stamp)?;
            }
            Ok(())
        });
        // The agents end with their input, so that removing them need not kill.
        drop(kept);
        for id in &ids {
            field[who].remove(course.tools, id)?;
        }
        measured?;
    }
    Ok(())
}

/// Starts containers until there are `number`; false where one failed, which is noted.
fn fill(
    course: &mut Course<'_>,
    group: &str,
    contestant: &mut Contestant,
    (agent, input): (&Setting, &PipeReader),
    (ids, number): (&mut Vec<String>, usize),
) -> Result<bool, Error> {
    let name = contestant.entrant.name.clone();
    while ids.len() < number {
        course.progress.show(group, ids.len(), number, &name);
        let input = at("share a pipe", input.try_clone())?;
        match contestant.start_idle(course.tools, agent, input.into())? {
            Ok((id, _)) => ids.push(id),
            Err(miss) => {
                course.note(&name, group, &miss.why);
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Lists and runs beside the crowd of contestant number `who`.
fn beside(
    course: &mut Course<'_>,
    group: &str,
    field: &mut [Contestant],
    who: usize,
    stamp: &Setting,
) -> Result<(), Error> {
    let name = field[who].entrant.name.clone();
    course.options.pauses.iter().try_for_each(|pause| {
        let part = Part {
            group,
            pause: *pause,
            blocks: &[Block::Process, Block::List, Block::Run],
            runtime: Some(&name),
        };
        course.rounds(&part, field, |_| stamp.clone())
    })
}
