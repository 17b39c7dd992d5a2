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
pub fn give_back() {
    // SAFETY: the callback has the signature that is asked for, and takes no data. The C library
    // walks the one program that there is; nothing else runs in this process.
    unsafe { libc::dl_iterate_phdr(Some(drop_segments), std::ptr::null_mut()) };
    let marker = 0_u8;
    let end = page_down((&raw const marker).addr().saturating_sub(MARGIN));
    let start = end.saturating_sub(DEEPEST);
    // SAFETY: the stack grows down, and what lies more than the margin below a variable of this
    // function belongs to calls that have returned; a later call finds zeros and writes first. The
    // kernel keeps other mappings a mebibyte away from the stack (stack_guard_gap), which is more than
    // the distance, and skips what is not mapped.
    unsafe { advise(start, end - start) };
}

/// Drops the segments that are mapped from the file and cannot have been changed.
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
        // SAFETY: the segment is not writable, and the program has no relocations in such a one
        // (rustc links position-independent code), so every page equals the file's, from which the
        // kernel reads it again. The last page may be shared with what follows and is left alone.
        unsafe { advise(start, end.saturating_sub(start)) };
    }
    0
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

    #[test]
    fn code_constants_and_stack_are_whole_afterwards() {
        let kept = std::hint::black_box([7_u8; 4096]);
        let before = deep(20);
        give_back();
        assert_eq!((deep(20), kept), (before, [7; 4096]));
        assert_eq!(format!("{:?}", Some("text")), "Some(\"text\")");
    }
}
