//! The configuration that `spec` writes, to start from.

/// The default: a shell on a terminal.
const DEFAULT: &str = include_str!("default.json");

/// What differs without root: no device limits, no network namespace of its own, a user namespace
/// with one id, /sys from outside (a new sysfs belongs to the network namespace's owner), and no group
/// 5 for terminals.
const ROOTLESS: [(&str, &str); 5] = [
    ("\"mode=0620\",\n\t\t\t\t\"gid=5\"\n", "\"mode=0620\"\n"),
    (
        "\"type\": \"sysfs\",\n\t\t\t\"source\": \"sysfs\",\n\t\t\t\"options\": [\n",
        "\"type\": \"none\",\n\t\t\t\"source\": \"/sys\",\n\t\t\t\"options\": [\n\t\t\t\t\"rbind\",\n",
    ),
    (
        "\"resources\": {\n\t\t\t\"devices\": [\n\t\t\t\t{\n\t\t\t\t\t\"allow\": false,\n\
         \t\t\t\t\t\"access\": \"rwm\"\n\t\t\t\t}\n\t\t\t]\n\t\t},\n",
        "\"uidMappings\": [\n\t\t\t{\n\t\t\t\t\"containerID\": 0,\n\t\t\t\t\"hostID\": UID,\n\
         \t\t\t\t\"size\": 1\n\t\t\t}\n\t\t],\n\
         \t\t\"gidMappings\": [\n\t\t\t{\n\t\t\t\t\"containerID\": 0,\n\t\t\t\t\"hostID\": GID,\n\
         \t\t\t\t\"size\": 1\n\t\t\t}\n\t\t],\n",
    ),
    ("\t\t\t{\n\t\t\t\t\"type\": \"network\"\n\t\t\t},\n", ""),
    (
        LAST_NAMESPACE,
        "\t\t\t\t\"type\": \"mount\"\n\t\t\t},\n\t\t\t{\n\t\t\t\t\"type\": \"user\"\n\t\t\t}\n",
    ),
];

/// The end of the list of namespaces.
const LAST_NAMESPACE: &str = "\t\t\t\t\"type\": \"mount\"\n\t\t\t}\n";

/// The default configuration. With `cgroup_namespace` it has one, as is usual on cgroup v2.
pub fn default(cgroup_namespace: bool) -> String {
    let mut text = DEFAULT.to_owned();
    if cgroup_namespace {
        let with = "\t\t\t\t\"type\": \"cgroup\"\n\t\t\t},\n\t\t\t{\n".to_owned() + LAST_NAMESPACE;
        text = text.replace(LAST_NAMESPACE, &with);
    }
    text
}

/// The default for a user without root, whose ids these are.
pub fn rootless(uid: u32, gid: u32, cgroup_namespace: bool) -> String {
    let mut text = default(cgroup_namespace);
    for (from, to) in ROOTLESS {
        text = text.replace(from, to);
    }
    text.replace("UID", &uid.to_string())
        .replace("GID", &gid.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::from_str;
    use super::*;
    use oci_spec::runtime::LinuxNamespaceType;

    fn namespaces(text: String) -> Vec<LinuxNamespaceType> {
        let config = from_str(text).expect("valid");
        let linux = config.spec.linux().clone().expect("linux");
        let list = linux.namespaces().clone().expect("namespaces");
        list.iter()
            .map(oci_spec::runtime::LinuxNamespace::typ)
            .collect()
    }

    #[test]
    fn every_difference_of_rootless_is_found_in_the_default() {
        for (from, _) in ROOTLESS {
            assert_eq!(DEFAULT.matches(from).count(), 1, "{from}");
        }
    }

    #[test]
    fn the_templates_are_valid() {
        use LinuxNamespaceType::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
        assert_eq!(namespaces(default(false)), [Pid, Network, Ipc, Uts, Mount]);
        assert_eq!(
            namespaces(default(true)),
            [Pid, Network, Ipc, Uts, Cgroup, Mount]
        );
        assert_eq!(
            namespaces(rootless(1000, 1001, true)),
            [Pid, Ipc, Uts, Cgroup, Mount, User]
        );
        let config = from_str(rootless(1000, 1001, false)).expect("valid");
        let linux = config.spec.linux().clone().expect("linux");
        assert_eq!(
            linux.uid_mappings().clone().expect("mapped")[0].host_id(),
            1000
        );
        assert_eq!(
            linux.gid_mappings().clone().expect("mapped")[0].host_id(),
            1001
        );
        assert!(linux.resources().is_none());
    }
}
