//! What may cover the container's `/proc`, or a file of it.
//! config.md#mounts
//!
//! Programs trust what they read and write there: a label written to a file of somebody's volume
//! confines nothing (CVE-2019-16884, CVE-2025-52881). The list is runc's; it is there for those who show a
//! container its own share of the machine, as lxcfs does.

use std::path::Path;

use super::{Mount, Source};
use crate::plan::PlanError;

/// Files, below `/proc`, that a bind mount may cover.
const FILES: &[&str] = &[
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "net/dev",
    "slabinfo",
    "stat",
    "swaps",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
    "uptime",
];

impl Mount {
    /// Whether its target may lie inside a procfs.
    #[must_use]
    pub fn may_cover_proc(&self) -> bool {
        match (&self.source, self.target.strip_prefix("proc")) {
            // Nothing new is put there.
            (Source::Remount(_), _) => true,
            (_, Err(_)) => false,
            (source, Ok(below)) if below.as_os_str().is_empty() => match source {
                Source::New { fstype, .. } => fstype.as_c_str() == c"proc",
                // That its source is a procfs shows when it is opened.
                Source::Bind { .. } => true,
                _ => false,
            },
            (source, Ok(below)) => {
                matches!(source, Source::Bind { .. })
                    && FILES.iter().any(|file| below == Path::new(file))
            }
        }
    }
}

/// Refuses what the destination alone shows to be wrong; the executor looks where links lead.
pub(super) fn check(mount: &Mount) -> Result<(), PlanError> {
    if !mount.target.starts_with("proc") || mount.may_cover_proc() {
        return Ok(());
    }
    Err(PlanError::unsupported(
        mount.origin.child("destination"),
        format!("a mount on /{}", mount.target.display()),
        "only a procfs can be mounted on /proc, and only some files below it can be bound over",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Facts;
    use crate::plan::namespaces::Namespaces;

    fn accepted(entry: &str) -> bool {
        let spec = serde_json::from_str(&format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"rootfs"}},"mounts":[{entry}]}}"#
        ))
        .expect("the test's config is valid JSON");
        let plan = super::super::plan(
            &spec,
            &Facts::privileged(),
            &Namespaces::default(),
            Path::new("/bundle"),
        );
        match plan {
            Ok(_) => true,
            Err(error) => {
                assert!(
                    error.to_string().contains("/mounts/0/destination"),
                    "{error}"
                );
                false
            }
        }
    }

    #[test]
    fn only_files_on_the_list_are_bound_over() {
        for (file, expected) in [
            ("cpuinfo", true),
            ("sys/kernel/ns_last_pid", true),
            ("sys/kernel/hostname", false),
            ("self/attr/exec", false),
            ("version", false),
            ("net", false),
        ] {
            let entry =
                format!(r#"{{"destination":"/proc/{file}","source":"/f","options":["bind"]}}"#);
            assert_eq!(accepted(&entry), expected, "{file}");
        }
    }

    #[test]
    fn only_a_procfs_comes_onto_proc() {
        for (entry, expected) in [
            (r#"{"destination":"/proc","type":"proc"}"#, true),
            (
                r#"{"destination":"proc","source":"/proc","options":["rbind"]}"#,
                true,
            ),
            (
                r#"{"destination":"/proc","options":["remount","ro"]}"#,
                true,
            ),
            (
                r#"{"destination":"/proc/sys","options":["bind","remount","ro"]}"#,
                true,
            ),
            (r#"{"destination":"/proc","type":"tmpfs"}"#, false),
            (r#"{"destination":"/proc/acpi","type":"tmpfs"}"#, false),
            (r#"{"destination":"/proc/cpuinfo","type":"tmpfs"}"#, false),
            (r#"{"destination":"/process","type":"tmpfs"}"#, true),
        ] {
            assert_eq!(accepted(entry), expected, "{entry}");
        }
    }
}
