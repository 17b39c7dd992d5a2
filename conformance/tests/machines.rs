//! On machines that offer less than all: what can be judged is judged, what cannot is skipped, and
//! the run gives up only where nothing can be.
//!
//! Each is made of this one for the length of a call, in namespaces of its own.

use std::path::Path;
use std::process::{Command, Output};

use plimsoll::observe::facts;
use plimsoll_fixtures::executable;
use serde_json::Value;

#[allow(
    dead_code,
    reason = "the rest is for targets that make one test a case"
)]
mod suite;

/// Cases of all kinds, most of which make a container.
const CASES: [&str; 9] = [
    "config/hostname",
    "config/process/user",
    "config/capabilities",
    "config/mounts/bind",
    "linux/devices",
    "linux/namespaces",
    "linux/cgroup_v1",
    "runtime/state",
    "features/document",
];

/// A program that makes another machine of this one, and calls what follows it there.
type Machine = &'static [&'static str];

const ORDINARY_USER: Machine = &["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
const WITHOUT_SYS_ADMIN: Machine = &[
    "setpriv",
    "--bounding-set=-sys_admin",
    "--inh-caps=-sys_admin",
];
const USER_NAMESPACE: Machine = &["unshare", "-Urmpf", "--mount-proc"];
const NO_CGROUPS: Machine = &[
    "unshare",
    "--mount",
    "sh",
    "-c",
    "umount -R -l /sys/fs/cgroup && exec \"$@\"",
    "sh",
];
const READ_ONLY_CGROUPS: Machine = &[
    "unshare",
    "--mount",
    "sh",
    "-c",
    "awk '$5 ~ \"^/sys/fs/cgroup\" {print $5}' /proc/self/mountinfo | sort -r |
     while read -r point; do mount -o remount,ro,bind \"$point\" || exit 1; done && exec \"$@\"",
    "sh",
];

/// Neither CAP_SYS_ADMIN nor a further user namespace.
const NOTHING: Machine = &[
    "unshare",
    "-r",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"",
    "sh",
    "setpriv",
    "--bounding-set=-sys_admin",
    "--inh-caps=-sys_admin",
];

/// A folder that every user may use, with the programs in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(runtime: &Path) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().expect("a folder");
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(place.path(), open).expect("the folder is ours");
        let plimsoll = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
        for (from, name) in [(plimsoll, "plimsoll"), (runtime, "runtime")] {
            executable::copy(from, &place.path().join(name)).expect("the folder is writable");
        }
        Self(place)
    }

    fn call(&self, machine: Machine, words: &[&str]) -> Output {
        Command::new(machine[0])
            .args(&machine[1..])
            .arg(self.0.path().join("plimsoll"))
            .args(words)
            .env("TMPDIR", self.0.path())
            .current_dir(self.0.path())
            .output()
            .expect("the machine is made")
    }

    /// Runs the cases, none of which may fail or break; how many passed and were skipped.
    fn run(&self, machine: Machine) -> (usize, usize) {
        let mut words = vec!["run", "--runtime", "rt=./runtime", "--format", "jsonl"];
        words.extend(CASES);
        let output = self.call(machine, &words);
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        let events: Vec<Value> = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|event: &Value| event["event"] == "case")
            .collect();
        let count = |status: &str| {
            events
                .iter()
                .filter(|event| event["status"] == status)
                .count()
        };
        let wrong: Vec<&Value> = events
            .iter()
            .filter(|event| event["status"] != "pass" && event["status"] != "skip")
            .collect();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(wrong.is_empty(), "{wrong:#?}\n{stderr}");
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        (count("pass"), count("skip"))
    }

    /// How many cases doctor says can be judged.
    fn doctor(&self, machine: Machine) -> (Option<i32>, Value) {
        let output = self.call(machine, &["doctor", "--format", "json"]);
        let document = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), document)
    }
}

/// The place, where this machine can be made into others at all.
fn place() -> Option<Place> {
    if !facts().is_root() || !facts().user_namespaces {
        eprintln!("skipped: takes root and user namespaces");
        return None;
    }
    let suite = suite::Suite::prepare().expect("there is a runtime");
    Some(Place::new(suite.runtime.path()))
}

#[test]
fn what_can_be_judged_is_judged_and_the_rest_is_skipped() {
    let Some(place) = place() else { return };
    for (name, machine) in [
        ("an ordinary user", ORDINARY_USER),
        ("no CAP_SYS_ADMIN", WITHOUT_SYS_ADMIN),
        ("a user namespace", USER_NAMESPACE),
        ("no cgroups", NO_CGROUPS),
        ("read-only cgroups", READ_ONLY_CGROUPS),
    ] {
        let (status, found) = place.doctor(machine);
        assert_eq!(status, Some(0), "{name}: {found}");
        assert_eq!(found["unfit"], Value::Null, "{name}");
        let (judged, all) = (found["judged"].as_u64(), found["cases"].as_u64());
        assert!(
            judged > Some(100) && judged < all,
            "{name}: {judged:?} of {all:?}"
        );
        let (passed, skipped) = place.run(machine);
        assert!(
            passed > 30 && skipped > 5,
            "{name}: {passed} pass, {skipped} skip"
        );
    }
}

#[test]
fn a_machine_that_allows_no_container_is_unfit() {
    let Some(place) = place() else { return };
    let (status, found) = place.doctor(NOTHING);
    assert_eq!(status, Some(3), "{found}");
    let why = found["unfit"].as_str().unwrap_or_default();
    assert!(why.contains("user namespaces"), "{found}");
    let output = place.call(NOTHING, &["run", "--runtime", "rt=./runtime"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_runtime_that_makes_no_container_there_is_judged_by_the_rest() {
    let Some(place) = place() else { return };
    // As runc without cgroups, or without CAP_SYS_ADMIN.
    let picky = "#!/bin/sh
for word; do case $word in create|run) exit 1 ;; esac; done
exec \"${0%/*}/honest\" \"$@\"\n";
    let folder = place.0.path();
    std::fs::rename(folder.join("runtime"), folder.join("honest")).expect("a rename");
    executable::write(&folder.join("runtime"), picky.as_bytes()).expect("a file");
    for machine in [NO_CGROUPS, WITHOUT_SYS_ADMIN] {
        let (passed, skipped) = place.run(machine);
        assert!(passed > 3 && skipped > 50, "{passed} pass, {skipped} skip");
    }
}
