//! The system call instruction, for code that may not touch the C library.

use nix::libc;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the system call instruction of this processor is not known here");

/// Makes a system call; `-errno` of the kernel is the error.
///
/// # Safety
/// As the call asks: what it reads or writes must live and be writable, and what it changes of the process
/// must be the caller's to change.
#[expect(clippy::inline_always, reason = "it is one instruction")]
#[inline(always)]
pub(super) unsafe fn call(number: libc::c_long, args: [usize; 6]) -> Result<usize, i32> {
    let answer: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction clobbers rcx, r11 and memory, as declared; the caller vouches for the rest.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as usize => answer,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above; `svc 0` preserves all registers but x0.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number as usize,
            inlateout("x0") args[0] => answer,
            in("x1") args[1], in("x2") args[2],
            in("x3") args[3], in("x4") args[4], in("x5") args[5],
            options(nostack)
        );
    }
    // The kernel answers -errno within the last page of the address space.
    if answer > usize::MAX - 4095 {
        return Err(answer.wrapping_neg() as i32);
    }
    Ok(answer)
}
