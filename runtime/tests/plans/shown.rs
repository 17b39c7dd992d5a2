//! A plan as text: every field, a line a step.

use std::fmt::{Debug, Write};

use plimrun::plan::Plan;

/// Naming every field makes one that is new a compiler's error here.
pub(crate) fn show(plan: &Plan) -> String {
    let Plan {
        namespaces,
        rootfs,
        mounts,
        devices,
        hostname,
        domainname,
        sysctl,
        cgroup,
        intel_rdt,
        loopback,
        net_devices,
        scheduling,
        seccomp,
        hooks,
        state,
        process,
        keyring,
        inherited_fds,
        listen_fds,
        notifies,
    } = plan;
    let mut text = String::new();
    one(&mut text, "namespaces", namespaces);
    for group in &cgroup.groups {
        one(&mut text, "cgroup", group);
    }
    one(&mut text, "cgroup scope", &cgroup.scope);
    one(&mut text, "cgroup owner", &cgroup.owner);
    each(&mut text, "warning", &cgroup.warnings);
    one(&mut text, "class", intel_rdt);
    one(&mut text, "loopback", loopback);
    each(&mut text, "network device", net_devices);
    one(&mut text, "keyring", keyring);
    one(&mut text, "names", &(hostname, domainname));
    each(&mut text, "sysctl", sysctl);
    one(&mut text, "root", rootfs);
    each(&mut text, "mount", mounts);
    one(&mut text, "devices", devices);
    one(&mut text, "hooks", hooks);
    one(&mut text, "state", state);
    one(&mut text, "scheduling", scheduling);
    one(&mut text, "process", process);
    one(&mut text, "descriptors", &(inherited_fds, listen_fds));
    one(&mut text, "notifies", notifies);
    if let Some(filter) = seccomp {
        one(&mut text, "filter", &(filter.flags, &filter.listener));
        each(&mut text, "filter", &filter.instructions);
    }
    text
}

fn one(text: &mut String, name: &str, value: &impl Debug) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{name}: {value:?}");
}

fn each(text: &mut String, name: &str, values: &[impl Debug]) {
    for value in values {
        one(text, name, value);
    }
}
