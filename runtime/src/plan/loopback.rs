//! Who brings the loopback device of a new network namespace up.
//! runtime-linux.md, config-linux.md#network-namespace

use oci_spec::runtime::LinuxNamespaceType;

use super::Plan;
use crate::host::{Facts, Kernel};

/// Who brings `lo` up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Loopback {
    /// Nobody: the network namespace is another's.
    #[default]
    Nobody,
    /// Init, among the first that it does.
    Init,
    /// The runtime, while init is at work.
    Runtime,
}

/// linux/capability.h: to join its network namespace, to change that, and to enter by a descriptor of a process that may
/// have become another user.
const TAKES: [u8; 3] = [21, 12, 19];

/// setns(2): a descriptor of a process names its namespaces from there on.
const BY_PIDFD: Kernel = Kernel { major: 5, minor: 8 };

/// What it takes the kernel, init need not wait for, unless something comes after it that could tell the difference:
/// parameters and devices of the network, and hooks that run inside.
pub(super) fn plan(plan: &Plan, facts: &Facts) -> Loopback {
    let namespaces = &plan.namespaces;
    if !namespaces.creates(LinuxNamespaceType::Network) {
        return Loopback::Nobody;
    }
    let reached = facts.initial_userns
        && facts.kernel >= BY_PIDFD
        && TAKES.iter().all(|capability| facts.capable(*capability))
        && !namespaces.has(LinuxNamespaceType::User)
        && !namespaces.needs_intermediate();
    let unseen = plan.sysctl.is_empty()
        && plan.net_devices.is_empty()
        && plan.hooks.create_container.is_empty();
    if reached && unseen {
        Loopback::Runtime
    } else {
        Loopback::Init
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Options;

    fn planned(rest: &str, facts: &Facts) -> Loopback {
        let json = format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{{"namespaces":[{{"type":"mount"}},{rest}}}"#
        );
        let config = crate::spec::from_str(json).expect("valid");
        let options = Options {
            id: "k".into(),
            ..Options::default()
        };
        let plan = Plan::new(&config, facts, &options).expect("it can be planned");
        plan.loopback
    }

    #[test]
    fn the_runtime_does_it_where_it_can_and_nobody_could_tell() {
        let facts = Facts::privileged();
        let network = r#"{"type":"network"}]}"#;
        for (rest, expected) in [
            (network, Loopback::Runtime),
            (r#"{"type":"ipc"}]}"#, Loopback::Nobody),
            (r#"{"type":"network","path":"/n"}]}"#, Loopback::Nobody),
            (
                r#"{"type":"network"}],"sysctl":{"net.ipv4.ip_forward":"1"}}"#,
                Loopback::Init,
            ),
            (
                r#"{"type":"network"}],"netDevices":{"eth9":{}}}"#,
                Loopback::Init,
            ),
            (
                r#"{"type":"network"},{"type":"pid","path":"/p"}]}"#,
                Loopback::Init,
            ),
            (
                r#"{"type":"network"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":9,"size":1}],
                "gidMappings":[{"containerID":0,"hostID":9,"size":1}]}"#,
                Loopback::Init,
            ),
            (
                r#"{"type":"network"}]},"hooks":{"createContainer":[{"path":"/h"}]}"#,
                Loopback::Init,
            ),
            (
                r#"{"type":"network"}]},"hooks":{"createRuntime":[{"path":"/h"}]}"#,
                Loopback::Runtime,
            ),
        ] {
            assert_eq!(planned(rest, &facts), expected, "{rest}");
        }
        let old = Facts {
            kernel: Kernel { major: 5, minor: 4 },
            ..Facts::privileged()
        };
        assert_eq!(planned(network, &old), Loopback::Init);
        for capability in TAKES {
            let mut fewer = Facts::privileged();
            fewer.capabilities &= !(1 << capability);
            assert_eq!(planned(network, &fewer), Loopback::Init, "{capability}");
        }
    }
}
