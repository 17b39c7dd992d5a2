//! The objects of config.md and config-linux.md: which properties they must have, and which values
//! are picked up because oci-spec loses them.
//!
//! oci-spec gives a default to most required properties and takes an array for an object, so one pass
//! over the text by this table comes before it. The pass skips what the table does not name without
//! recursion, however deep it nests.

/// What the table says of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Nothing.
    Any,
    /// An object with known properties.
    Object(&'static [Field]),
    /// An array of such values.
    List(&'static Shape),
    /// An object with free keys and such values.
    Map(&'static Shape),
    /// A value that is picked up.
    Take(Slot),
}

/// A property of an object: name, whether it must be there, its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field(pub(super) &'static str, pub(super) Need, pub(super) Shape);

/// Whether a property must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// OPTIONAL
    May,
    /// REQUIRED
    Must,
    /// REQUIRED in some cases; its absence is noted for the validation.
    Note,
}

/// Which value is picked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// An entry of a capability set.
    Capability,
    /// An entry of `process.scheduler.flags`.
    SchedulerFlag,
    /// `process.execCPUAffinity.initial`
    AffinityInitial,
    /// `process.execCPUAffinity.final`
    AffinityFinal,
    /// `linux.resources.pids.limit`
    PidsLimit,
    /// `linux.resources.hugepageLimits[].limit`
    HugepageLimit,
    /// A property of another platform, to be ignored whatever it holds.
    Foreign,
    /// `platform`, which configurations had before 1.0.0.
    Platform,
}

use Need::{May, Must, Note};
use Shape::{Any, List, Map, Object, Take};

const fn must(name: &'static str) -> Field {
    Field(name, Must, Any)
}

const fn may(name: &'static str, shape: Shape) -> Field {
    Field(name, May, shape)
}

const CAPABILITIES: Shape = List(&Take(Slot::Capability));

const AFFINITY: Shape = Object(&[
    may("initial", Take(Slot::AffinityInitial)),
    may("final", Take(Slot::AffinityFinal)),
]);

/// config.md#process
pub(super) const PROCESS: Shape = Object(&[
    must("cwd"),
    may("consoleSize", Object(&[must("height"), must("width")])),
    Field(
        "user",
        Note,
        Object(&[
            must("uid"),
            must("gid"),
            may("username", Take(Slot::Foreign)),
        ]),
    ),
    may("commandLine", Take(Slot::Foreign)),
    may(
        "capabilities",
        Object(&[
            may("bounding", CAPABILITIES),
            may("effective", CAPABILITIES),
            may("inheritable", CAPABILITIES),
            may("permitted", CAPABILITIES),
            may("ambient", CAPABILITIES),
        ]),
    ),
    may(
        "rlimits",
        List(&Object(&[must("type"), must("soft"), must("hard")])),
    ),
    may(
        "scheduler",
        Object(&[
            must("policy"),
            may("flags", List(&Take(Slot::SchedulerFlag))),
        ]),
    ),
    may("ioPriority", Object(&[must("class"), must("priority")])),
    may("execCPUAffinity", AFFINITY),
]);

const MAPPINGS: Shape = List(&Object(&[
    must("containerID"),
    must("hostID"),
    must("size"),
]));
const HOOKS: Shape = List(&Object(&[must("path")]));
const NUMBERS: [Field; 2] = [must("major"), must("minor")];
const THROTTLES: Shape = List(&Object(&[NUMBERS[0], NUMBERS[1], must("rate")]));

const RESOURCES: Shape = Object(&[
    may("devices", List(&Object(&[must("allow")]))),
    may("memory", Object(&[])),
    may("cpu", Object(&[])),
    may("pids", Object(&[may("limit", Take(Slot::PidsLimit))])),
    may(
        "blockIO",
        Object(&[
            may("weightDevice", List(&Object(&NUMBERS))),
            may("throttleReadBpsDevice", THROTTLES),
            may("throttleWriteBpsDevice", THROTTLES),
            may("throttleReadIOPSDevice", THROTTLES),
            may("throttleWriteIOPSDevice", THROTTLES),
        ]),
    ),
    may(
        "hugepageLimits",
        List(&Object(&[
            must("pageSize"),
            Field("limit", Must, Take(Slot::HugepageLimit)),
        ])),
    ),
    may(
        "network",
        Object(&[may(
            "priorities",
            List(&Object(&[must("name"), must("priority")])),
        )]),
    ),
    may("rdma", Map(&Object(&[]))),
    may("unified", Map(&Any)),
]);

/// config-linux.md
const LINUX: Shape = Object(&[
    may("namespaces", List(&Object(&[must("type")]))),
    may("uidMappings", MAPPINGS),
    may("gidMappings", MAPPINGS),
    may("timeOffsets", Map(&Object(&[]))),
    may(
        "devices",
        List(&Object(&[
            must("type"),
            must("path"),
            Field("major", Note, Any),
            Field("minor", Note, Any),
        ])),
    ),
    may("netDevices", Map(&Object(&[]))),
    may("resources", RESOURCES),
    may("intelRdt", Object(&[])),
    may("memoryPolicy", Object(&[must("mode")])),
    may("sysctl", Map(&Any)),
    may(
        "seccomp",
        Object(&[
            must("defaultAction"),
            may("syscalls", List(&Object(&[must("names"), must("action")]))),
        ]),
    ),
    may("personality", Object(&[must("domain")])),
]);

/// config.md
pub(super) const CONFIG: Shape = Object(&[
    must("ociVersion"),
    Field("root", Must, Object(&[must("path")])),
    may(
        "mounts",
        List(&Object(&[
            must("destination"),
            may("uidMappings", MAPPINGS),
            may("gidMappings", MAPPINGS),
        ])),
    ),
    may("process", PROCESS),
    may(
        "hooks",
        Object(&[
            may("prestart", HOOKS),
            may("createRuntime", HOOKS),
            may("createContainer", HOOKS),
            may("startContainer", HOOKS),
            may("poststart", HOOKS),
            may("poststop", HOOKS),
        ]),
    ),
    may("annotations", Map(&Any)),
    may("linux", LINUX),
    may("solaris", Take(Slot::Foreign)),
    may("windows", Take(Slot::Foreign)),
    may("vm", Take(Slot::Foreign)),
    may("zos", Take(Slot::Foreign)),
    may("platform", Take(Slot::Platform)),
    may("uidMappings", Take(Slot::Foreign)),
    may("gidMappings", Take(Slot::Foreign)),
]);
