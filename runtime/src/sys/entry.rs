//! Where the program begins, before the C library does.
//!
//! A command that puts a process into a container runs from a protected file
//! ([`protect`](crate::exec::protect)), for which the program executes itself. Where that happens only
//! in `main`, the C library has begun twice. So it happens here: what is linked as the program's entry point
//! looks at the arguments, executes the protected file if it can, and else goes on to the C library's
//! `_start`, or to a shorter way to the same (`start.rs`) where build.rs knows the library.
//! `protect` finds that nothing is left to do, or does it in its own, more thorough way.
//!
//! Nothing is relocated yet and there is no thread-local storage: no code here may use a pointer from a
//! constant, errno, or a function of the C library, not even `memcmp`, for which the compiler would trade a
//! plain loop over bytes; hence the volatile reads.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::libc;

#[cfg(not(known_libc))]
use self::_start as start;
use super::mount::{MountAttr, attr};
use super::raw;
#[cfg(known_libc)]
use super::start::plimrun_start as start;

unsafe extern "C" {
    /// The C library's beginning.
    pub(super) fn _start() -> !;
}

/// The entry point, named to the linker by build.rs. The kernel's stack is passed on as it was.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn plimrun_entry() -> ! {
    naked_asm!(
        "mov rbx, rsp",
        "mov r12, rdx",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {early}",
        "mov rsp, rbx",
        "mov rdx, r12",
        "jmp {start}",
        early = sym early,
        start = sym start,
    )
}

/// The entry point, named to the linker by build.rs. The kernel's stack is passed on as it was.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn plimrun_entry() -> ! {
    naked_asm!(
        "mov x19, x0",
        "mov x0, sp",
        "bl {early}",
        "mov x0, x19",
        "b {start}",
        early = sym early,
        start = sym start,
    )
}

/// Executes the protected file where the command enters a container. It returns where it need not, or
/// cannot.
extern "C" fn early(stack: *const usize) {
    // SAFETY: the kernel lays out argc, that many pointers to terminated strings, a null, and the
    // environment likewise (execve(2), fs/binfmt_elf.c create_elf_tables).
    let (argv, envp, enters) = unsafe {
        let count = stack.read_volatile();
        let argv = stack.add(1).cast::<*const u8>();
        let mut enters = false;
        for index in 1..count {
            enters |= names_entering_command(argv.add(index).read_volatile());
        }
        (argv, argv.add(count + 1), enters)
    };
    if enters {
        execute_protected(argv, envp);
    }
}

/// Whether an argument is the name of a command that enters a container. It may be the value of a flag
/// instead; then another command runs protected, which does no harm.
///
/// # Safety
/// `text` must point to a terminated string.
unsafe fn names_entering_command(text: *const u8) -> bool {
    let mut packed = 0_u64;
    for index in 0..8 {
        // SAFETY: the string has not ended before this byte, or the loop would have.
        let byte = unsafe { text.add(index).read_volatile() };
        if byte == 0 {
            return packed == pack(b"create")
                || packed == pack(b"run")
                || packed == pack(b"exec")
                || packed == pack(b"restore");
        }
        packed = packed << 8 | u64::from(byte);
    }
    false
}

/// A word of at most eight letters as a number, since a constant string would be a pointer.
const fn pack(word: &[u8]) -> u64 {
    let mut packed = 0;
    let mut index = 0;
    while index < word.len() {
        packed = packed << 8 | word[index] as u64;
        index += 1;
    }
    packed
}

/// Whether the own file was found protected before the C library began.
static PROTECTED: AtomicBool = AtomicBool::new(false);

/// Whether the entry point has found that this program runs from a file that nobody can write.
pub fn found_protected() -> bool {
    PROTECTED.load(Ordering::Relaxed)
}

/// Whether the file `own` lies on something read-only; nothing where that cannot be told.
fn is_read_only(own: usize) -> Option<bool> {
    let here = libc::AT_FDCWD as usize;
    let (write, effective) = (libc::W_OK as usize, libc::AT_EACCESS as usize);
    // SAFETY: the path is a terminated string; nothing is written.
    match unsafe { raw::call(libc::SYS_faccessat2, [here, own, write, effective, 0, 0]) } {
        Ok(_) => return Some(false),
        Err(libc::EROFS) => return Some(true),
        // Who may not write the file is not told more; and the call is of Linux 5.8.
        Err(_) => {}
    }
    // It counts the blocks of the whole file system, hence only now.
    // `struct statfs` of asm-generic/statfs.h in its words on 64 bits; `f_flags` is the eleventh.
    let mut about = [0_u64; 15];
    let place = about.as_mut_ptr() as usize;
    call(libc::SYS_statfs, [own, place, 0, 0, 0, 0])?;
    Some(about[10] & libc::ST_RDONLY != 0)
}

/// Executes a read-only detached mount of the own file, unless this is one. Any failure is left to
/// `protect`, which has other ways and says why.
fn execute_protected(argv: *const *const u8, envp: *const *const u8) {
    let own = c"/proc/self/exe".as_ptr() as usize;
    let empty = c"".as_ptr() as usize;
    match is_read_only(own) {
        None => return,
        Some(true) => {
            PROTECTED.store(true, Ordering::Relaxed);
            // SAFETY: the environment is the kernel's, and what it puts behind it follows.
            if let Some(tree) = unsafe { executed_descriptor(envp) } {
                keep_tree(tree);
            }
            return;
        }
        Some(false) => {}
    }
    // Not close-on-exec: the program that is executed keeps it open as long as it has no time to lose.
    let clone = libc::OPEN_TREE_CLONE as usize;
    let here = libc::AT_FDCWD as usize;
    let Some(tree) = call(libc::SYS_open_tree, [here, own, clone, 0, 0, 0]) else {
        return;
    };
    let readonly = MountAttr {
        set: attr::RDONLY,
        clear: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let place = (&raw const readonly) as usize;
    let at_empty = libc::AT_EMPTY_PATH as usize;
    let size = size_of::<MountAttr>();
    let arguments = [tree, empty, at_empty, place, size, 0];
    if call(libc::SYS_mount_setattr, arguments).is_some() {
        let (argv, envp) = (argv as usize, envp as usize);
        let arguments = [tree, empty, argv, envp, at_empty, 0];
        call(libc::SYS_execveat, arguments);
    }
    call(libc::SYS_close, [tree, 0, 0, 0, 0, 0]);
}

/// The descriptor of the detached mount that this program runs from, or -1.
static TREE: AtomicI32 = AtomicI32::new(-1);

/// The descriptor of the detached mount that this program runs from, if that is still open.
///
/// The last one that is closed takes the mount apart, for which the kernel waits until no processor can be
/// looking at it any more: 60 to 120 µs. So it is closed while another process is at work, or with all else.
pub fn own_tree() -> Option<RawFd> {
    Some(TREE.load(Ordering::Relaxed)).filter(|fd| *fd >= 0)
}

/// Closes the descriptor of [`own_tree`].
pub fn close_own_tree() {
    let fd = TREE.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the entry point has taken this descriptor over, and nobody closes it but here, once.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// Keeps the descriptor from whoever is executed next. A caller of its own may have executed this program by a
/// descriptor, too, and left that open; it is no other then.
fn keep_tree(tree: usize) {
    let (set, cloexec) = (libc::F_SETFD as usize, libc::FD_CLOEXEC as usize);
    if call(libc::SYS_fcntl, [tree, set, cloexec, 0, 0, 0]).is_some() {
        TREE.store(tree as RawFd, Ordering::Relaxed);
    }
}

/// The descriptor by which this program was executed: the kernel names the file `/dev/fd/N` then (`AT_EXECFN`,
/// getauxval(3)).
///
/// # Safety
/// `envp` must be the kernel's, which the auxiliary vector follows.
unsafe fn executed_descriptor(envp: *const *const u8) -> Option<usize> {
    let mut place = envp;
    // SAFETY: a null ends the environment, and a pair whose first word is `AT_NULL` the vector after it.
    let name = unsafe {
        while !place.read_volatile().is_null() {
            place = place.add(1);
        }
        let mut pair = place.add(1).cast::<usize>();
        loop {
            match pair.read_volatile() as u64 {
                libc::AT_NULL => return None,
                libc::AT_EXECFN => break pair.add(1).read_volatile() as *const u8,
                _ => pair = pair.add(2),
            }
        }
    };
    // SAFETY: the kernel's pointer is to a terminated string.
    unsafe { number_behind(pack(b"/dev/fd/"), name) }
}

/// The decimal number that follows eight letters, if it ends the text.
///
/// # Safety
/// `text` must point to a terminated string.
unsafe fn number_behind(letters: u64, text: *const u8) -> Option<usize> {
    let mut packed = 0_u64;
    let mut number = None;
    for index in 0.. {
        // SAFETY: the string has not ended before this byte, or the loop would have.
        let byte = unsafe { text.add(index).read_volatile() };
        match byte {
            0 => break,
            _ if index < 8 => packed = packed << 8 | u64::from(byte),
            b'0'..=b'9' if packed == letters && index < 16 => {
                number = Some(number.unwrap_or(0) * 10 + usize::from(byte - b'0'));
            }
            _ => return None,
        }
    }
    number
}

/// A system call that has worked.
fn call(number: libc::c_long, args: [usize; 6]) -> Option<usize> {
    // SAFETY: the callers pass numbers and pointers to what lives through the call; the calls make
    // descriptors, or replace this program, which has nothing to lose yet.
    unsafe { raw::call(number, args) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::COMMANDS;

    #[test]
    fn words_are_told_apart_whole() {
        for (text, expected) in [
            (c"create", true),
            (c"run", true),
            (c"exec", true),
            (c"restore", true),
            (c"", false),
            (c"ru", false),
            (c"runs", false),
            (c"restored", false),
            (c"--root", false),
            (c"a-very-long-container-id", false),
        ] {
            // SAFETY: the string is terminated.
            let found = unsafe { names_entering_command(text.as_ptr().cast()) };
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn only_the_name_of_a_descriptor_has_its_number() {
        for (text, expected) in [
            (c"/dev/fd/3", Some(3)),
            (c"/dev/fd/1024", Some(1024)),
            (c"/dev/fd/", None),
            (c"/dev/fd", None),
            (c"", None),
            (c"/dev/fd/3/plimrun", None),
            (c"/dev/fd/x", None),
            (c"/dev/fd/99999999999999999999", None),
            (c"/dev/fc/3", None),
            (c"/usr/bin/plimrun3", None),
        ] {
            // SAFETY: the string is terminated.
            let found = unsafe { number_behind(pack(b"/dev/fd/"), text.as_ptr().cast()) };
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn every_word_is_a_command() {
        for word in ["create", "run", "exec", "restore"] {
            assert!(
                COMMANDS.iter().any(|command| command.name == word),
                "{word}"
            );
        }
    }
}
