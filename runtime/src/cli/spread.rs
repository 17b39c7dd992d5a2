//! Work on many things of a kind, spread over all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder, available_parallelism};

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity, unshare};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Pid;

/// So many things are no more than one thread's work: another would be ready too late.
const SHARE: usize = 200;

/// So many a thread takes at once. It takes more when it is done with them, since the processors belong to others
/// too.
const PIECE: usize = 16;

/// So many descriptors the process must be allowed for there to be threads: each has some open, and copies of some
/// that others had when it began.
const DESCRIPTORS: u64 = 256;

/// What the workers make of the things, piece by piece in their order. Each thread makes a worker of its own.
pub(super) fn spread<T: Sync, R: Send, W: FnMut(&[T]) -> R>(
    things: &[T],
    worker: impl Fn() -> W + Sync,
) -> Vec<R> {
    let allowed = || getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(soft, _)| soft >= DESCRIPTORS);
    let threads = match things.len().div_ceil(SHARE) {
        shares if shares > 1 && allowed() => {
            available_parallelism().map_or(1, NonZero::get).min(shares)
        }
        _ => 1,
    };
    let taken = AtomicUsize::new(0);
    let work = || {
        let mut worker = worker();
        let mut made = Vec::new();
        loop {
            let at = taken.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = things.chunks(PIECE).nth(at) else {
                return made;
            };
            made.push((at, worker(piece)));
        }
    };
    let places = if threads > 1 { places() } else { None };
    let mut made = thread::scope(|scope| {
        let other = |number: usize| {
            if let Some((elsewhere, all)) = &places {
                go_to(elsewhere, all, number);
            }
            // With a table of descriptors of its own a thread need not wait for the others' when it opens one. They
            // share none here. Where that is refused, it waits.
            let _ = unshare(CloneFlags::CLONE_FILES);
            work()
        };
        // Where no thread is to be had, those that there are do its share.
        let others: Vec<_> = (1..threads)
            .map_while(|number| {
                Builder::new()
                    .spawn_scoped(scope, move || other(number))
                    .ok()
            })
            .collect();
        // They begin on this processor, and leave it.
        thread::yield_now();
        let mut made = work();
        for other in others {
            made.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, result)| result).collect()
}

/// The processors beside the one that this thread runs on, and all that it may run on.
fn places() -> Option<(Vec<usize>, CpuSet)> {
    let all = sched_getaffinity(SELF).ok()?;
    let here = sched_getcpu().ok()?;
    let may = |cpu: &usize| *cpu != here && all.is_set(*cpu).unwrap_or(false);
    Some(((0..CpuSet::count()).filter(may).collect(), all))
}

/// The calling thread, to sched_setaffinity(2).
const SELF: Pid = Pid::from_raw(0);

/// Takes a thread to a processor of its own: the kernel leaves it where it was made for longer than the work takes.
/// It may be moved on from there, as another may need the place. Where that is refused, it stays.
fn go_to(elsewhere: &[usize], all: &CpuSet, number: usize) {
    let mut place = CpuSet::new();
    let chosen = elsewhere.get(number - 1).map(|cpu| place.set(*cpu));
    if chosen == Some(Ok(())) && sched_setaffinity(SELF, &place).is_ok() {
        let _ = sched_setaffinity(SELF, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_leave_the_place_that_it_went_to() {
        let (elsewhere, all) = places().expect("this thread runs somewhere");
        go_to(&elsewhere, &all, 1);
        assert_eq!(sched_getaffinity(SELF), Ok(all));
        go_to(&elsewhere, &all, elsewhere.len() + 1);
        assert_eq!(sched_getaffinity(SELF), Ok(all));
    }

    #[test]
    fn all_is_done_once_and_in_order() {
        for count in [0, 1, PIECE, PIECE + 1, SHARE, SHARE + 1, 10 * SHARE + 7] {
            let things: Vec<usize> = (0..count).collect();
            let workers = AtomicUsize::new(0);
            let pieces = spread(&things, || {
                workers.fetch_add(1, Ordering::Relaxed);
                |piece: &[usize]| piece.to_vec()
            });
            assert_eq!(pieces.concat(), things);
            let most = count.div_ceil(SHARE).max(1);
            assert!((1..=most).contains(&workers.into_inner()), "{count}");
        }
    }
}
