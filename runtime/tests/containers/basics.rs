//! The ordinary course, and images that lie.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::bundle::{Bundle, args, text};

#[test]
fn the_programs_exit_status_is_passed_on_and_nothing_stays() {
    let Some(bundle) = Bundle::new() else { return };
    let output = bundle.run(|config| args(config, "exit 7"));
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let left = fs::read_dir(bundle.path("store")).expect("a store").count();
    assert_eq!(left, 0);
}

#[test]
fn absent_capabilities_leave_none() {
    let Some(bundle) = Bundle::new() else { return };
    let output = bundle.run(|config| args(config, "cat /proc/self/status"));
    let status = text(&output.stdout);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(
            status.contains(&format!("{set}:\t0000000000000000")),
            "{status}"
        );
    }
}

#[test]
fn a_program_that_is_not_there_fails_at_create_and_leaves_nothing() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| config["process"]["args"] = json!(["nope"]));
    let output = bundle.plimrun(&["create", &bundle.id()]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("exec: \"nope\": executable file not found in $PATH"),
        "{error}"
    );
    let state = bundle.plimrun(&["state", &bundle.id()]);
    assert!(text(&state.stderr).contains("does not exist"));
}

/// With and without a pid file `run` lets the container go on in another way.
#[test]
fn a_program_that_is_not_there_fails_run_and_leaves_nothing() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| config["process"]["args"] = json!(["nope"]));
    let file = bundle.path("pid");
    let file = file.to_str().expect("UTF-8");
    for flags in [&[][..], &["--detach"], &["--pid-file", file]] {
        let output = bundle.plimrun(&[&["run"], flags, &[&bundle.id()]].concat());
        assert_eq!(output.status.code(), Some(1), "{flags:?}");
        let error = text(&output.stderr);
        assert!(
            error.contains("exec: \"nope\": executable file not found in $PATH"),
            "{flags:?}: {error}"
        );
        let left = fs::read_dir(bundle.path("store")).expect("a store").count();
        assert_eq!(left, 0, "{flags:?}");
    }
}

/// The program looks at its own record. With a pid file the container is started in another way.
#[test]
fn a_container_is_recorded_as_running_before_its_program_begins() {
    let Some(bundle) = Bundle::new() else { return };
    let store = bundle.path("store");
    fs::create_dir(&store).expect("mkdir");
    let file = bundle.path("pid");
    let file = file.to_str().expect("UTF-8");
    bundle.configure(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(
            json!({"destination": "/store", "type": "bind", "source": store, "options": ["rbind"]}),
        );
        config["process"]["args"] = json!(["cat", format!("/store/{}/state.json", bundle.id())]);
    });
    for flags in [&[][..], &["--pid-file", file]] {
        let output = bundle.plimrun(&[&["run"], flags, &[&bundle.id()]].concat());
        let record: Value = serde_json::from_slice(&output.stdout).expect("a record");
        assert_eq!(record["status"], "running", "{flags:?}: {record}");
        assert_ne!(record["pid"], 0, "{flags:?}: {record}");
    }
}

#[test]
fn a_proc_that_is_a_link_is_refused() {
    let Some(bundle) = Bundle::new() else { return };
    fs::create_dir(bundle.rootfs().join("fake")).expect("mkdir");
    symlink("/fake", bundle.rootfs().join("proc")).expect("symlink");
    let output = bundle.run(|_| {});
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/mounts/0"));
}

#[test]
fn a_dev_that_is_a_link_leads_nowhere_outside() {
    let Some(bundle) = Bundle::new() else { return };
    let victim = tempfile::tempdir().expect("a folder");
    symlink(victim.path(), bundle.rootfs().join("dev")).expect("symlink");
    let output = bundle.run(|config| {
        config["mounts"] = json!([]);
    });
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(victim.path()).expect("a folder").count(), 0);
}

#[test]
fn a_failed_start_container_hook_destroys_the_container_and_runs_poststop() {
    let Some(bundle) = Bundle::new() else { return };
    let mark = bundle.path("poststop");
    bundle.configure(|config| {
        config["hooks"] = json!({
            "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]}],
            "poststop": [{"path": "/bin/sh", "env": ["PATH=/bin:/usr/bin"],
                "args": ["sh", "-c", format!("cat > {}", mark.display())]}],
        });
    });
    let id = bundle.id();
    let created = bundle.plimrun(&["create", &id]);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let started = bundle.plimrun(&["start", &id]);
    assert_eq!(started.status.code(), Some(1));
    assert!(text(&started.stderr).contains("/hooks/startContainer/0"));
    let state: Value =
        serde_json::from_slice(&fs::read(&mark).expect("poststop ran")).expect("JSON");
    assert_eq!(state["status"], "stopped");
    assert!(text(&bundle.plimrun(&["state", &id]).stderr).contains("does not exist"));
}

#[test]
fn exec_joins_the_container_and_passes_its_status_on() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| config["process"]["args"] = json!(["sleep", "60"]));
    let id = bundle.id();
    let run = bundle.plimrun(&["run", "--detach", &id]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    // `run` returns while execve(2) closes what init had open; the new name comes a little later.
    let script = "until grep -x sleep /proc/1/comm; do :; done; exit 9";
    let output = bundle.plimrun(&["exec", &id, "sh", "-c", script]);
    let failed = bundle.plimrun(&["exec", &id, "nope"]);
    let deleted = bundle.plimrun(&["delete", "--force", &id]);
    assert_eq!(text(&output.stdout), "sleep\n");
    assert_eq!(output.status.code(), Some(9));
    assert_eq!(failed.status.code(), Some(255));
    assert!(deleted.status.success(), "{}", text(&deleted.stderr));
}

/// As `spec --rootless` has it on cgroup v2: cgroup2 on the one that came along with /sys.
#[test]
fn a_file_system_may_lie_on_itself() {
    let Some(bundle) = Bundle::new() else { return };
    let output = bundle.run(|config| {
        let mounts = config["mounts"].as_array_mut().expect("mounts");
        let options = [json!(["nosuid"]), json!(["nosuid", "noexec", "ro"])];
        mounts.extend(options.map(|options| {
            json!({"destination": "/queues", "type": "mqueue", "source": "mqueue", "options": options})
        }));
        args(config, "grep /queues /proc/self/mounts");
    });
    let seen = text(&output.stdout);
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines.len(), 2, "{seen}{}", text(&output.stderr));
    assert!(lines[1].contains("ro,nosuid,noexec"), "{seen}");
}
