//! The facts about the machine that planners use.

use std::io;

use super::CgroupLayout;
use crate::{read, sys};

/// What a planner knows about the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The running kernel.
    pub kernel: Kernel,
    /// The effective user of the runtime.
    pub euid: u32,
    /// The effective group of the runtime.
    pub egid: u32,
    /// The runtime's effective capabilities, bit by capability number (capabilities(7)).
    pub capabilities: u64,
    /// The runtime's bounding set, bit by capability number.
    pub bounding: u64,
    /// Whether the runtime is in the initial user namespace, or one that maps every id alike.
    pub initial_userns: bool,
    /// The cgroup hierarchies.
    pub cgroups: CgroupLayout,
    /// Whether an AppArmor policy can be applied.
    pub apparmor: bool,
    /// Whether an SELinux label can be applied.
    pub selinux: bool,
}

/// A kernel release as far as gates compare it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Kernel {
    /// The major number.
    pub major: u16,
    /// The minor number.
    pub minor: u16,
}

impl Kernel {
    /// Parses the release that uname(2) reports; what is not a number counts as 0.
    #[must_use]
    pub fn parse(release: &str) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse().unwrap_or(0));
        Self {
            major: numbers.next().unwrap_or(0),
            minor: numbers.next().unwrap_or(0),
        }
    }
}

impl Facts {
    /// Looks at the machine.
    pub fn look() -> io::Result<Self> {
        let rest = Self::look_without_cgroups()?;
        Ok(Self {
            cgroups: CgroupLayout::probe_within(rest.initial_userns)?,
            ..rest
        })
    }

    /// Looks at all but the cgroup hierarchies, for those who find them in a container's record.
    pub fn look_without_cgroups() -> io::Result<Self> {
        let uname = nix::sys::utsname::uname()?;
        let capabilities = sys::caps::get()?.effective;
        Ok(Self {
            kernel: Kernel::parse(&uname.release().to_string_lossy()),
            euid: nix::unistd::geteuid().as_raw(),
            egid: nix::unistd::getegid().as_raw(),
            capabilities,
            bounding: sys::caps::bounding(),
            initial_userns: in_first_user_namespace(),
            cgroups: CgroupLayout::default(),
            apparmor: read::small("/sys/module/apparmor/parameters/enabled")
                .is_ok_and(|text| text.starts_with(b"Y")),
            selinux: std::path::Path::new("/sys/fs/selinux/enforce").exists(),
        })
    }

    /// Whether the runtime holds the capability of this number.
    #[must_use]
    pub fn capable(&self, capability: u8) -> bool {
        self.capabilities & (1 << capability) != 0
    }

    /// A machine with everything, as planner tests start from.
    #[must_use]
    pub fn privileged() -> Self {
        Self {
            kernel: Kernel {
                major: 6,
                minor: 18,
            },
            euid: 0,
            egid: 0,
            capabilities: (1 << 41) - 1,
            bounding: (1 << 41) - 1,
            initial_userns: true,
            cgroups: CgroupLayout::default(),
            apparmor: false,
            selinux: false,
        }
    }
}

/// The first user namespace maps every id to itself (user_namespaces(7)).
pub(super) fn in_first_user_namespace() -> bool {
    let map = read::small_text("/proc/self/uid_map");
    map.is_ok_and(|map| map.split_ascii_whitespace().eq(["0", "0", "4294967295"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_compare_by_number() {
        assert!(Kernel::parse("5.12.0-rc1") > Kernel::parse("5.9"));
        assert_eq!(
            Kernel::parse("6.18.5-amd64"),
            Kernel {
                major: 6,
                minor: 18
            }
        );
    }
}
