//! How the kernel schedules this thread: sched_setattr(2), ioprio_set(2), sched_setaffinity(2),
//! set_mempolicy(2) and personality(2).

use nix::libc;

use super::check;
use crate::plan::scheduling::Scheduler;

/// `struct sched_attr` of linux/sched/types.h, as of Linux 5.3 (`SCHED_ATTR_SIZE_VER1`).
#[repr(C)]
struct Attr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    util_min: u32,
    util_max: u32,
}

/// Sets the policy and its parameters.
pub fn set_scheduler(scheduler: &Scheduler) -> nix::Result<()> {
    let attr = Attr {
        size: size_of::<Attr>() as u32,
        policy: scheduler.policy,
        flags: scheduler.flags,
        nice: scheduler.nice,
        priority: scheduler.priority,
        runtime: scheduler.runtime,
        deadline: scheduler.deadline,
        period: scheduler.period,
        util_min: 0,
        util_max: 0,
    };
    // SAFETY: the kernel reads as many bytes as `size` says, all of them in `attr`.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) }).map(drop)
}

/// Sets the I/O priority.
pub fn set_io_priority(value: i32) -> nix::Result<()> {
    /// `IOPRIO_WHO_PROCESS` of linux/ioprio.h.
    const WHO_PROCESS: i32 = 1;
    // SAFETY: takes plain numbers only.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) }).map(drop)
}

/// Keeps the thread to these CPUs.
pub fn set_affinity(mask: &[u64]) -> nix::Result<()> {
    // SAFETY: the kernel reads as many bytes as the size says, all of them in `mask`.
    check(unsafe {
        libc::syscall(
            libc::SYS_sched_setaffinity,
            0,
            size_of_val(mask),
            mask.as_ptr(),
        )
    })
    .map(drop)
}

/// Sets the memory policy; `nodes` holds bits by node number.
pub fn set_memory_policy(mode: i32, nodes: &[u64]) -> nix::Result<()> {
    let (mask, bits) = if nodes.is_empty() {
        (std::ptr::null(), 0)
    } else {
        // The kernel takes one bit less than it is told (set_mempolicy(2), BUGS).
        (nodes.as_ptr(), size_of_val(nodes) * 8 + 1)
    };
    // SAFETY: the kernel reads `bits` - 1 bits, in whole words, all of them in `nodes`.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask, bits) }).map(drop)
}

/// Sets the execution domain.
pub fn set_personality(domain: u64) -> nix::Result<()> {
    // SAFETY: takes a plain number only.
    check(unsafe { libc::syscall(libc::SYS_personality, domain) }).map(drop)
}
