//! What a program finds around it that config.json does not name.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::bundle::{Bundle, args, text};

#[test]
fn a_new_network_namespace_has_its_loopback_up() {
    let Some(bundle) = Bundle::new() else { return };
    let output = bundle.run(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(json!({"destination": "/sys", "type": "sysfs", "source": "sysfs"}));
        args(config, "cat /sys/class/net/lo/flags");
    });
    // linux/if.h: IFF_UP is 1, IFF_LOOPBACK 8.
    assert_eq!(text(&output.stdout), "0x9\n", "{}", text(&output.stderr));
}

#[test]
fn a_cgroup_namespace_begins_at_the_containers_cgroup() {
    let Some(bundle) = Bundle::new() else { return };
    let output = bundle.run(|config| args(config, "cat /proc/self/cgroup"));
    let seen = text(&output.stdout);
    assert!(seen.lines().count() > 0, "{}", text(&output.stderr));
    assert!(seen.lines().all(|line| line.ends_with(":/")), "{seen}");
}

/// The caller ignores two signals, and its shell's child inherits that.
#[test]
fn no_signal_is_ignored_or_blocked_whatever_the_caller_does() {
    let Some(bundle) = Bundle::new() else { return };
    // Without a shell, which ignores SIGQUIT for its children.
    bundle.configure(|config| config["process"]["args"] = json!(["cat", "/proc/self/status"]));
    let id = bundle.id();
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP USR1; exec \"$@\"", "sh"])
        .arg(bundle.command(&[]).get_program())
        .args(bundle.command(&["run", "--bundle"]).get_args())
        .arg(bundle.path(""))
        .arg(&id);
    let output = bundle.finish(command.env_remove("NOTIFY_SOCKET"));
    let seen = text(&output.stdout);
    for field in ["SigBlk", "SigIgn"] {
        assert!(
            seen.contains(&format!("{field}:\t0000000000000000")),
            "{seen}{}",
            text(&output.stderr)
        );
    }
}

/// Without a PID namespace of its own, nothing but its cgroup holds a container together.
#[test]
fn delete_ends_the_whole_cgroup_of_a_container_without_a_pid_namespace() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| {
        config["linux"]["namespaces"] = json!([{"type": "mount"}]);
        args(config, "sleep 61 & echo $!; exit 0");
    });
    let id = bundle.id();
    let run = bundle.plimrun(&["run", "--detach", &id]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let deadline = Instant::now() + Duration::from_secs(60);
    let child = loop {
        let said = std::fs::read_to_string(bundle.path("stdout")).expect("readable");
        if let Some(pid) = said.lines().next() {
            break pid.to_owned();
        }
        assert!(Instant::now() < deadline, "it said nothing");
        std::thread::yield_now();
    };
    let alive = || {
        std::fs::read_to_string(format!("/proc/{child}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    assert!(alive());
    bundle.delete();
    while alive() {
        assert!(Instant::now() < deadline, "{child} lives on");
        std::thread::yield_now();
    }
}
