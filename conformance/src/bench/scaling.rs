//! Containers a second, with several at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::contestant::Contestant;
use super::course::Course;
use super::document::{Kind, Throughput};
use super::setting::Setting;
use super::stats::summary;
use super::{Error, order};

/// How often each point is measured, in rotated order.
const BURSTS: usize = 5;

/// Runs containers one at a time up to twice as many at once as there are processors.
pub(super) fn measure(
    course: &mut Course<'_>,
    field: &mut [Contestant],
) -> Result<Vec<Throughput>, Error> {
    let setting = course.default_setting("scaling", &["/probe", "true"])?;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut points = Vec::new();
    for at_once in 1..=2 * processors {
        let group = format!("scaling, {at_once} at once");
        let mut found: Vec<Throughput> = field
            .iter()
            .map(|contestant| Throughput {
                contestant: contestant.entrant.name.clone(),
                at_once,
                per_second: 0.0,
                bursts: Vec::new(),
                failed: 0,
            })
            .collect();
        for burst in 0..BURSTS {
            for who in order::of_round(burst, field.len()) {
                let contestant = &mut field[who];
                if contestant.entrant.kind == Kind::Empty {
                    continue;
                }
                course
                    .progress
                    .show(&group, burst, BURSTS, &contestant.entrant.name);
                let (failed, per_second) = one_burst(course, contestant, &setting, at_once)?;
                found[who].failed += failed;
                found[who].bursts.push(per_second);
            }
        }
        points.extend(found.into_iter().filter_map(|mut point| {
            let bursts: Vec<Option<f64>> = point.bursts.iter().copied().map(Some).collect();
            point.per_second = summary(&bursts)?.median;
            Some(point)
        }));
    }
    Ok(points)
}

/// Runs a share of the rounds' containers; answers how many failed, and the others a second.
fn one_burst(
    course: &Course<'_>,
    contestant: &mut Contestant,
    setting: &Setting,
    at_once: usize,
) -> Result<(usize, f64), Error> {
    let number = course.options.rounds.div_ceil(BURSTS) * at_once;
    let calls: Vec<(Vec<String>, String)> = (0..number)
        .map(|_| {
            let id = contestant.next_id();
            (contestant.run_call(setting, &id), id)
        })
        .collect();
    let (failed, seconds) = run_all(course, contestant, &calls, at_once)?;
    Ok((failed, (number - failed) as f64 / seconds))
}

/// Makes all calls, `at_once` at a time; answers how many failed and the seconds that passed.
fn run_all(
    course: &Course<'_>,
    contestant: &Contestant,
    calls: &[(Vec<String>, String)],
    at_once: usize,
) -> Result<(usize, f64), Error> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = 0;
        while let Some((argv, id)) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !course.tools.measure(argv)?.succeeded() {
                contestant.remove(course.tools, id)?;
                failed += 1;
            }
        }
        Ok::<usize, Error>(failed)
    };
    let begun = Instant::now();
    let failed = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .sum::<Result<usize, Error>>()
    })?;
    Ok((failed, begun.elapsed().as_secs_f64()))
}
