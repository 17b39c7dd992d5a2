//! `delete --force` after damage: a record that is lost, and commands killed half-way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bundle::{Bundle, text};

/// Damages a file.
type Damage = fn(&Path);

/// Words of a command line.
type Words = &'static [&'static str];

/// How often each command is killed.
const ROUNDS: u32 = 25;

/// The first process of a running container.
pub(super) fn pid(bundle: &Bundle) -> i64 {
    let state = bundle.plimrun(&["state", &bundle.id()]).stdout;
    let state: Value = serde_json::from_slice(&state).expect("JSON");
    state["pid"].as_i64().expect("a PID")
}

pub(super) fn lives(pid: i64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The cgroups named for the container, in whatever hierarchies there are.
fn cgroups(bundle: &Bundle) -> Vec<PathBuf> {
    let name = format!("plimrun-{}", bundle.id());
    let mut places = vec![Path::new("/sys/fs/cgroup").join(&name)];
    for entry in fs::read_dir("/sys/fs/cgroup").into_iter().flatten() {
        places.push(entry.expect("an entry").path().join(&name));
    }
    places.retain(|place| place.exists());
    places
}

/// The processes that run in the bundle's root file system, living ones only.
fn processes(bundle: &Bundle) -> Vec<PathBuf> {
    let busybox = fs::metadata(bundle.rootfs().join("bin/busybox")).expect("busybox");
    let same = |path: &PathBuf| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path.join("exe"))
            .is_ok_and(|exe| (exe.dev(), exe.ino()) == (busybox.dev(), busybox.ino()))
    };
    let all = fs::read_dir("/proc").expect("/proc");
    all.flatten()
        .map(|entry| entry.path())
        .filter(same)
        .collect()
}

fn assert_nothing_is_left(bundle: &Bundle, after: &str) {
    let folder = bundle.path("store").join(bundle.id());
    assert!(!folder.exists(), "{after}: {} stays", folder.display());
    // An init that has lost its runtime ends by itself, though not at once.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !(processes(bundle).is_empty() && cgroups(bundle).is_empty()) {
        assert!(
            Instant::now() < deadline,
            "{after}: {:?} and {:?} stay",
            processes(bundle),
            cgroups(bundle)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let inside = bundle.path("");
    assert!(!mounts.contains(inside.to_str().expect("UTF-8")), "{after}");
}

fn sleeping(config: &mut Value) {
    config["process"]["args"] = json!(["sleep", "60"]);
}

#[test]
fn a_lost_record_does_not_keep_force_from_ending_everything() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(sleeping);
    let damages: [(&str, Damage); 3] = [
        ("garbage", |path| {
            fs::write(path, "{garbage").expect("write");
        }),
        ("empty", |path| {
            fs::write(path, "").expect("write");
        }),
        ("absent", |path| {
            fs::remove_file(path).expect("remove");
        }),
    ];
    for (what, damage) in damages {
        for command in [&["create"][..], &["run", "--detach"]] {
            let id = bundle.id();
            let made = bundle.plimrun(&[command, &[&id]].concat());
            assert!(made.status.success(), "{}", text(&made.stderr));
            let init = pid(&bundle);
            assert!(lives(init) && !cgroups(&bundle).is_empty());
            damage(&bundle.path("store").join(&id).join("state.json"));
            bundle.delete();
            assert!(!lives(init), "{what}: init lives on");
            assert_nothing_is_left(&bundle, what);
        }
    }
}

#[test]
fn a_lost_record_without_a_copy_leaves_what_may_be_another_stores() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(sleeping);
    let id = bundle.id();
    assert!(bundle.plimrun(&["run", "--detach", &id]).status.success());
    let init = pid(&bundle);
    // A second store has a folder of the same name and nothing that proves the process its own.
    let other = bundle.path("other");
    fs::create_dir_all(other.join(&id)).expect("mkdir");
    fs::write(other.join(&id).join("state.json"), "{").expect("write");
    let mut delete = bundle.command(&[]);
    delete
        .arg("--root")
        .arg(&other)
        .args(["delete", "--force", &id]);
    let deleted = bundle.finish(&mut delete);
    assert!(deleted.status.success(), "{}", text(&deleted.stderr));
    assert!(!other.join(&id).exists());
    assert!(lives(init), "the other store's container was killed");
    bundle.delete();
    assert_nothing_is_left(&bundle, "two stores");
}

/// Kills a command after `delay`, unless it has ended by then.
fn kill_after(bundle: &Bundle, args: &[&str], delay: Duration) {
    let mut command = bundle.command(args);
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("plimrun starts");
    std::thread::sleep(delay);
    // Ended already is as good.
    let _ = child.kill();
    child.wait().expect("plimrun is waited for");
}

#[test]
fn commands_killed_half_way_leave_nothing_that_force_does_not_end() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(sleeping);
    let id = bundle.id();
    // A linear congruence (Knuth's MMIX): the same moments every time, as far as the machine goes.
    let mut seed = 1_u64;
    let mut moment = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((seed >> 33) % 40_000)
    };
    let cases: [(&str, &[Words], Words); 4] = [
        ("create", &[], &["create"]),
        ("start", &[&["create"]], &["start"]),
        ("delete", &[&["run", "--detach"]], &["delete", "--force"]),
        ("run", &[], &["run"]),
    ];
    for (name, before, killed) in cases {
        for round in 0..ROUNDS {
            for command in before {
                let made = bundle.plimrun(&[*command, &[&id]].concat());
                assert!(made.status.success(), "{}", text(&made.stderr));
            }
            kill_after(&bundle, &[killed, &[id.as_str()]].concat(), moment());
            bundle.delete();
            assert_nothing_is_left(&bundle, &format!("{name}, round {round}"));
        }
    }
}
