//! Why a leaf has no saboteur that drops it, or none that alters it.

use crate::changes::Change::{self, Alter, Drop};

const REQUIRED: &str = "what must be there is not ignored but taken for another value";
const WINDOWS: &str = "of Windows: on Linux it is ignored";
const SELINUX: &str = "no machine at hand has SELinux";
const RESCTRL: &str =
    "no machine at hand has resctrl; plimrun applies it to trees of files in tests of its own";
const RDMA: &str = "no machine at hand has such a device; plimrun applies it to trees of files in its test `hardware`";
const PRIORITIES: &str =
    "no machine at hand has net_prio; plimrun applies it to trees of files in its test `hardware`";
const WEIGHTS: &str =
    "no disk at hand has a scheduler with weights; plimrun's plans are compared with the files";
const MAJOR: &str =
    "no machine has a disk of another number for certain: a rule for none is refused";
const PERSONALITY: &str = "there is no flag yet: each is refused, another as well as this one";
const EXECVE: &str = "execve(2) makes it anew of what is inheritable, ambient and bounding: \
                      `config/capabilities/*_is_exact` break it with what follows from it";
const SLAB: &str =
    "the kernel takes it no more (5.16) or has only one value for it (useHierarchy, 5.11)";
const LOADING: &str = "says how the kernel loads and logs a filter, not what the filter does: nothing \
                       in or around the container shows it";
const ONE_NODE: &str = "shows only where there are two memory nodes";
const ONE_SIZE: &str = "shows only where there are huge pages of two sizes";

/// Leaf, change, and why no saboteur makes it.
#[rustfmt::skip]
pub(crate) const REASONS: &[(&str, Change, &str)] = &[
    ("ociVersion", Drop, REQUIRED),
    ("root/path", Drop, REQUIRED),
    ("process/cwd", Drop, REQUIRED),
    ("process/user/uid", Drop, REQUIRED),
    ("process/user/gid", Drop, REQUIRED),
    ("process/user/username", Drop, WINDOWS),
    ("process/user/username", Alter, WINDOWS),
    ("process/commandLine", Drop, WINDOWS),
    ("process/commandLine", Alter, WINDOWS),
    ("process/capabilities/effective/-", Drop, EXECVE),
    ("process/capabilities/effective/-", Alter, EXECVE),
    ("process/capabilities/permitted/-", Drop, EXECVE),
    ("process/capabilities/permitted/-", Alter, EXECVE),
    ("process/capabilities/inheritable/-", Drop, EXECVE),
    ("process/capabilities/inheritable/-", Alter, EXECVE),
    ("process/selinuxLabel", Alter, SELINUX),
    ("linux/mountLabel", Drop, SELINUX),
    ("linux/mountLabel", Alter, SELINUX),
    ("linux/intelRdt/closID", Drop, RESCTRL),
    ("linux/intelRdt/closID", Alter, RESCTRL),
    ("linux/intelRdt/schemata/-", Drop, RESCTRL),
    ("linux/intelRdt/schemata/-", Alter, RESCTRL),
    ("linux/intelRdt/l3CacheSchema", Alter, RESCTRL),
    ("linux/intelRdt/memBwSchema", Drop, RESCTRL),
    ("linux/intelRdt/memBwSchema", Alter, RESCTRL),
    ("linux/intelRdt/enableMonitoring", Drop, RESCTRL),
    ("linux/intelRdt/enableMonitoring", Alter, RESCTRL),
    ("linux/personality/flags/-", Drop, PERSONALITY),
    ("linux/personality/flags/-", Alter, PERSONALITY),
    ("linux/seccomp/flags/-", Drop, LOADING),
    ("linux/seccomp/flags/-", Alter, LOADING),
    ("linux/resources/cpu/mems", Drop, ONE_NODE),
    ("linux/resources/hugepageLimits/-/pageSize", Alter, ONE_SIZE),
    ("linux/resources/memory/kernel", Drop, SLAB),
    ("linux/resources/memory/kernel", Alter, SLAB),
    ("linux/resources/memory/useHierarchy", Drop, SLAB),
    ("linux/resources/memory/useHierarchy", Alter, SLAB),
    ("linux/resources/network/priorities/-/name", Alter, PRIORITIES),
    ("linux/resources/network/priorities/-/priority", Alter, PRIORITIES),
    ("linux/resources/rdma/*/hcaHandles", Drop, RDMA),
    ("linux/resources/rdma/*/hcaHandles", Alter, RDMA),
    ("linux/resources/rdma/*/hcaObjects", Drop, RDMA),
    ("linux/resources/rdma/*/hcaObjects", Alter, RDMA),
    ("linux/resources/blockIO/leafWeight", Drop, WEIGHTS),
    ("linux/resources/blockIO/leafWeight", Alter, WEIGHTS),
    ("linux/resources/blockIO/weightDevice/-/major", Alter, WEIGHTS),
    ("linux/resources/blockIO/weightDevice/-/minor", Alter, WEIGHTS),
    ("linux/resources/blockIO/weightDevice/-/weight", Drop, WEIGHTS),
    ("linux/resources/blockIO/weightDevice/-/weight", Alter, WEIGHTS),
    ("linux/resources/blockIO/weightDevice/-/leafWeight", Drop, WEIGHTS),
    ("linux/resources/blockIO/weightDevice/-/leafWeight", Alter, WEIGHTS),
    ("linux/resources/blockIO/throttleReadBpsDevice/-/major", Alter, MAJOR),
    ("linux/resources/blockIO/throttleWriteBpsDevice/-/major", Alter, MAJOR),
    ("linux/resources/blockIO/throttleReadIOPSDevice/-/major", Alter, MAJOR),
    ("linux/resources/blockIO/throttleWriteIOPSDevice/-/major", Alter, MAJOR),
];
