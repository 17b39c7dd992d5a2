//! Waits for a connection with little memory: a created container may wait long, and many at once.
//!
//! What the process can make again is given back to the kernel: its code and constants, which come back from
//! the file; the stack below what is in use; and the constants with addresses in them, which a
//! position-independent program computes at its start (`.data.rel.ro`, some 70 pages here). Those are
//! first made again on trial: only pages that turn out the same are given up, and before this returns they
//! are made once more.
//!
//! In between, nothing may run that uses them: no function of the C library, and no loop over bytes that the
//! compiler trades for such a call. Hence the raw system calls and the volatile accesses, and hence only a
//! process with one thread may rest.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;

use super::process::adopt;
use super::raw;
use super::relocations::Relocations;

/// The unit of copying.
const WORD: usize = size_of::<usize>();

/// How far below the stack may have been used before. The kernel keeps other mappings a mebibyte
/// away from the stack (`stack_guard_gap`).
const DEEPEST: usize = 512 * 1024;

/// The most pages with addresses that can be given up.
const PAGES: usize = 1024;

/// From an address to another, in whole pages.
#[derive(Clone, Copy, Default)]
struct Range {
    start: usize,
    end: usize,
}

/// The program as it lies in memory.
#[derive(Clone, Copy)]
struct Image {
    /// What is added to the addresses in the file.
    base: usize,
    page: usize,
    /// Segments that are never written.
    constant: [Range; 4],
    /// What is written at the start, and only read afterwards (`PT_GNU_RELRO`).
    relocated: Range,
    relocations: Relocations,
}

/// Accepts a connection. Meanwhile the process takes as little memory as it can.
///
/// Only for a process with one thread. A failure to save memory costs memory and nothing else, so none is
/// reported.
pub fn accept(listener: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let mut image = Image {
        base: 0,
        // SAFETY: the call takes a number and reads what the kernel told at the start (getauxval(3)).
        page: usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1 << 16),
        constant: [Range::default(); 4],
        relocated: Range::default(),
        relocations: Relocations::NONE,
    };
    let place = (&raw mut image).cast();
    // SAFETY: the callback has the signature that is asked for and gets the place of an `Image`; the C
    // library walks the one program that there is.
    unsafe { libc::dl_iterate_phdr(Some(look), place) };
    #[cfg(target_env = "gnu")]
    // SAFETY: the call gives back free memory of the allocator's and takes a number.
    unsafe {
        libc::malloc_trim(0)
    };
    let length = image.relocated.end.saturating_sub(image.relocated.start);
    // SAFETY: a new mapping that nothing else uses.
    let trial = unsafe { map(length) };
    // SAFETY: this process has one thread (see above), and `trial` is as long as the relocated range.
    let accepted = unsafe { wait(&image, trial, listener.as_raw_fd()) };
    let fd = accepted.map_err(Errno::from_raw)?;
    adopt(fd).ok_or(Errno::EBADF)
}

/// Memory of its own, or null.
unsafe fn map(length: usize) -> *mut usize {
    if length == 0 {
        return std::ptr::null_mut();
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: an anonymous mapping at an address of the kernel's choice replaces none.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
    if place == libc::MAP_FAILED {
        std::ptr::null_mut()
    } else {
        place.cast()
    }
}

/// Describes the first object, which is the program.
unsafe extern "C" fn look(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    image: *mut c_void,
) -> c_int {
    // SAFETY: the C library passes a valid structure that lives through the call (dl_iterate_phdr(3)), and
    // `accept` the place of an `Image`.
    let (info, image) = unsafe { (&*info, &mut *image.cast::<Image>()) };
    image.base = info.dlpi_addr as usize;
    let (mut free, mut dynamic) = (0, 0);
    for index in 0..usize::from(info.dlpi_phnum) {
        // SAFETY: the structure says how many headers there are.
        let header = unsafe { &*info.dlpi_phdr.add(index) };
        let start = image.base + header.p_vaddr as usize;
        let range = Range {
            start: start & !(image.page - 1),
            // A last page may be shared with what follows, and is left alone.
            end: (start + header.p_memsz as usize) & !(image.page - 1),
        };
        match header.p_type {
            libc::PT_LOAD if header.p_flags & libc::PF_W == 0 && free < image.constant.len() => {
                image.constant[free] = range;
                free += 1;
            }
            libc::PT_GNU_RELRO if range.end > range.start => image.relocated = range,
            libc::PT_DYNAMIC => dynamic = start,
            _ => {}
        }
    }
    if dynamic != 0 {
        // SAFETY: the segment is the program's dynamic section.
        image.relocations = unsafe { Relocations::find(image.base, dynamic) };
        // Behind it lie the addresses of functions (`.got`), by which the code here may call.
        image.relocated.end = image.relocated.end.min(dynamic & !(image.page - 1));
    }
    1
}

/// Gives memory back, accepts, and makes again what was given back.
///
/// # Safety
/// Only in a process of one thread; `trial` must be null or as long as the relocated range.
#[inline(never)]
unsafe fn wait(image: &Image, trial: *mut usize, listener: RawFd) -> Result<RawFd, i32> {
    let mut given_up = [false; PAGES];
    // SAFETY: the caller promises what `give_up` asks; nothing below uses relocated constants until
    // `make_again` has run.
    let parked = unsafe { give_up(image, trial, &mut given_up) };
    let code = wait as *const () as usize & !(image.page - 1);
    // SAFETY: advice about reading changes nothing that can be seen. It makes of these pages an area of its own,
    // and the kernel maps no file pages around a fault beyond its area: of the code only they come back.
    let _ = unsafe {
        let random = libc::MADV_RANDOM as usize;
        raw::call(libc::SYS_madvise, [code, 2 * image.page, random, 0, 0, 0])
    };
    let end = lowest_in_use() & !(image.page - 1);
    // SAFETY: the stack grows down, and what lies below what is in use belongs to calls that have returned; a
    // later call finds zeros and writes first; no signal has a handler here. No relocation writes to the
    // constant segments (the linker refuses DT_TEXTREL), so they come back from the file, which cannot be
    // written to or cut while it is executed (ETXTBSY).
    unsafe {
        discard(Range {
            start: end - DEEPEST,
            end,
        });
        for range in image.constant {
            discard(range);
        }
    }
    let accepted = loop {
        let listener = listener as usize;
        let arguments = [listener, 0, 0, libc::SOCK_CLOEXEC as usize, 0, 0];
        // SAFETY: null addresses mean that none is wanted.
        match unsafe { raw::call(libc::SYS_accept4, arguments) } {
            Err(libc::EINTR | libc::ECONNABORTED) => {}
            answer => break answer,
        }
    };
    if parked {
        // SAFETY: as the caller promises.
        unsafe { make_again(image, &given_up) };
    }
    accepted.map(|fd| fd as RawFd)
}

/// The lowest address of the stack that the calling function may use without moving the stack pointer: the
/// System V ABI of x86_64 has a red zone of 128 bytes.
#[expect(
    clippy::inline_always,
    reason = "a function of its own would have a stack pointer of its own"
)]
#[inline(always)]
fn lowest_in_use() -> usize {
    let pointer: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction copies a register.
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the instruction copies a register.
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer - 128
}

/// madvise(2), MADV_DONTNEED.
#[expect(
    clippy::inline_always,
    reason = "one piece of code is to stay in memory, not two"
)]
#[inline(always)]
unsafe fn discard(range: Range) {
    if range.end > range.start {
        let arguments = [
            range.start,
            range.end - range.start,
            libc::MADV_DONTNEED as usize,
            0,
            0,
            0,
        ];
        // SAFETY: the caller vouches for what is in the range. A failure leaves it as it was.
        let _ = unsafe { raw::call(libc::SYS_madvise, arguments) };
    }
}

#[inline]
unsafe fn protect(range: Range, access: c_int) -> bool {
    let length = range.end - range.start;
    // SAFETY: the caller vouches for the range.
    unsafe {
        raw::call(
            libc::SYS_mprotect,
            [range.start, length, access as usize, 0, 0, 0],
        )
    }
    .is_ok()
}

/// Gives up the pages that can be made again, and says whether there are any.
///
/// # Safety
/// As for [`wait`].
#[inline(never)]
unsafe fn give_up(image: &Image, trial: *mut usize, given_up: &mut [bool; PAGES]) -> bool {
    let range = image.relocated;
    let length = range.end.saturating_sub(range.start);
    if trial.is_null() || image.relocations.is_empty() || length / image.page > PAGES {
        return false;
    }
    let own: *mut usize = std::ptr::with_exposed_provenance_mut(range.start);
    let per_page = image.page / WORD;
    // SAFETY: the range is mapped and, between the two changes of its protection, writable; `trial` is as
    // long. Nothing else reads the range meanwhile.
    unsafe {
        copy(own, trial, length / WORD);
        if !protect(range, libc::PROT_READ | libc::PROT_WRITE) {
            return false;
        }
        discard(range);
        relocate(image, None);
        for (page, gone) in given_up.iter_mut().enumerate().take(length / image.page) {
            let (own, trial) = (own.add(page * per_page), trial.add(page * per_page));
            if alike(own, trial, per_page) {
                *gone = true;
                let start = range.start + page * image.page;
                discard(Range {
                    start,
                    end: start + image.page,
                });
            } else {
                copy(trial, own, per_page);
            }
        }
        protect(range, libc::PROT_READ);
        let _ = raw::call(libc::SYS_munmap, [trial as usize, length, 0, 0, 0, 0]);
    }
    true
}

/// Makes again the pages that were given up.
///
/// # Safety
/// As for [`wait`].
#[inline(never)]
unsafe fn make_again(image: &Image, given_up: &[bool; PAGES]) {
    // SAFETY: the range is that of the program's own relocated constants.
    unsafe {
        if !protect(image.relocated, libc::PROT_READ | libc::PROT_WRITE) {
            // Nothing can run without them.
            let _ = raw::call(libc::SYS_exit_group, [1, 0, 0, 0, 0, 0]);
        }
        relocate(image, Some(given_up));
        protect(image.relocated, libc::PROT_READ);
    }
}

/// Writes the addresses of the relocated range; with `only`, those of its pages. What is written to must be as in the
/// file.
#[inline]
unsafe fn relocate(image: &Image, only: Option<&[bool; PAGES]>) {
    let range = image.relocated;
    let wanted = |place: usize| {
        let page = place.wrapping_sub(range.start) / image.page;
        place >= range.start && place < range.end && only.is_none_or(|only| only[page])
    };
    // SAFETY: the tables are the linker's, the range is writable now, and its pages are as in the file, as the caller
    // promises.
    unsafe { image.relocations.apply(wanted) };
}

#[inline]
unsafe fn copy(from: *const usize, to: *mut usize, words: usize) {
    for index in 0..words {
        // SAFETY: the caller gives two areas of this many words.
        unsafe {
            to.add(index)
                .write_volatile(from.add(index).read_volatile());
        };
    }
}

#[inline]
unsafe fn alike(left: *const usize, right: *const usize, words: usize) -> bool {
    for index in 0..words {
        // SAFETY: the caller gives two areas of this many words.
        if unsafe { left.add(index).read_volatile() != right.add(index).read_volatile() } {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::{Duration, Instant};

    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, Pid, fork};

    use super::*;

    /// Memory of a process that is no file's, in KiB (proc_pid_smaps(5)).
    fn anonymous(pid: Pid) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("readable");
        let line = text.lines().find(|line| line.starts_with("Anonymous:"));
        let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
        number
            .and_then(|number| number.parse().ok())
            .expect("a number")
    }

    #[test]
    fn a_resting_process_takes_less_memory_and_goes_on_as_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        let (mut told, mut tell) = std::io::pipe().expect("a pipe");
        // A process of its own, since only one without other threads may rest.
        // SAFETY: the child uses what this thread has made, and ends by _exit(2).
        let child = match unsafe { fork() }.expect("forked") {
            ForkResult::Parent { child } => {
                // Should the child end, nobody listens any more.
                drop(listener);
                child
            }
            ForkResult::Child => {
                // What the others of this process hold counts before as well as afterwards.
                let begun = told.read(&mut [0]);
                let accepted = accept(listener.as_fd()).expect("accepted");
                let text = format!("{:?} {:?}", Some("text"), "1.5".parse::<f64>());
                let written = UnixStream::from(accepted).write_all(text.as_bytes());
                super::super::process::exit(i32::from(begun.is_err() || written.is_err()));
            }
        };
        let (before, deadline) = (anonymous(child), Instant::now() + Duration::from_secs(60));
        tell.write_all(&[0]).expect("the child is told");
        while anonymous(child) + 200 > before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let resting = anonymous(child);
        let mut heard = String::new();
        UnixStream::connect(&path)
            .and_then(|mut stream| stream.read_to_string(&mut heard))
            .expect("the child answers");
        assert_eq!(heard, r#"Some("text") Ok(1.5)"#);
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
        assert!(resting + 200 < before, "{resting} KiB, {before} before");
    }
}
