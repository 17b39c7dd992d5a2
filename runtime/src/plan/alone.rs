//! Whether init may go on to its program by itself.

use oci_spec::runtime::LinuxNamespaceType;

use super::Plan;

impl Plan {
    /// Whether `run` may let init go on to its program before it is ready: it has nothing more to ask, all that
    /// the runtime does comes before, and no foreign code is inside with it, so that it may hold what makes the container
    /// visible until it is. Then neither waits for the other to wake up.
    #[must_use]
    pub fn goes_on_alone(&self) -> bool {
        let Self {
            namespaces, hooks, ..
        } = self;
        let asks = namespaces.has(LinuxNamespaceType::User)
            || namespaces.needs_intermediate()
            || !(self.net_devices.is_empty()
                && hooks.prestart.is_empty()
                && hooks.create_runtime.is_empty());
        // What systemd makes needs init's PID.
        let done_later = self.cgroup.scope.is_some()
            || self
                .cgroup
                .groups
                .iter()
                .any(|group| !group.after.is_empty())
            || self.intel_rdt.is_some()
            || self.notifies
            || self
                .seccomp
                .as_ref()
                .is_some_and(|filter| filter.listener.is_some());
        let alone_inside = namespaces.creates(LinuxNamespaceType::Pid)
            && hooks.create_container.is_empty()
            && hooks.start_container.is_empty();
        self.process.is_some() && alone_inside && !asks && !done_later
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Facts;
    use crate::plan::Options;

    /// Of a container with a namespace of processes, what `rest` adds.
    fn alone(namespace: &str, linux: &str, rest: &str) -> bool {
        let json = format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{{"namespaces":[{{"type":"mount"}},
            {namespace}]{linux}}}{rest}}}"#
        );
        let config = crate::spec::from_str(json).expect("valid");
        let options = Options {
            id: "k".into(),
            ..Options::default()
        };
        let plan = Plan::new(&config, &Facts::privileged(), &options);
        plan.expect("it can be planned").goes_on_alone()
    }

    const PIDS: &str = r#"{"type":"pid"}"#;
    const PROCESS: &str = r#","process":{"cwd":"/","args":["/p"],"user":{"uid":0,"gid":0}}"#;

    #[test]
    fn init_goes_on_alone_where_it_has_nothing_to_ask_and_is_by_itself() {
        assert!(alone(PIDS, "", PROCESS));
        assert!(!alone(PIDS, "", ""), "there is no program");
        for namespace in [
            r#"{"type":"ipc"}"#,
            r#"{"type":"pid","path":"/p"}"#,
            r#"{"type":"pid"},{"type":"user","path":"/u"}"#,
        ] {
            assert!(!alone(namespace, "", PROCESS), "{namespace}");
        }
        for (hook, expected) in [
            ("prestart", false),
            ("createRuntime", false),
            ("createContainer", false),
            ("startContainer", false),
            ("poststart", true),
            ("poststop", true),
        ] {
            let hooks = format!(r#"{PROCESS},"hooks":{{"{hook}":[{{"path":"/h"}}]}}"#);
            assert_eq!(alone(PIDS, "", &hooks), expected, "{hook}");
        }
        let network = r#"{"type":"pid"},{"type":"network"}"#;
        assert!(alone(network, "", PROCESS));
        for linux in [
            r#","netDevices":{"eth9":{}}"#,
            r#","intelRdt":{"closID":"c"}"#,
            r#","seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/l","syscalls":[{"names":["mkdir"],
            "action":"SCMP_ACT_NOTIFY"}]}"#,
        ] {
            assert!(!alone(network, linux, PROCESS), "{linux}");
        }
    }
}
