//! Gives back memory that a process which only waits does not need.

use std::ffi::{c_int, c_void};

use nix::libc;

/// What may lie between the marker on the stack and what the calls below it still use.
const MARGIN: usize = 16 * 1024;

/// How far below the margin the stack may have been used before.
const DEEPEST: usize = 512 * 1024;

/// Drops this process's view of its own code and constants, which comes back from the file page by
/// page where it is needed, and the part of the stack below what is in use.
///
/// Only for the first thread: the stack of another may be smaller than what is looked through. A
/// failure costs memory and nothing else, so none is reported.
// Not inlined: the marker shall lie in a frame that is smaller than the margin.
#[inline(never)]
pub fn give_back() {
    // SAFETY: the callback has the signature that is asked for, and takes no data.
    unsafe { libc::dl_iterate_phdr(Some(drop_segments), std::ptr::null_mut()) };
    let marker = 0_u8;
    let end = page_down(
        (&raw const marker)
            .expose_provenance()
            .saturating_sub(MARGIN),
    );
    let start = end.saturating_sub(DEEPEST);
    // SAFETY: the stack grows down, and what lies more than the margin below a variable of this
    // function belongs to calls that have returned: those that it makes itself need a few hundred bytes,
    // and no signal has a handler here. A later call finds zeros and writes first. The kernel keeps other
    // mappings 256 pages away from the stack (stack_guard_gap), which is more than the distance, and skips
    // what is not mapped.
    unsafe { advise(start, end - start) };
}

/// Drops the segments of the program that are mapped from its file and cannot have been changed. What
/// relocation has written to and protected since (PT_GNU_RELRO) is a part of a writable segment.
unsafe extern "C" fn drop_segments(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: the C library passes a valid structure that lives through the call (dl_iterate_phdr(3)).
    let info = unsafe { &*info };
    let first = info.dlpi_phdr;
    for index in 0..usize::from(info.dlpi_phnum) {
        // SAFETY: the structure says how many headers there are.
        let header = unsafe { &*first.add(index) };
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let start = page_down((info.dlpi_addr + header.p_vaddr) as usize);
        let end = page_down((info.dlpi_addr + header.p_vaddr + header.p_memsz) as usize);
        // SAFETY: the segment is not writable, and no relocation writes to such a one (the linker refuses
        // DT_TEXTREL), so every page equals the file's, from which the kernel reads it again; the file
        // cannot be written to or cut while it is executed (ETXTBSY). The first page is this segment's
        // alone, since the linker gives segments of different protection pages of their own, and the
        // kernel maps the whole of it from the file. The last one is left, in case it is not whole.
        unsafe { advise(start, end.saturating_sub(start)) };
    }
    // The program comes first; what follows, such as the kernel's vDSO, is not its file.
    1
}

/// madvise(2), MADV_DONTNEED.
unsafe fn advise(start: usize, length: usize) {
    // SAFETY: the caller vouches for what is in the range; the address is an exposed one.
    unsafe {
        libc::madvise(
            std::ptr::with_exposed_provenance_mut(start),
            length,
            libc::MADV_DONTNEED,
        )
    };
}

/// The start of the page that an address lies in.
fn page_down(address: usize) -> usize {
    // SAFETY: the call takes a number and reads what the kernel told at the start (getauxval(3)).
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    address & !(usize::try_from(size).unwrap_or(1 << 16) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn deep(levels: usize) -> usize {
        let room = std::hint::black_box([levels; 512]);
        if levels == 0 {
            room[1]
        } else {
            deep(levels - 1) + room[1]
        }
    }

    /// With a stack that holds all that is looked through, as a first thread's does.
    fn on_a_large_stack(test: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().stack_size(4 << 20);
        thread
            .spawn(test)
            .expect("a thread")
            .join()
            .expect("it passes");
    }

    #[test]
    fn code_constants_and_stack_are_whole_afterwards() {
        on_a_large_stack(|| {
            let kept = std::hint::black_box([7_u8; 4096]);
            let before = deep(20);
            give_back();
            assert_eq!((deep(20), kept), (before, [7; 4096]));
            // By way of a table of functions, which relocation has written.
            let shown: &dyn std::fmt::Debug = std::hint::black_box(&Some("text"));
            assert_eq!(format!("{shown:?}"), "Some(\"text\")");
        });
    }

    /// The pages between these addresses that are there (mincore(2) would count the page cache too).
    fn resident(range: std::ops::Range<usize>) -> usize {
        use std::os::unix::fs::FileExt;
        let page = range.end - page_down(range.end - 1);
        let pagemap = std::fs::File::open("/proc/self/pagemap").expect("pagemap");
        let mut bytes = vec![0; (range.end - range.start) / page * 8];
        pagemap
            .read_exact_at(&mut bytes, (range.start / page * 8) as u64)
            .expect("readable");
        // proc_pid_pagemap(5): bit 63 of an entry says that the page is present.
        bytes.chunks(8).filter(|entry| entry[7] & 0x80 != 0).count()
    }

    #[test]
    fn the_stack_below_is_given_back() {
        on_a_large_stack(|| {
            let marker = std::hint::black_box(0_u8);
            let end = page_down((&raw const marker).addr() - 4 * MARGIN);
            let below = end - DEEPEST / 2..end;
            std::hint::black_box(deep(100));
            let before = resident(below.clone());
            give_back();
            assert!(before > 32, "{before}");
            assert_eq!(resident(below), 0);
        });
    }
}
