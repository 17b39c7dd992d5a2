//! `features`: features.md and features-linux.md

use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompBuilder};
use serde_json::{Value, json};

use super::print_json;
use crate::cli::{CommandError, Context, Matches};
use crate::host::Kernel;
use crate::plan::{mounts, namespaces, seccomp};
use crate::spec::{OCI_VERSION, capability_names};

/// Prints what this runtime can do. Nothing goes to standard error: CRI-O reads both as one.
pub fn run(_context: &Context, _matches: &Matches) -> Result<u8, CommandError> {
    let release = nix::sys::utsname::uname()
        .map_err(|errno| CommandError::io("ask for the kernel's release")(errno.into()))?;
    print_json(&features(Kernel::parse(
        &release.release().to_string_lossy(),
    )))
}

const HOOKS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

const OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

/// Flags of seccomp(2), each with the kernel that brought it.
const FLAGS: [(&str, (u16, u16)); 4] = [
    ("SECCOMP_FILTER_FLAG_LOG", (4, 14)),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", (4, 17)),
    ("SECCOMP_FILTER_FLAG_TSYNC", (3, 17)),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", (5, 19)),
];

/// The architectures of the specification; the compiler says which it can do here.
const ARCHS: [Arch; 23] = [
    Arch::ScmpArchAarch64,
    Arch::ScmpArchArm,
    Arch::ScmpArchLoongarch64,
    Arch::ScmpArchM68k,
    Arch::ScmpArchMips,
    Arch::ScmpArchMips64,
    Arch::ScmpArchMips64n32,
    Arch::ScmpArchMipsel,
    Arch::ScmpArchMipsel64,
    Arch::ScmpArchMipsel64n32,
    Arch::ScmpArchParisc,
    Arch::ScmpArchParisc64,
    Arch::ScmpArchPpc,
    Arch::ScmpArchPpc64,
    Arch::ScmpArchPpc64le,
    Arch::ScmpArchRiscv64,
    Arch::ScmpArchS390,
    Arch::ScmpArchS390x,
    Arch::ScmpArchSh,
    Arch::ScmpArchSheb,
    Arch::ScmpArchX32,
    Arch::ScmpArchX86,
    Arch::ScmpArchX86_64,
];

const MEMORY_MODES: [&str; 7] = [
    "MPOL_BIND",
    "MPOL_DEFAULT",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
];

const MEMORY_FLAGS: [&str; 3] = [
    "MPOL_F_NUMA_BALANCING",
    "MPOL_F_RELATIVE_NODES",
    "MPOL_F_STATIC_NODES",
];

fn features(kernel: Kernel) -> Value {
    let mount_options: Vec<_> = mounts::OPTIONS.iter().map(|(name, _)| *name).collect();
    let mut namespaces: Vec<_> = namespaces::TYPES.iter().map(|(_, _, name)| *name).collect();
    namespaces.sort_unstable();
    json!({
        // Versions before 1.0 are taken as well, but not promised.
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": HOOKS,
        "mountOptions": mount_options,
        // Such an annotation sets a property of the container's systemd unit, whatever it is.
        "potentiallyUnsafeConfigAnnotations": ["org.systemd.property."],
        "annotations": {"org.plimsoll.plimrun.version": env!("CARGO_PKG_VERSION")},
        "linux": {
            "namespaces": namespaces,
            "capabilities": capability_names().collect::<Vec<_>>(),
            "cgroup": {"v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true},
            "seccomp": seccomp_features(kernel),
            "apparmor": {"enabled": true},
            "selinux": {"enabled": true},
            "intelRdt": {"enabled": true, "schemata": true, "monitoring": true},
            "memoryPolicy": {"modes": MEMORY_MODES, "flags": MEMORY_FLAGS},
            "mountExtensions": {"idmap": {"enabled": true}},
            "netDevices": {"enabled": true},
        },
    })
}

fn seccomp_features(kernel: Kernel) -> Value {
    let archs = ARCHS.iter().filter(|&&arch| {
        let profile = LinuxSeccompBuilder::default()
            .architectures(vec![arch])
            .build();
        profile.is_ok_and(|profile: LinuxSeccomp| seccomp::compile(&profile).is_ok())
    });
    let supported = |&&(_, since): &&(&str, (u16, u16))| (kernel.major, kernel.minor) >= since;
    json!({
        "enabled": true,
        "actions": ACTIONS,
        "operators": OPERATORS,
        "archs": archs.map(ToString::to_string).collect::<Vec<_>>(),
        "knownFlags": FLAGS.map(|(name, _)| name),
        "supportedFlags": FLAGS.iter().filter(supported).map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::from_str;

    fn list<'a>(features: &'a Value, pointer: &str) -> Vec<&'a str> {
        let list = features
            .pointer(pointer)
            .and_then(Value::as_array)
            .expect(pointer);
        list.iter()
            .map(|item| item.as_str().expect("a string"))
            .collect()
    }

    fn accepts(linux: &Value) {
        let text =
            json!({"ociVersion": "1.3.0", "root": {"path": "r"}, "linux": linux}).to_string();
        if let Err(error) = from_str(text) {
            panic!("{linux}: {error}");
        }
    }

    #[test]
    fn every_word_that_is_promised_is_recognised_in_a_configuration() {
        let features = features(Kernel {
            major: 6,
            minor: 18,
        });
        for action in list(&features, "/linux/seccomp/actions") {
            accepts(&json!({"seccomp": {"defaultAction": action}}));
        }
        for arch in list(&features, "/linux/seccomp/archs") {
            accepts(
                &json!({"seccomp": {"defaultAction": "SCMP_ACT_LOG", "architectures": [arch]}}),
            );
        }
        for flag in list(&features, "/linux/seccomp/knownFlags") {
            accepts(&json!({"seccomp": {"defaultAction": "SCMP_ACT_LOG", "flags": [flag]}}));
        }
        for op in list(&features, "/linux/seccomp/operators") {
            let args = json!([{"index": 0, "value": 0, "op": op}]);
            let rule = json!({"names": ["read"], "action": "SCMP_ACT_LOG", "args": args});
            accepts(&json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}}));
        }
        for mode in list(&features, "/linux/memoryPolicy/modes") {
            let flags = list(&features, "/linux/memoryPolicy/flags");
            accepts(&json!({"memoryPolicy": {"mode": mode, "flags": flags}}));
        }
        for kind in list(&features, "/linux/namespaces") {
            accepts(&json!({"namespaces": [{"type": kind, "path": "/proc/1/ns/x"}]}));
        }
        assert_eq!(list(&features, "/linux/namespaces").len(), 8);
    }

    #[test]
    fn every_release_from_the_oldest_to_the_newest_promised_is_taken() {
        let features = features(Kernel {
            major: 6,
            minor: 18,
        });
        let ends = ["/ociVersionMin", "/ociVersionMax"].map(|end| features.pointer(end));
        let releases = [
            "1.0.0", "1.0.1", "1.0.2", "1.1.0", "1.2.0", "1.2.1", "1.3.0",
        ];
        assert_eq!(ends, [Some(&json!(releases[0])), Some(&json!(releases[6]))]);
        for release in releases {
            let text = json!({"ociVersion": release, "root": {"path": "r"}});
            assert!(from_str(text.to_string()).is_ok(), "{release}");
        }
    }

    /// Words of the kernel's and of libseccomp's that the specification does not have, each with its list.
    #[test]
    fn no_word_is_taken_that_is_not_promised() {
        let features = features(Kernel {
            major: 6,
            minor: 18,
        });
        let refused = |pointer: &str, word: &str, linux: Value| {
            assert!(!list(&features, pointer).contains(&word), "{word}");
            let text = json!({"ociVersion": "1.3.0", "root": {"path": "r"}, "linux": linux});
            assert!(from_str(text.to_string()).is_err(), "{word}");
        };
        for word in [
            "SECCOMP_FILTER_FLAG_NEW_LISTENER",
            "SECCOMP_FILTER_FLAG_TSYNC_ESRCH",
        ] {
            let profile = json!({"defaultAction": "SCMP_ACT_LOG", "flags": [word]});
            refused(
                "/linux/seccomp/knownFlags",
                word,
                json!({"seccomp": profile}),
            );
        }
        for word in ["SCMP_ACT_USER_NOTIF", "SECCOMP_RET_ALLOW", "scmp_act_allow"] {
            let profile = json!({"defaultAction": word});
            refused("/linux/seccomp/actions", word, json!({"seccomp": profile}));
        }
        for word in ["MPOL_MAX", "bind", "MPOL_PREFERRED_FEW"] {
            refused(
                "/linux/memoryPolicy/modes",
                word,
                json!({"memoryPolicy": {"mode": word}}),
            );
        }
        for word in ["net", "mnt", "pid_for_children"] {
            refused(
                "/linux/namespaces",
                word,
                json!({"namespaces": [{"type": word}]}),
            );
        }
    }

    #[test]
    fn an_old_kernel_has_fewer_flags() {
        let flags = |major, minor| {
            let features = seccomp_features(Kernel { major, minor });
            list(&features, "/supportedFlags").len()
        };
        assert_eq!(
            [flags(3, 16), flags(4, 14), flags(5, 18), flags(5, 19)],
            [0, 2, 3, 4]
        );
    }
}
