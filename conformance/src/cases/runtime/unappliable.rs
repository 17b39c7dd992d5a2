//! runtime.md#create: a property that cannot be applied is an error, and leaves no container.

use crate::cases::prelude::*;

const ERRORS: &str = "runtime.operations.create.unappliable-property-errors";
const STEP: &str = "runtime.lifecycle.02-create-failure-errors";
const NO_CONTAINER: &str = "runtime.operations.create.unappliable-property-no-container";
const UNCHANGED: &str = "runtime.errors.leave-environment-unchanged";

/// A property that no kernel can apply: the case's name, where it stands, and its value.
struct Property {
    name: &'static str,
    pointer: &'static str,
    value: fn() -> Value,
    need: Option<Need>,
}

const fn property(name: &'static str, pointer: &'static str, value: fn() -> Value) -> Property {
    Property {
        name,
        pointer,
        value,
        need: None,
    }
}

const PROPERTIES: &[Property] = &[
    property(
        "mount_of_an_unknown_type",
        "/mounts/5",
        || json!({"destination": "/mnt", "type": "plimsollfs", "source": "none"}),
    ),
    property(
        "bind_of_a_missing_source",
        "/mounts/5",
        || json!({"destination": "/mnt", "type": "bind", "source": "{dir}/missing", "options": ["bind"]}),
    ),
    property(
        "sysctl_that_is_not_there",
        "/linux/sysctl",
        || json!({"net.plimsoll": "1"}),
    ),
    property(
        "namespace_of_another_type",
        "/linux/namespaces/1/path",
        || json!("/proc/self/ns/ipc"),
    ),
    property(
        "namespace_that_is_not_there",
        "/linux/namespaces/1/path",
        || json!("{dir}/missing"),
    ),
    property(
        "propagation_of_an_unknown_name",
        "/linux/rootfsPropagation",
        || json!("sideways"),
    ),
    property(
        "rlimit_of_an_unknown_name",
        "/process/rlimits",
        || json!([{"type": "RLIMIT_PLIMSOLL", "soft": 1, "hard": 1}]),
    ),
    property(
        "seccomp_action_of_an_unknown_name",
        "/linux/seccomp",
        || json!({"defaultAction": "SCMP_ACT_PLIMSOLL"}),
    ),
    Property {
        need: Some(Need::Cgroup("cpu")),
        // The kernel takes no period below a millisecond.
        ..property(
            "cpu_period_below_the_least",
            "/linux/resources/cpu",
            || json!({"period": 10, "quota": 10}),
        )
    },
];

pub(super) fn cases() -> Vec<Case> {
    PROPERTIES.iter().map(refused).collect()
}

fn refused(property: &'static Property) -> Case {
    Case::new(
        format!("runtime/create/refuses_{}", property.name),
        [ERRORS, STEP, NO_CONTAINER, UNCHANGED],
    )
    .needs(property.need)
    .bundle(|b| b.set(property.pointer, (property.value)()))
    .run(|t| {
        let outcome = t.try_create()?;
        t.on([ERRORS, STEP]).errors(&outcome)?;
        t.on([NO_CONTAINER, UNCHANGED]).nothing_left()
    })
    .saboteurs([
        drops(property.pointer).on([ERRORS, STEP]),
        drops(property.pointer)
            .and(lies("create", How::Exit(1)))
            .on([NO_CONTAINER, UNCHANGED]),
    ])
}
