//! What a case needs of the machine. `machine` decides whether a need is met, and says what is
//! missing where it is not.

/// Something that the machine must offer for a case to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// The runner has user id 0 and CAP_SYS_ADMIN in the initial user namespace.
    Root,
    /// Root, and a runtime that makes cgroups itself, at the path that `linux.cgroupsPath` gives.
    CgroupPaths,
    /// A runtime that was called to let systemd make its cgroups (`--systemd-cgroup`).
    SystemdDriver,
    /// The runner is an ordinary user, or can become one.
    Rootless,
    /// The runner is an ordinary user, who may make user namespaces.
    OrdinaryUser,
    /// An ordinary user with subordinate ids, and newuidmap and newgidmap to map them.
    SubordinateIds,
    /// An ordinary user with a systemd of his own.
    UserManager,
    /// Ids of other users for the container: root's, or subordinate ones that the runner may map.
    Ids,
    /// A capability over the machine in the runner's effective set, by its name: `CAP_SYS_RESOURCE`.
    Capability(&'static str),
    /// A kernel of at least this version, for what has no probe of its own.
    Kernel(u32, u32),
    /// A namespace type by its name below /proc/self/ns: `time`, `user`, `cgroup`, …
    Namespace(&'static str),
    /// A cgroup v1 hierarchy with this controller.
    CgroupV1(&'static str),
    /// The unified hierarchy with this controller enabled.
    CgroupV2(&'static str),
    /// This controller in either version.
    Cgroup(&'static str),
    /// At least this many CPUs online.
    Cpus(usize),
    /// Real-time policies in the cgroup that the runner is in: a kernel with `CONFIG_RT_GROUP_SCHED`
    /// gives those of cgroup v2 no real-time budget.
    RealTime,
    /// Deadline scheduling, which the kernel grants to a process that may run on all CPUs.
    Deadline,
    /// Seccomp filters.
    Seccomp,
    /// A seccomp action that the kernel lists in `actions_avail`.
    SeccompAction(&'static str),
    /// An active security module: `apparmor`, `selinux`.
    Lsm(&'static str),
    /// A file system in /proc/filesystems (or loadable).
    Filesystem(&'static str),
    /// A file system of the temporary directory that supports id-mapped mounts.
    IdMappedMounts,
    /// `mount_setattr(2)` (Linux 5.12).
    MountSetattr,
    /// systemd as process 1, with its bus.
    Systemd,
    /// resctrl, mounted.
    Resctrl,
    /// CRIU on the PATH.
    Criu,
    /// A network device type that can be made: `dummy`, `veth`.
    NetDevice(&'static str),
    /// A loop device that can be attached.
    LoopDevice,
    /// Swap accounting of the memory controller.
    SwapAccounting,
    /// A kernel with CONFIG_NUMA.
    Numa,
    /// A path that exists on the host, such as `/dev/fuse`.
    Path(&'static str),
    /// A program on the runner's PATH.
    Program(&'static str),
}
