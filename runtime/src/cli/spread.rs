//! Work on many things of a kind, spread over all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder, available_parallelism};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};

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
    let mut made = thread::scope(|scope| {
        let other = || {
            // With a table of descriptors of its own a thread need not wait for the others' when it opens one. They
            // share none here. Where that is refused, it waits.
            let _ = unshare(CloneFlags::CLONE_FILES);
            work()
        };
        // Where no thread is to be had, those that there are do its share.
        let others: Vec<_> = (1..threads)
            .map_while(|_| Builder::new().spawn_scoped(scope, other).ok())
            .collect();
        let mut made = work();
        for other in others {
            made.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
