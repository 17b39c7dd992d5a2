//! The headings of the specification, each with the modules of plimrun that implement it.
//!
//! Left out are examples, and what is for other platforms than Linux.

/// A file of the specification with its headings.
pub(crate) struct Chapter {
    /// Its name.
    pub(crate) file: &'static str,
    /// The headings in their order.
    pub(crate) headings: &'static [Heading],
}

/// A heading: its anchor, and the files below `runtime/src/` that implement what it says.
pub(crate) type Heading = (&'static str, &'static [&'static str]);

const FEATURES: &[&str] = &["cli/commands/features.rs"];

/// The chapters in the order of the specification.
pub(crate) const CHAPTERS: [Chapter; 7] = [
    Chapter {
        file: "bundle.md",
        headings: &[
            ("filesystem-bundle", &["cli/launch.rs"]),
            ("container-format", &["cli/launch.rs", "spec/load.rs"]),
        ],
    },
    Chapter {
        file: "runtime.md",
        headings: &[
            ("runtime-and-lifecycle", &["state/status.rs"]),
            ("scope-of-a-container", &["exec/spawn.rs", "exec/enter.rs"]),
            (
                "state",
                &["state/record.rs", "state/status.rs", "plan/hooks.rs"],
            ),
            (
                "lifecycle",
                &[
                    "exec/create.rs",
                    "exec/init.rs",
                    "exec/start.rs",
                    "teardown.rs",
                ],
            ),
            ("errors", &["cli/error.rs", "exec/error.rs"]),
            ("warnings", &["cli/log.rs"]),
            ("operations", &["cli/table/mod.rs"]),
            ("query-state", &["cli/commands/state.rs"]),
            ("create", &["cli/launch.rs", "exec/create.rs"]),
            ("start", &["cli/commands/start.rs", "exec/start.rs"]),
            ("kill", &["cli/commands/kill.rs"]),
            ("delete", &["cli/commands/delete.rs", "teardown.rs"]),
            ("hooks", &["exec/hooks.rs"]),
        ],
    },
    Chapter {
        file: "runtime-linux.md",
        headings: &[
            ("linux-runtime", &["exec/init.rs"]),
            (
                "file-descriptors",
                &["exec/protect.rs", "exec/become_process.rs"],
            ),
            (
                "dev-symbolic-links",
                &["plan/devices.rs", "exec/devices.rs"],
            ),
        ],
    },
    Chapter {
        file: "config.md",
        headings: &[
            ("configuration", &["spec/load.rs", "spec/config.rs"]),
            ("specification-version", &["spec/validate/version.rs"]),
            (
                "root",
                &["plan/rootfs.rs", "exec/root.rs", "exec/switch.rs"],
            ),
            (
                "mounts",
                &[
                    "spec/validate/mounts.rs",
                    "plan/mounts/parse.rs",
                    "plan/mounts/over_proc.rs",
                    "exec/mounts.rs",
                ],
            ),
            (
                "linux-mount-options",
                &[
                    "plan/mounts/options.rs",
                    "exec/mounts.rs",
                    "exec/copy_up.rs",
                ],
            ),
            (
                "posix-platform-mounts",
                &["plan/mounts/parse.rs", "exec/trees.rs"],
            ),
            (
                "process",
                &[
                    "spec/validate/process.rs",
                    "plan/process.rs",
                    "exec/console.rs",
                    "exec/become_process.rs",
                    "exec/command.rs",
                ],
            ),
            ("posix-process", &["plan/process.rs", "exec/credentials.rs"]),
            (
                "linux-process",
                &[
                    "plan/process.rs",
                    "plan/scheduling.rs",
                    "exec/credentials.rs",
                    "exec/scheduling.rs",
                    "exec/become_process.rs",
                ],
            ),
            ("user", &["plan/process.rs", "exec/credentials.rs"]),
            (
                "posix-platform-user",
                &["plan/process.rs", "exec/credentials.rs"],
            ),
            ("hostname", &["spec/validate/namespaces.rs", "exec/init.rs"]),
            (
                "domainname",
                &["spec/validate/namespaces.rs", "exec/init.rs"],
            ),
            ("platform-specific-configuration", &["spec/shape.rs"]),
            (
                "posix-platform-hooks",
                &["spec/validate/hooks.rs", "plan/hooks.rs", "exec/hooks.rs"],
            ),
            ("prestart", &["exec/create.rs"]),
            ("createruntime-hooks", &["exec/create.rs"]),
            ("createcontainer-hooks", &["exec/init.rs"]),
            ("startcontainer-hooks", &["exec/init.rs"]),
            ("poststart", &["cli/finish.rs"]),
            ("poststop", &["teardown.rs"]),
            ("annotations", &["spec/validate/annotations.rs"]),
            ("extensibility", &["spec/survey.rs"]),
            ("valid-values", &["spec/survey.rs", "spec/shape.rs"]),
            ("configuration-schema-example", &["spec/template.rs"]),
        ],
    },
    Chapter {
        file: "config-linux.md",
        headings: &[
            ("linux-container-configuration", &["spec/validate/linux.rs"]),
            ("default-filesystems", &["spec/default.json"]),
            (
                "namespaces",
                &[
                    "spec/validate/namespaces.rs",
                    "plan/namespaces.rs",
                    "exec/namespaces.rs",
                    "exec/spawn.rs",
                ],
            ),
            (
                "user-namespace-mappings",
                &["plan/namespaces.rs", "exec/namespaces.rs"],
            ),
            (
                "offset-for-time-namespace",
                &["plan/namespaces.rs", "exec/namespaces.rs"],
            ),
            (
                "devices",
                &[
                    "spec/validate/devices.rs",
                    "plan/devices.rs",
                    "exec/devices.rs",
                ],
            ),
            ("default-devices", &["plan/devices.rs", "exec/devices.rs"]),
            (
                "network-devices",
                &["plan/net_devices.rs", "exec/net_devices.rs"],
            ),
            (
                "namespace-lifecycle-and-container-termination",
                &["exec/net_devices.rs", "exec/claims.rs"],
            ),
            (
                "control-groups",
                &[
                    "spec/validate/cgroups.rs",
                    "plan/cgroup/planner.rs",
                    "exec/cgroup/apply.rs",
                ],
            ),
            (
                "cgroups-path",
                &[
                    "plan/cgroup/path.rs",
                    "plan/cgroup/systemd.rs",
                    "exec/cgroup/make.rs",
                ],
            ),
            (
                "cgroup-ownership",
                &["plan/cgroup/planner.rs", "exec/cgroup/delegate.rs"],
            ),
            (
                "allowed-device-list",
                &[
                    "plan/cgroup/devices.rs",
                    "plan/cgroup/program.rs",
                    "exec/cgroup/device_list.rs",
                    "exec/cgroup/program.rs",
                ],
            ),
            ("memory", &["plan/cgroup/memory.rs"]),
            ("cpu", &["plan/cgroup/cpu.rs"]),
            ("block-io", &["plan/cgroup/blkio.rs"]),
            ("huge-page-limits", &["plan/cgroup/misc.rs"]),
            ("network", &["plan/cgroup/misc.rs"]),
            ("pids", &["plan/cgroup/misc.rs"]),
            ("rdma", &["plan/cgroup/misc.rs"]),
            ("unified", &["plan/cgroup/misc.rs"]),
            ("intelrdt", &["plan/intel_rdt.rs", "exec/intel_rdt.rs"]),
            (
                "memory-policy",
                &["plan/scheduling.rs", "exec/scheduling.rs"],
            ),
            (
                "sysctl",
                &["plan/sysctl.rs", "exec/init.rs", "exec/procfs.rs"],
            ),
            (
                "seccomp",
                &[
                    "spec/validate/seccomp.rs",
                    "plan/seccomp/mod.rs",
                    "exec/seccomp.rs",
                ],
            ),
            ("the-container-process-state", &["exec/seccomp.rs"]),
            (
                "rootfs-mount-propagation",
                &["plan/rootfs.rs", "exec/switch.rs"],
            ),
            ("masked-paths", &["plan/rootfs.rs", "exec/protect_paths.rs"]),
            (
                "readonly-paths",
                &["plan/rootfs.rs", "exec/protect_paths.rs"],
            ),
            ("mount-label", &["plan/mounts/parse.rs"]),
            ("personality", &["plan/scheduling.rs", "exec/scheduling.rs"]),
        ],
    },
    Chapter {
        file: "features.md",
        headings: &[
            ("features-structure", FEATURES),
            ("specification-version", FEATURES),
            ("hooks", FEATURES),
            ("mount-options", FEATURES),
            ("platform-specific-features", FEATURES),
            ("annotations", FEATURES),
            ("unsafe-annotations-in-configjson", FEATURES),
        ],
    },
    Chapter {
        file: "features-linux.md",
        headings: &[
            ("linux-features-structure", FEATURES),
            ("namespaces", FEATURES),
            ("capabilities", FEATURES),
            ("cgroup", FEATURES),
            ("seccomp", FEATURES),
            ("apparmor", FEATURES),
            ("selinux", FEATURES),
            ("memorypolicy", FEATURES),
            ("intel-rdt", FEATURES),
            ("mountextensions", FEATURES),
            ("netdevices", FEATURES),
        ],
    },
];
