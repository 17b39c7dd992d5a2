//! What cannot be: an error with the entry of config.json, and a machine as it was before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use plimrun::host::CgroupLayout;
use serde_json::{Value, json};

use super::bundle::{Bundle, text};

/// What a failed `create` could leave: mounts, cgroups, files in its store and beside it, children.
#[derive(Debug, PartialEq)]
struct Machine {
    mounts: String,
    files: BTreeSet<String>,
    cgroups: Vec<String>,
}

impl Machine {
    fn look(bundle: &Bundle, id: &str) -> Self {
        let layout = CgroupLayout::probe().expect("the layout is readable");
        let hierarchies = layout.v1.iter().chain(&layout.v2);
        let cgroups = hierarchies.filter_map(|hierarchy| {
            // Where the configuration names a place or none.
            let places = [format!("plimrun-{id}"), id.to_owned(), "a".to_owned()];
            let found = places.map(|place| hierarchy.mount.join(place));
            let found = found.iter().find(|place| place.exists())?;
            Some(found.display().to_string())
        });
        let mut files = BTreeSet::new();
        for folder in ["", "store", "rootfs"] {
            let entries = fs::read_dir(bundle.path(folder)).into_iter().flatten();
            files.extend(
                entries
                    .flatten()
                    .map(|file| file.path().display().to_string()),
            );
        }
        // The tests' own, and what the store is made of.
        files.retain(|file| {
            !["stdout", "stderr", "store"]
                .iter()
                .any(|own| file.ends_with(own))
        });
        Self {
            mounts: fs::read_to_string("/proc/thread-self/mountinfo").expect("readable"),
            files,
            cgroups: cgroups.collect(),
        }
    }
}

/// Calls plimrun from mounts of the thread's own, since whoever else is on the machine may mount things meanwhile.
fn apart(test: impl FnOnce() + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        return test();
    }
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNS).expect("root makes a mount namespace");
        let (none, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        mount(none, "/", none, private, none).expect("root changes its mounts");
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Creates, and gives what went wrong besides the refusal at this place.
fn fault(bundle: &Bundle, pointer: &str) -> Option<String> {
    let id = bundle.id();
    let before = Machine::look(bundle, &id);
    let output = bundle.plimrun(&["create", &id]);
    let error = text(&output.stderr);
    if output.status.code() != Some(1) {
        bundle.delete();
        return Some(format!("exit with {}", output.status));
    }
    if !error.contains(&format!("config.json {pointer}")) {
        return Some(error);
    }
    let after = Machine::look(bundle, &id);
    (before != after).then(|| format!("from {before:?} to {after:?}"))
}

#[test]
fn every_bad_configuration_is_refused_by_create_and_leaves_nothing() {
    apart(refuse_all);
}

fn refuse_all() {
    let Some(bundle) = Bundle::new() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/configs/bad");
    let mut faults = Vec::new();
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("listed").path();
        let config = fs::read_to_string(&path).expect("readable");
        let json: Value = serde_json::from_str(&config).expect("JSON");
        fs::write(bundle.path("config.json"), &config).expect("written");
        let pointer = json["x-expect"].as_str().expect("a pointer");
        faults.extend(fault(&bundle, pointer).map(|fault| format!("{}: {fault}", path.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A change of the good configuration, by its pointer, and where the error is to point.
type Spoiler = (&'static str, Value, &'static str);

/// What only shows while the container is made, one step after another.
#[rustfmt::skip] // One row a line.
fn spoilers() -> Vec<Spoiler> {
    let nowhere = "/does/not/exist";
    let on_x = |kind: &str, options: Value| json!({"destination": "/x", "type": kind, "source": nowhere, "options": options});
    let null = |path: &str| json!([{"type": "c", "path": path, "major": 1, "minor": 3}]);
    let late = json!({"policy": "SCHED_DEADLINE", "runtime": 9, "deadline": 10, "period": 10});
    vec![
        ("/root/path", json!(nowhere), "/root/path"),
        ("/linux/namespaces/0/path", json!(nowhere), "/linux/namespaces/0"),
        ("/linux/namespaces/0/path", json!("/proc/self/ns/net"), "/linux/namespaces/0"),
        ("/linux/sysctl", json!({"net.ipv4.no_such_key": "1"}), "/linux/sysctl/"),
        ("/linux/sysctl", json!({"net.core.somaxconn": "many"}), "/linux/sysctl/"),
        ("/linux/netDevices", json!({"nosuchdev0": {}}), "/linux/netDevices/nosuchdev0"),
        ("/linux/resources", json!({"cpu": {"cpus": "4000"}}), "/linux/resources/cpu/cpus"),
        ("/linux/resources", json!({"unified": {"no.such": "1"}}), "/linux/resources/unified"),
        ("/linux/devices", null("/bin/busybox"), "/linux/devices/0"),
        ("/linux/intelRdt", json!({"closID": "no/class"}), "/linux/intelRdt"),
        ("/mounts/1", on_x("none", json!(["bind"])), "/mounts/1"),
        ("/mounts/1", on_x("nosuchfs", json!([])), "/mounts/1"),
        ("/mounts/1", on_x("tmpfs", json!(["nosuch=1"])), "/mounts/1"),
        ("/mounts/1", on_x("none", json!(["remount", "ro"])), "/mounts/1"),
        ("/mounts/1", json!({"destination": "/bin/busybox/x", "type": "tmpfs"}), "/mounts/1"),
        ("/process/cwd", json!("/bin/busybox"), "/process/cwd"),
        ("/process/args", json!(["/nothing"]), "/process/args"),
        ("/process/scheduler", late, "/process/scheduler"),
        ("/hooks", json!({"prestart": [{"path": nowhere}]}), "/hooks/prestart/0"),
        ("/hooks", json!({"createRuntime": [{"path": "/bin/false"}]}), "/hooks/createRuntime/0"),
        ("/hooks", json!({"createContainer": [{"path": "/bin/false"}]}), "/hooks/createContainer/0"),
    ]
}

#[test]
fn what_fails_while_a_container_is_made_is_taken_back() {
    apart(take_all_back);
}

fn take_all_back() {
    let mut faults = Vec::new();
    for (place, value, pointer) in spoilers() {
        // A root of its own each: mount points that were made in it stay.
        let Some(bundle) = Bundle::new() else { return };
        bundle.configure(|config| {
            let (parent, key) = place.rsplit_once('/').expect("a pointer");
            let parent = config.pointer_mut(parent);
            let parent = parent.unwrap_or_else(|| panic!("{place}"));
            match key.parse::<usize>() {
                Ok(index) => parent[index] = value.clone(),
                Err(_) => parent[key] = value.clone(),
            }
        });
        for folder in ["x", "proc", "dev"] {
            fs::create_dir_all(bundle.rootfs().join(folder)).expect("mkdir");
        }
        faults.extend(fault(&bundle, pointer).map(|fault| format!("{place} = {value}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
