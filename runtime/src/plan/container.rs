//! The whole plan of a container: the subjects, put together.

use std::ffi::CString;

use oci_spec::runtime::LinuxNamespaceType;

use super::devices::{self, Devices};
use super::hooks::{self, Hooks, StateTemplate};
use super::mounts::{self, Mount};
use super::namespaces::{self, Namespaces};
use super::process::{self, Process};
use super::rootfs::{self, Rootfs};
use super::sysctl;
use super::{
    Options, Origin, PlanError, cgroup, intel_rdt, loopback, net_devices, notify, scheduling,
    seccomp,
};
use crate::host::Facts;
use crate::spec::{Config, OCI_VERSION};

/// Everything that `create` does, and in which order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Namespaces.
    pub namespaces: Namespaces,
    /// The root file system.
    pub rootfs: Rootfs,
    /// Mounts, in order.
    pub mounts: Vec<Mount>,
    /// Devices.
    pub devices: Devices,
    /// The host name inside.
    pub hostname: Option<String>,
    /// The NIS domain name inside.
    pub domainname: Option<String>,
    /// Kernel parameters, each with its path below `/proc/sys`.
    pub sysctl: Vec<(String, String, Origin)>,
    /// Control groups.
    pub cgroup: cgroup::CgroupPlan,
    /// The class of service in resctrl.
    pub intel_rdt: Option<intel_rdt::IntelRdt>,
    /// Who brings the loopback device up.
    pub loopback: loopback::Loopback,
    /// Network devices to move into the container.
    pub net_devices: Vec<net_devices::NetDevice>,
    /// Scheduling, I/O priority, memory policy, personality.
    pub scheduling: scheduling::Scheduling,
    /// The filter on system calls.
    pub seccomp: Option<seccomp::Program>,
    /// Hooks.
    pub hooks: Hooks,
    /// What hooks read.
    pub state: StateTemplate,
    /// The process; absent where config.json has none, which `start` then refuses.
    pub process: Option<Process>,
    /// The session keyring that init makes and `exec` joins, unless the caller's is kept.
    pub keyring: Option<CString>,
    /// How many descriptors from 3 on the process gets.
    pub inherited_fds: u32,
    /// How many of those are announced by LISTEN_FDS.
    pub listen_fds: u32,
    /// Whether the process may say through a socket that it is ready.
    pub notifies: bool,
}

impl Plan {
    /// Plans a container.
    pub fn new(config: &Config, facts: &Facts, options: &Options) -> Result<Self, PlanError> {
        let spec = &config.spec;
        let namespaces = namespaces::plan(spec)?;
        let cgroup = cgroup::plan(
            &cgroup::Request::of(config),
            &facts.cgroups,
            cgroup::CgroupOptions {
                id: &options.id,
                systemd: options.systemd_cgroup,
                disabled: options.no_cgroup,
            },
        )?;
        let mut mounts = mounts::plan(spec, facts, &namespaces, &options.bundle)?;
        let mut process = spec
            .process()
            .as_ref()
            .map(|process| process::plan(process, facts, &namespaces, &Origin::at("/process")))
            .transpose()?;
        let notifies = match (&options.notify, &mut process) {
            (Some(folder), Some(process)) => {
                notify::plan(folder, &namespaces, process, &mut mounts)?
            }
            _ => false,
        };
        let mounts = mounts::expand(mounts, &facts.cgroups, &cgroup, &namespaces)?;
        let linux = spec.linux().as_ref();
        let has_uts = namespaces.has(LinuxNamespaceType::Uts);
        let mut plan = Self {
            rootfs: rootfs::plan(spec, options, &namespaces)?,
            devices: devices::plan(spec, facts, &namespaces, &mounts)?,
            mounts,
            hostname: named(spec.hostname().as_deref(), "/hostname", has_uts)?,
            domainname: named(spec.domainname().as_deref(), "/domainname", has_uts)?,
            sysctl: sysctl::plan(spec, &namespaces)?,
            cgroup,
            intel_rdt: intel_rdt::plan(spec, &options.id),
            net_devices: net_devices::plan(spec, &namespaces)?,
            scheduling: scheduling(config)?,
            seccomp: linux
                .and_then(|linux| linux.seccomp().as_ref())
                .map(seccomp::compile)
                .transpose()?,
            hooks: hooks::plan(spec)?,
            state: StateTemplate {
                oci_version: OCI_VERSION.to_owned(),
                id: options.id.clone(),
                bundle: options.bundle.to_string_lossy().into_owned(),
                annotations: spec
                    .annotations()
                    .iter()
                    .flatten()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            },
            process,
            keyring: keyring(&options.id, options.no_new_keyring),
            inherited_fds: options.preserve_fds + options.listen_fds,
            listen_fds: options.listen_fds,
            notifies,
            namespaces,
            loopback: loopback::Loopback::default(),
        };
        plan.loopback = loopback::plan(&plan, facts);
        if !plan.hooks.create_container.is_empty() {
            // They run in the container's cgroups, while it is made.
            plan.cgroup.leave_nothing_late();
        }
        Ok(plan)
    }

    /// Whether init writes to a file of `/proc`.
    #[must_use]
    pub fn writes_proc(&self) -> bool {
        !self.sysctl.is_empty() || self.process.as_ref().is_some_and(Process::writes_proc)
    }
}

fn scheduling(config: &Config) -> Result<scheduling::Scheduling, PlanError> {
    let Some(process) = config.spec.process() else {
        return Ok(scheduling::Scheduling::default());
    };
    let linux = config.spec.linux().as_ref();
    let origin = Origin::at("/process");
    scheduling::plan(linux, process, &config.gaps.process, &origin)
}

/// The name of a container's session keyring; as runc names it.
pub fn keyring(id: &str, keep_callers: bool) -> Option<CString> {
    if keep_callers {
        return None;
    }
    // An id holds no NUL: the store has checked it.
    CString::new(format!("_ses.{id}")).ok()
}

fn named(
    value: Option<&str>,
    pointer: &'static str,
    has_uts: bool,
) -> Result<Option<String>, PlanError> {
    match value {
        None | Some("") => Ok(None),
        Some(name) if has_uts => Ok(Some(name.to_owned())),
        Some(name) => Err(PlanError::invalid(
            Origin::at(pointer),
            format!("{} {name:?}", pointer.trim_start_matches('/')),
            "it needs a uts namespace, else the machine's own would change",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<Plan, PlanError> {
        let config = crate::spec::from_str(json.to_owned()).expect("the test's config is valid");
        Plan::new(&config, &Facts::privileged(), &Options::default())
    }

    #[test]
    fn readiness_has_a_socket_in_place_of_the_callers() {
        let plan = |namespaces: &str| {
            let json = format!(
                r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{{"namespaces":[{namespaces}]}},
                "process":{{"cwd":"/","args":["a"],"env":["NOTIFY_SOCKET=/else","A=b"],
                "user":{{"uid":0,"gid":0}}}}}}"#
            );
            let config = crate::spec::from_str(json).expect("valid");
            let options = Options {
                notify: Some("/store/k/notify".into()),
                ..Options::default()
            };
            let plan =
                Plan::new(&config, &Facts::privileged(), &options).expect("it can be planned");
            let env = plan.process.map(|process| process.env).unwrap_or_default();
            (plan.notifies, plan.mounts.len(), env)
        };
        let (notifies, mounts, env) = plan(r#"{"type":"mount"}"#);
        assert!(notifies);
        assert_eq!(mounts, 1);
        assert_eq!(
            env,
            [
                c"A=b".into(),
                c"NOTIFY_SOCKET=/run/notify/notify.sock".into()
            ] as [CString; 2]
        );
        let (notifies, mounts, env) = plan("");
        assert!(!notifies);
        assert_eq!(mounts, 0);
        assert_eq!(env.len(), 2, "config.json is left alone");
    }

    #[test]
    fn rules_for_devices_are_not_late_where_hooks_run_inside() {
        let late = |hooks: &str| {
            let json = format!(
                r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"hooks":{hooks},"linux":{{
                "resources":{{"devices":[{{"allow":false}}]}},"namespaces":[{{"type":"mount"}}]}}}}"#
            );
            let config = crate::spec::from_str(json).expect("valid");
            let mut facts = Facts::privileged();
            facts.cgroups.v2 = Some(crate::host::Hierarchy {
                mount: "/sys/fs/cgroup".into(),
                root: "/".into(),
                controllers: Vec::new(),
                own: Some("".into()),
                writable: true,
                delegated: None,
            });
            let options = Options {
                id: "k".into(),
                ..Options::default()
            };
            let plan = Plan::new(&config, &facts, &options).expect("it can be planned");
            let settings = plan.cgroup.groups.iter().flat_map(|group| &group.before);
            settings.filter(|setting| setting.may_be_late()).count()
        };
        assert_eq!(late("{}"), 1);
        assert_eq!(late(r#"{"createRuntime":[{"path":"/h"}]}"#), 1);
        assert_eq!(late(r#"{"createContainer":[{"path":"/h"}]}"#), 0);
    }

    #[test]
    fn a_hostname_needs_its_namespace() {
        let error = plan(r#"{"ociVersion":"1.3.0","root":{"path":"r"},"hostname":"h"}"#)
            .expect_err("no uts namespace");
        assert!(error.to_string().contains("/hostname"));
    }
}
