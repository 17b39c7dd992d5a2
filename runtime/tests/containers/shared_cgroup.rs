//! A cgroup that was there before the container, with a process in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use plimrun::host::CgroupLayout;
use serde_json::json;

use super::bundle::{Bundle, args, text};

/// The cgroup, in the hierarchy by which processes are found, and its first inhabitant.
struct Shared {
    dir: PathBuf,
    foreign: Child,
}

impl Shared {
    fn new(name: &str) -> Option<Self> {
        let layout = CgroupLayout::probe().expect("the layout is readable");
        let freezer = layout.v1.iter().find(|group| group.has("freezer"));
        let dir = freezer.or(layout.v2.as_ref())?.mount.join(name);
        fs::create_dir(&dir).expect("a cgroup");
        let foreign = Command::new("sleep").arg("60").spawn().expect("sleep");
        fs::write(dir.join("cgroup.procs"), foreign.id().to_string()).expect("attached");
        Some(Self { dir, foreign })
    }

    fn pids(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.join("cgroup.procs")).expect("readable");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Killed and reaped, it leaves the cgroup; what fails here has failed the test already.
        let _ = self.foreign.kill();
        let _ = self.foreign.wait();
        let _ = fs::remove_dir(&self.dir);
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn its_own_processes_are_ended_and_others_are_not() {
    let Some(bundle) = Bundle::new() else { return };
    let id = bundle.id();
    let Some(shared) = Shared::new(&id) else {
        println!("skipped: no cgroups are mounted");
        return;
    };
    bundle.configure(|config| {
        config["linux"]["namespaces"] = json!([{"type": "mount"}]);
        config["linux"]["cgroupsPath"] = json!(Path::new("/").join(&id));
        // A child that outlives its parent, in the machine's PID namespace.
        args(config, "sleep 61 & exit 0");
    });
    let run = bundle.plimrun(&["run", "--detach", &id]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    until("the first process ends", || {
        text(&bundle.plimrun(&["state", &id]).stdout).contains("\"stopped\"")
    });
    let own = shared.foreign.id().to_string();
    assert_eq!(shared.pids().len(), 2);
    assert!(!text(&bundle.plimrun(&["ps", "--format=json", &id]).stdout).contains(&own));
    let deleted = bundle.plimrun(&["delete", &id]);
    assert!(deleted.status.success(), "{}", text(&deleted.stderr));
    until("the child is gone", || shared.pids() == [own.as_str()]);
    let status = fs::read_to_string(format!("/proc/{own}/stat")).expect("it lives");
    assert!(!status.contains(") Z "), "{status}");
}
