//! Plans a process that `exec` adds to a container.
//! config.md#process

use std::ffi::CString;

use nix::libc;
use oci_spec::runtime::{LinuxNamespaceType, Process as Configured};

use super::container::keyring;
use super::namespaces;
use super::process::{self, Process};
use super::scheduling::{self, Affinity, Scheduling};
use super::seccomp::{self, Program};
use super::{Origin, PlanError};
use crate::host::Facts;
use crate::spec::{Config, ProcessGaps};

/// A process to add.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The process.
    pub process: Process,
    /// Its scheduling.
    pub scheduling: Scheduling,
    /// Its CPUs before and after it enters the cgroups.
    pub affinity: Affinity,
    /// Its filter: that of the container.
    pub seccomp: Option<Program>,
    /// `CLONE_NEW*` of the namespaces to join, all but that of PIDs.
    pub join: u64,
    /// Whether the container has a PID namespace of its own.
    pub own_pids: bool,
    /// Whether the root has to be found at init, since there is no mount namespace that has it.
    pub chroot: bool,
    /// The container's session keyring.
    pub keyring: Option<CString>,
    /// Where the process stands.
    pub origin: Origin,
}

/// Plans a process for the container of this configuration.
pub fn plan(
    config: &Config,
    process: &Configured,
    gaps: &ProcessGaps,
    facts: &Facts,
    id: &str,
    origin: Origin,
) -> Result<Entry, PlanError> {
    let linux = config.spec.linux().as_ref();
    let namespaces = namespaces::plan(&config.spec)?;
    let all = namespaces
        .join
        .iter()
        .fold(namespaces.create, |all, join| all | join.flag);
    let pid = libc::CLONE_NEWPID as u64;
    Ok(Entry {
        process: process::plan(process, facts, &namespaces, &origin)?,
        scheduling: scheduling::plan(linux, process, gaps, &origin)?,
        affinity: scheduling::affinity(gaps, &origin)?,
        seccomp: linux
            .and_then(|linux| linux.seccomp().as_ref())
            .map(seccomp::compile)
            .transpose()?,
        join: all & !pid,
        own_pids: all & pid != 0,
        chroot: !namespaces.has(LinuxNamespaceType::Mount),
        keyring: keyring(id, false),
        origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_of_the_container_is_joined() {
        let config = crate::spec::from_str(
            r#"{"ociVersion":"1.3.0","root":{"path":"r"},
                "process":{"cwd":"/","args":["x"],"user":{"uid":0,"gid":0}},
                "linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"network","path":"/n"}]}}"#
                .into(),
        )
        .expect("valid");
        let process = config.spec.process().clone().expect("there is one");
        let entry = plan(
            &config,
            &process,
            &config.gaps.process,
            &Facts::privileged(),
            "c",
            Origin::at("/process"),
        )
        .expect("valid");
        assert_eq!(entry.join, (libc::CLONE_NEWNS | libc::CLONE_NEWNET) as u64);
        assert!(entry.own_pids);
        assert!(!entry.chroot);
    }
}
