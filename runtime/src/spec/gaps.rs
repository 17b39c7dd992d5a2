//! What oci-spec 0.10 cannot hold or refuses though it is valid; the one place for such work-arounds.

/// Properties of a whole configuration that oci-spec loses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// `linux.resources.pids.limit`; oci-spec reads an absent limit as 0, which is a real limit.
    pub pids_limit: Option<i64>,
    /// `linux.resources.hugepageLimits[i].limit`; oci-spec stops at `i64::MAX`.
    pub hugepage_limits: Vec<u64>,
    /// What is lost of `process`.
    pub process: ProcessGaps,
}

/// Properties of a process that oci-spec loses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessGaps {
    /// `process.scheduler.flags`; oci-spec refuses two of them by their right names.
    pub scheduler_flags: Vec<SchedulerFlag>,
    /// `process.execCPUAffinity`; oci-spec refuses an empty list.
    pub exec_cpu_affinity: Option<Affinity>,
}

/// `process.execCPUAffinity`: lists of CPUs such as `0-3,7`; an empty list counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Before the process moves to the container's cgroup.
    pub initial: Option<String>,
    /// After it moved there.
    pub last: Option<String>,
}

/// A flag of sched_setattr(2); the discriminant is the kernel's (include/uapi/linux/sched.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum SchedulerFlag {
    /// `SCHED_FLAG_RESET_ON_FORK`
    ResetOnFork = 0x01,
    /// `SCHED_FLAG_RECLAIM`
    Reclaim = 0x02,
    /// `SCHED_FLAG_DL_OVERRUN`
    DlOverrun = 0x04,
    /// `SCHED_FLAG_KEEP_POLICY`
    KeepPolicy = 0x08,
    /// `SCHED_FLAG_KEEP_PARAMS`
    KeepParams = 0x10,
    /// `SCHED_FLAG_UTIL_CLAMP_MIN`
    UtilClampMin = 0x20,
    /// `SCHED_FLAG_UTIL_CLAMP_MAX`
    UtilClampMax = 0x40,
}
