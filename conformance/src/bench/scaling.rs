//! Containers a second, with several at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::Error;
use super::contestant::Contestant;
use super::course::Course;
use super::document::{Kind, Throughput};

/// Runs containers one at a time up to twice as many at once as there are processors.
pub(super) fn measure(
    course: &mut Course<'_>,
    field: &mut [Contestant],
) -> Result<Vec<Throughput>, Error> {
    let setting = course.default_setting("scaling", &["/probe", "true"])?;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut points = Vec::new();
    for at_once in 1..=2 * processors {
        for contestant in field
            .iter_mut()
            .filter(|contestant| contestant.entrant.kind != Kind::Empty)
        {
            course.progress.show(
                "scaling",
                at_once - 1,
                2 * processors,
                &contestant.entrant.name,
            );
            let calls: Vec<(Vec<String>, String)> = (0..course.options.rounds * at_once)
                .map(|_| contestant.run_call(&setting, &["/probe", "true"]))
                .collect();
            let (failed, seconds) = run_all(course, contestant, &calls, at_once)?;
            points.push(Throughput {
                contestant: contestant.entrant.name.clone(),
                at_once,
                per_second: (calls.len() - failed) as f64 / seconds,
                failed,
            });
        }
    }
    Ok(points)
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
