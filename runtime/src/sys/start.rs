//! A beginning of the C library without its questions to the processor.
//!
//! glibc's `__libc_start_main` asks `cpuid` some 80 times for the processor's features and caches, and a virtual
//! machine traps each. What it learns chooses between variants of `memcpy` and the like; without, they are those for
//! any x86-64. So the functions that it calls are called here without that part, in its order. They are hidden
//! ones of one release: build.rs enables this for those releases alone that `build/releases.rs` lists. What
//! `csu/libc-start.c` of glibc does, and this does not:
//!
//! - `__libc_init_cpu_features`, the questions. Besides the variants, they choose elision of locks (none without),
//!   what dlopen(3) loads (nothing here calls it) and what sysconf(3) says of caches (nothing asks), and take in the
//!   `glibc.cpu` tunables. `AT_MINSIGSTKSZ` stands for one of them; a kernel before 5.14 does not pass it, and
//!   then the library begins in its own way.
//! - `__pthread_initialize_minimal`, which no member of the library defines any more.
//! - `rtld_fini` is left to a dynamic loader, and the kernel passes none. `call_fini` would be for exit(3), which
//!   nothing here calls: the program ends by exit_group(2).
//! - `__libc_check_standard_fds` for a set-user-ID program: `main` opens them in any case.
//! - `_setjmp`, to which pthread_exit(3) in the first thread would jump. It is never called.
//! - `_dl_debug_initialize`, which shows loaded libraries to a debugger.

use core::arch::{asm, naked_asm};

use nix::libc;

use super::entry::_start;
use super::main::plimrun_main;

/// A function of the arrays of those that run before `main`.
type Initializer = extern "C" fn(libc::c_int, Words, Words);
/// Pointers to terminated strings, a null after the last.
type Words = *const *const libc::c_char;

unsafe extern "C" {
    static __environ: Words;
    static __libc_stack_end: *const usize;
    static _dl_minsigstacksize: usize;
    static _dl_random: *const [u64; 2];
    static mut __x86_shared_non_temporal_threshold: libc::c_long;
    static mut __x86_rep_movsb_stop_threshold: libc::c_long;
    #[cfg(known_libc = "2.41")]
    static mut __x86_memset_non_temporal_threshold: libc::c_long;
    static __preinit_array_start: [Initializer; 0];
    static __preinit_array_end: [Initializer; 0];
    static __init_array_start: [Initializer; 0];
    static __init_array_end: [Initializer; 0];
    fn gnu_get_libc_version() -> *const libc::c_char;
    fn _dl_aux_init(vector: *const usize);
    fn __tunables_init(environment: Words);
    fn _dl_relocate_static_pie();
    fn __libc_setup_tls();
    fn __libc_early_init(first: bool);
    fn __libc_init_first(count: libc::c_int, words: Words, environment: Words);
    fn _init();
}

/// The first letters of the version that build.rs found. That the linker has found the same is asked once more.
const VERSION: u32 = match env!("PLIMRUN_LIBC").as_bytes().first_chunk() {
    Some(letters) => u32::from_le_bytes(*letters),
    None => panic!("a version has four letters"),
};

/// From what size on copies pass by the caches: three quarters of the 1 MiB that the library takes a shared cache
/// for (`__x86_shared_cache_size`) until it has asked. Its other thresholds have defaults, these are zero.
const NON_TEMPORAL: libc::c_long = 0xc_0000;

/// Begins the C library and the program on the kernel's stack. The part up to the relocations and thread-local
/// storage is as the library's own in assembly: compiled code could need either.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn plimrun_start() -> ! {
    naked_asm!(
        "xor ebp, ebp",
        "mov rbx, rsp",
        "mov r12, rdx",
        "and rsp, -16",
        "call {version}",
        "cmp dword ptr [rax], {known}",
        "jne 5f",
        // argc, and what follows argv and its null.
        "mov r13, [rbx]",
        "lea r15, [rbx + r13*8 + 16]",
        "mov [rip + {environ}], r15",
        "mov [rip + {stack_end}], rbx",
        // The auxiliary vector follows the environment and its null.
        "mov rdi, r15",
        "2:",
        "mov rax, [rdi]",
        "add rdi, 8",
        "test rax, rax",
        "jne 2b",
        "call {aux}",
        "cmp qword ptr [rip + {minsigstacksize}], 0",
        "je 5f",
        "mov rdi, r15",
        "call {tunables}",
        "call {relocate}",
        // A program with a fixed place has its R_X86_64_IRELATIVE here (offset, type, resolver), any other none.
        ".weak __rela_iplt_start",
        ".weak __rela_iplt_end",
        "mov r14, [rip + __rela_iplt_start@GOTPCREL]",
        "mov rbp, [rip + __rela_iplt_end@GOTPCREL]",
        "3:",
        "cmp r14, rbp",
        "jae 4f",
        "call [r14 + 16]",
        "mov rcx, [r14]",
        "mov [rcx], rax",
        "add r14, 24",
        "jmp 3b",
        "4:",
        "call {tls}",
        "xor ebp, ebp",
        "mov rdi, r13",
        "lea rsi, [rbx + 8]",
        "mov rdx, r15",
        "call {begin}",
        "ud2",
        // In the library's own way, as if nothing had been done yet: all of it is done again.
        "5:",
        "mov rsp, rbx",
        "mov rdx, r12",
        "jmp {start}",
        version = sym gnu_get_libc_version,
        known = const VERSION,
        environ = sym __environ,
        stack_end = sym __libc_stack_end,
        aux = sym _dl_aux_init,
        minsigstacksize = sym _dl_minsigstacksize,
        tunables = sym __tunables_init,
        relocate = sym _dl_relocate_static_pie,
        tls = sym __libc_setup_tls,
        begin = sym begin,
        start = sym _start,
    )
}

/// What is left once there is thread-local storage.
extern "C" fn begin(count: libc::c_int, words: Words, environment: Words) -> ! {
    // SAFETY: _dl_aux_init has set it to the 16 random bytes of AT_RANDOM, which each kernel passes.
    let [canary, guard] = unsafe { *_dl_random };
    // SAFETY: fs points to the thread's `tcbhead_t`, whose `stack_guard` and `pointer_guard` these are
    // (sysdeps/x86_64/nptl/tls.h). No caller has a canary on its stack yet. The low byte is zero, so that
    // no string runs over it (sysdeps/generic/dl-osinfo.h).
    unsafe {
        asm!(
            "mov fs:[0x28], {}",
            "mov fs:[0x30], {}",
            in(reg) canary & !0xff,
            in(reg) guard,
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: this is the only thread, and nothing has been copied yet that would read them.
    unsafe {
        __x86_shared_non_temporal_threshold = NON_TEMPORAL;
        __x86_rep_movsb_stop_threshold = NON_TEMPORAL;
        #[cfg(known_libc = "2.41")]
        {
            __x86_memset_non_temporal_threshold = NON_TEMPORAL;
        }
    }
    // SAFETY: they are called once, in the order of `__libc_start_main`, with what the kernel has passed. The
    // linker sets the ends of the arrays, and their functions take these arguments.
    unsafe {
        __libc_early_init(true);
        __libc_init_first(count, words, environment);
        // The statics have no length of their own, so that the compiler takes no two for different places.
        let run = |start: *const [Initializer; 0], end: *const [Initializer; 0]| {
            let (mut next, end) = (start.cast::<Initializer>(), end.cast());
            while next != end {
                (*next)(count, words, environment);
                next = next.add(1);
            }
        };
        run(
            &raw const __preinit_array_start,
            &raw const __preinit_array_end,
        );
        _init();
        run(&raw const __init_array_start, &raw const __init_array_end);
    }
    plimrun_main(count, words)
}
