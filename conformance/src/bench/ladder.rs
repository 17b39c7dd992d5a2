//! The ladder: from hardly a container to the full default one, a feature at a time.

use std::path::Path;

use plimsoll_fixtures::bundle::{Bundle, default_spec};
use plimsoll_fixtures::seccomp::ENGINE;
use serde_json::{Value, json};

use super::blocks::Block;
use super::contestant::Contestant;
use super::course::{Course, Part};
use super::filter;
use super::setting::Setting;
use super::{Error, at};

/// A rung: its name, how it changes the bundle of the rung below, and what the floor adds.
type Rung = (&'static str, fn(Bundle) -> Bundle, &'static [&'static str]);

/// All rungs, from the lowest up.
const RUNGS: &[Rung] = &[
    (
        "mount-namespace-and-dev",
        bottom,
        &["mount", "rootfs", "cgroup", "dev"],
    ),
    (
        "uts-namespace",
        |bundle| bundle.namespace("uts", None),
        &["uts"],
    ),
    (
        "ipc-namespace",
        |bundle| bundle.namespace("ipc", None),
        &["ipc"],
    ),
    (
        "pid-namespace",
        |bundle| bundle.namespace("pid", None),
        &["pid"],
    ),
    ("proc", |bundle| mount(bundle, "/proc"), &["proc"]),
    (
        "network-namespace",
        |bundle| bundle.namespace("network", None),
        &["network"],
    ),
    (
        "cgroup-namespace",
        |bundle| bundle.namespace("cgroup", None),
        &["cgroupns"],
    ),
    ("dev-pts", |bundle| mount(bundle, "/dev/pts"), &["pts"]),
    ("dev-shm", |bundle| mount(bundle, "/dev/shm"), &["shm"]),
    (
        "dev-mqueue",
        |bundle| mount(bundle, "/dev/mqueue"),
        &["mqueue"],
    ),
    ("sys", |bundle| mount(bundle, "/sys"), &["sys"]),
    (
        "sys-fs-cgroup",
        |bundle| mount(bundle, "/sys/fs/cgroup"),
        &["sysfs-cgroup"],
    ),
    (
        "read-only-root",
        |bundle| bundle.set("/root/readonly", true),
        &["readonly-root"],
    ),
    (
        "read-only-paths",
        |bundle| take(bundle, "/linux/readonlyPaths"),
        &["readonly"],
    ),
    (
        "masked-paths",
        |bundle| take(bundle, "/linux/maskedPaths"),
        &["masked"],
    ),
    (
        "process-limits",
        |bundle| {
            let bundle = take(take(bundle, "/process/capabilities"), "/process/rlimits");
            take(take(bundle, "/process/noNewPrivileges"), "/hostname")
        },
        &["capabilities", "rlimits", "no-new-privs", "hostname"],
    ),
    (
        "hook",
        |bundle| bundle.hook("createRuntime", &["/bin/true"]),
        &[],
    ),
    (
        "seccomp-small",
        |bundle| bundle.set("/linux/seccomp", small_profile()),
        &[],
    ),
    (
        "seccomp-engine",
        |bundle| bundle.set("/linux/seccomp", engine_profile()),
        &[],
    ),
];

/// The floor's filter of a rung, which stands for the profile's size: it resolves no names.
fn floor_filter(rung: &str) -> Option<Vec<u8>> {
    match rung {
        // kexec_load of either architecture is of no consequence here: any one call will do.
        "seccomp-small" => Some(filter::refusing(246)),
        // Some 370 calls, in runs of four; what floor and payload call from here on is among them.
        "seccomp-engine" => Some(filter::allowing(
            &(0..462)
                .filter(|number| number % 5 != 0)
                .collect::<Vec<u32>>(),
        )),
        _ => None,
    }
}

fn small_profile() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["kexec_load"], "action": "SCMP_ACT_ERRNO"}],
    })
}

fn engine_profile() -> Value {
    serde_json::from_str(ENGINE).unwrap_or_default()
}

/// The least that runtimes start: a root file system, a mount namespace, and /dev: they make devices and links
/// there, which must not stay in the root file system.
fn bottom(bundle: Bundle) -> Bundle {
    let stripped = mount(bundle.set("/mounts", json!([])), "/dev")
        .set("/linux/namespaces", json!([{"type": "mount"}]))
        .set("/root/readonly", false);
    [
        "/hostname",
        "/process/capabilities",
        "/linux/readonlyPaths",
        "/linux/maskedPaths",
        "/process/rlimits",
        "/process/noNewPrivileges",
    ]
    .iter()
    .fold(stripped, |bundle, pointer| bundle.remove(pointer))
}

/// Adds the default spec's mount on `destination`.
fn mount(bundle: Bundle, destination: &str) -> Bundle {
    let default = default_spec();
    let mounts = default["mounts"].as_array().cloned().unwrap_or_default();
    mounts
        .into_iter()
        .filter(|mount| mount["destination"] == destination)
        .fold(bundle, |bundle, mount| bundle.push("/mounts", mount))
}

/// Takes what the default spec has at `pointer`.
fn take(bundle: Bundle, pointer: &str) -> Bundle {
    let value = default_spec().pointer(pointer).cloned().unwrap_or_default();
    bundle.set(pointer, value)
}

/// Runs the container of each rung.
pub(super) fn climb(course: &mut Course<'_>, field: &mut [Contestant]) -> Result<(), Error> {
    let mut bundle = Bundle::default_spec().args(&["/probe", "stamp"]);
    let mut only = Vec::new();
    let pause = course.options.pauses.first().copied().unwrap_or_default();
    for (at_rung, (name, change, floor)) in RUNGS.iter().enumerate() {
        bundle = change(bundle);
        only.extend_from_slice(floor);
        let dir = course
            .tools
            .dir()
            .join("bundles")
            .join(format!("ladder-{name}"));
        // A root file system each: what one runtime leaves in it must not trip another.
        let settings = field
            .iter()
            .map(|contestant| {
                rung_setting(&bundle, &dir.join(&contestant.entrant.name), &only, name)
            })
            .collect::<Result<Vec<Setting>, Error>>()?;
        let group = format!("ladder/{at_rung:02}-{name}");
        let part = Part {
            group: &group,
            pause,
            blocks: &[Block::Run],
            runtime: None,
        };
        course.rounds(&part, field, |who| settings[who].clone())?;
    }
    course.note(
        "bare and floor",
        "ladder",
        "load a seccomp filter that comes compiled; a runtime compiles it from its names",
    );
    Ok(())
}

/// The container of the rung `name`, in `dir`.
fn rung_setting(bundle: &Bundle, dir: &Path, only: &[&str], name: &str) -> Result<Setting, Error> {
    let mut setting = Setting::write(bundle, dir, Some(only))?;
    if let Some(filter) = floor_filter(name) {
        let path = dir.join("filter");
        at(
            format!("write {}", path.display()),
            std::fs::write(&path, filter),
        )?;
        setting
            .floor
            .extend(["--seccomp".to_owned(), path.display().to_string()]);
    }
    Ok(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_the_ladder_is_the_default_with_hook_and_seccomp() {
        let start = Bundle::default_spec();
        let top = RUNGS
            .iter()
            .fold(start, |bundle, (_, change, _)| change(bundle));
        let mut spec = top.spec().clone();
        let default = default_spec();
        assert_eq!(
            spec["hooks"]["createRuntime"].as_array().map(Vec::len),
            Some(1)
        );
        assert!(spec["linux"]["seccomp"]["syscalls"].is_array());
        spec.as_object_mut().unwrap().remove("hooks");
        spec["linux"].as_object_mut().unwrap().remove("seccomp");
        for list in ["/mounts", "/linux/namespaces"] {
            let sorted = |spec: &Value| {
                let mut items: Vec<String> = spec
                    .pointer(list)
                    .unwrap()
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(Value::to_string)
                    .collect();
                items.sort();
                items
            };
            assert_eq!(sorted(&spec), sorted(&default), "{list}");
        }
        for pointer in [
            "/process",
            "/root",
            "/hostname",
            "/linux/maskedPaths",
            "/linux/readonlyPaths",
        ] {
            assert_eq!(spec.pointer(pointer), default.pointer(pointer), "{pointer}");
        }
    }
}
