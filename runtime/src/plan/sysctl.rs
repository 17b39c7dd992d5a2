//! Kernel parameters.
//! config-linux.md#sysctl

use std::collections::BTreeMap;

use oci_spec::runtime::{LinuxNamespaceType, Spec};

use super::namespaces::{self, Namespaces};
use super::{Origin, PlanError};

/// Which namespace keeps a parameter from being the whole machine's; by the kernel's
/// Documentation/admin-guide/sysctl.
const NAMESPACED: &[(&str, LinuxNamespaceType)] = &[
    ("net.", LinuxNamespaceType::Network),
    ("fs.mqueue.", LinuxNamespaceType::Ipc),
    ("kernel.msgmax", LinuxNamespaceType::Ipc),
    ("kernel.msgmnb", LinuxNamespaceType::Ipc),
    ("kernel.msgmni", LinuxNamespaceType::Ipc),
    ("kernel.sem", LinuxNamespaceType::Ipc),
    ("kernel.shmall", LinuxNamespaceType::Ipc),
    ("kernel.shmmax", LinuxNamespaceType::Ipc),
    ("kernel.shmmni", LinuxNamespaceType::Ipc),
    ("kernel.shm_rmid_forced", LinuxNamespaceType::Ipc),
    ("kernel.hostname", LinuxNamespaceType::Uts),
    ("kernel.domainname", LinuxNamespaceType::Uts),
    ("user.", LinuxNamespaceType::User),
];

/// Plans the kernel parameters: path below `/proc/sys`, value, and who asked.
pub fn plan(
    spec: &Spec,
    namespaces: &Namespaces,
) -> Result<Vec<(String, String, Origin)>, PlanError> {
    let configured: BTreeMap<_, _> = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.sysctl().as_ref())
        .into_iter()
        .flatten()
        .collect();
    configured
        .into_iter()
        .map(|(key, value)| {
            let origin = Origin::item("/linux/sysctl", key.replace('~', "~0").replace('/', "~1"));
            let (dotted, path) = sysctl_path(key);
            if path
                .split('/')
                .any(|part| part.is_empty() || part == "." || part == "..")
            {
                return Err(PlanError::invalid(
                    origin,
                    format!("sysctl {key:?}"),
                    "it names no parameter",
                ));
            }
            let owner = NAMESPACED
                .iter()
                .find(|(prefix, _)| dotted == *prefix || (prefix.ends_with('.') && dotted.starts_with(prefix)));
            match owner {
                Some((_, kind)) if namespaces.has(*kind) => {
                    Ok((path, value.clone(), origin))
                }
                Some((_, kind)) => Err(PlanError::invalid(
                    origin,
                    format!("sysctl {key:?}"),
                    format!("it needs a {} namespace, else the machine's own would change", namespaces::name(namespaces::flag(*kind))),
                )),
                None => Err(PlanError::invalid(
                    origin,
                    format!("sysctl {key:?}"),
                    "it is not in a separate kernel namespace, so that it would change the machine's own",
                )),
            }
        })
        .collect()
}

/// The dotted form of a key, and its path below /proc/sys. As in sysctl(8), the first separator
/// decides which of `.` and `/` separates; the other one then belongs to a name.
fn sysctl_path(key: &str) -> (String, String) {
    let swap = |text: &str| -> String {
        text.chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect()
    };
    match key.find(['.', '/']) {
        Some(index) if key.as_bytes()[index] == b'/' => (swap(key), key.to_owned()),
        _ => (key.to_owned(), swap(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sysctl_of_the_whole_machine_is_refused() {
        for (key, namespace) in [("kernel.panic", "ipc"), ("net.ipv4.ip_forward", "ipc")] {
            let spec: Spec = serde_json::from_str(&format!(
                r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{{"sysctl":{{"{key}":"1"}},"namespaces":[{{"type":"mount"}},{{"type":"{namespace}"}}]}}}}"#
            ))
            .expect("the test's config is valid JSON");
            let namespaces = namespaces::plan(&spec).expect("valid");
            let error = plan(&spec, &namespaces).expect_err(key);
            assert!(error.to_string().contains("/linux/sysctl/"), "{error}");
        }
    }

    #[test]
    fn the_first_separator_of_a_sysctl_decides() {
        assert_eq!(
            sysctl_path("net.ipv4.conf.eth0/1.forwarding").1,
            "net/ipv4/conf/eth0.1/forwarding"
        );
        assert_eq!(
            sysctl_path("net/ipv4/conf/eth0.1/forwarding").0,
            "net.ipv4.conf.eth0/1.forwarding"
        );
    }
}
