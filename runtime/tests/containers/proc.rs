//! `/proc`, where somebody else has a hand in it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use plimsoll_fixtures::executable;
use serde_json::{Value, json};

use super::bundle::{Bundle, args, text};

/// A mount namespace whose `/proc` is a folder of files; it ends with this.
struct Tampered(Child);

impl Tampered {
    fn new(fake: &std::path::Path) -> Self {
        for folder in ["self", "sys/net/core"] {
            fs::create_dir_all(fake.join(folder)).expect("mkdir");
        }
        for file in ["self/oom_score_adj", "sys/net/core/somaxconn"] {
            fs::write(fake.join(file), "").expect("write");
        }
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg("mount --bind \"$0\" /proc && echo ready && exec cat")
            .arg(fake)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut word = [0; 6];
        let out = child.stdout.as_mut().expect("a pipe");
        out.read_exact(&mut word).expect("the namespace is made");
        Self(child)
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/mnt", self.0.id())
    }
}

impl Drop for Tampered {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends with its input");
    }
}

/// CVE-2025-52881. `further` may make plimrun join the namespaces in a process before init.
fn tampered_by(further: &[Value]) {
    let Some(bundle) = Bundle::new() else { return };
    let fake = bundle.path("fake");
    let tampered = Tampered::new(&fake);
    let output = bundle.run(|config| {
        config["linux"]["namespaces"] = json!([
            {"type": "mount", "path": tampered.path()}, {"type": "network"}, {"type": "ipc"}]);
        let namespaces = config["linux"]["namespaces"]
            .as_array_mut()
            .expect("a list");
        namespaces.extend_from_slice(further);
        config["linux"]["sysctl"] = json!({"net.core.somaxconn": "257"});
        config["process"]["oomScoreAdj"] = json!(321);
        args(
            config,
            "cat /proc/self/oom_score_adj /proc/sys/net/core/somaxconn",
        );
    });
    assert_eq!(
        text(&output.stdout),
        "321\n257\n",
        "{}",
        text(&output.stderr)
    );
    for file in ["self/oom_score_adj", "sys/net/core/somaxconn"] {
        assert_eq!(
            fs::read_to_string(fake.join(file)).expect("readable"),
            "",
            "{file}"
        );
    }
}

#[test]
fn what_a_joined_namespace_has_on_proc_is_not_written_to() {
    tampered_by(&[]);
}

#[test]
fn nor_is_it_where_a_process_between_joins() {
    if !std::path::Path::new("/proc/self/ns/time").exists() {
        println!("skipped: the kernel has no time namespaces");
        return;
    }
    tampered_by(&[json!({"type": "time"})]);
}

/// Containers around this one may have mounted `/proc/sys` once more, or parts of it.
#[test]
fn parameters_are_set_whatever_covers_those_of_the_runtime() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| {
        config["linux"]["sysctl"] = json!({"net.core.somaxconn": "257"});
        args(config, "cat /proc/sys/net/core/somaxconn");
    });
    let id = bundle.id();
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c"])
        .arg("mount -o bind,ro /proc/sys /proc/sys && exec \"$0\" \"$@\"")
        .arg(bundle.command(&[]).get_program())
        .args(bundle.command(&["run", "--bundle"]).get_args())
        .arg(bundle.path(""))
        .arg(&id);
    let output = bundle.finish(command.env_remove("NOTIFY_SOCKET"));
    assert_eq!(text(&output.stdout), "257\n", "{}", text(&output.stderr));
}

fn bind(config: &mut Value, destination: &str, source: &str) {
    let mounts = config["mounts"].as_array_mut().expect("a list");
    mounts.push(json!({"destination": destination, "source": source, "options": ["bind"]}));
}

#[test]
fn a_file_that_shows_the_machine_can_be_bound_over() {
    let Some(bundle) = Bundle::new() else { return };
    fs::write(bundle.path("share"), "one cpu\n").expect("write");
    let output = bundle.run(|config| {
        bind(config, "/proc/cpuinfo", "share");
        args(config, "cat /proc/cpuinfo");
    });
    assert_eq!(
        text(&output.stdout),
        "one cpu\n",
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_link_into_proc_is_no_way_around() {
    let Some(bundle) = Bundle::new() else { return };
    fs::write(bundle.path("file"), "").expect("write");
    symlink("/proc/1/attr", bundle.rootfs().join("data")).expect("symlink");
    for destination in ["/data/exec", "/bin/../proc/version"] {
        let output = bundle.run(|config| bind(config, destination, "file"));
        assert_eq!(output.status.code(), Some(1), "{destination}");
        let error = text(&output.stderr);
        assert!(
            error.contains("inside /proc (config.json /mounts/2)"),
            "{error}"
        );
    }
}

#[test]
fn the_machines_procfs_elsewhere_may_be_covered() {
    let Some(bundle) = Bundle::new() else { return };
    fs::write(bundle.path("file"), "covered\n").expect("write");
    let output = bundle.run(|config| {
        bind(config, "/host/proc", "/proc");
        bind(config, "/host/proc/version", "file");
        args(config, "cat /host/proc/version");
    });
    assert_eq!(
        text(&output.stdout),
        "covered\n",
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn only_a_whole_procfs_is_bound_on_proc() {
    let Some(bundle) = Bundle::new() else { return };
    for (source, status) in [("/proc", 0), ("/proc/sys", 1), ("/tmp", 1)] {
        let output = bundle.run(|config| {
            config["mounts"][0] =
                json!({"destination": "/proc", "source": source, "options": ["rbind"]});
        });
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{source}: {error}");
        assert_eq!(
            error.contains("/mounts/0"),
            status != 0,
            "{source}: {error}"
        );
    }
}

#[test]
fn a_mount_point_that_is_a_link_is_refused_for_proc_and_sys() {
    for entry in [
        json!({"destination": "/proc", "source": "/proc", "options": ["rbind"]}),
        json!({"destination": "/sys", "source": "/sys", "options": ["rbind"]}),
        json!({"destination": "/sys", "type": "sysfs"}),
    ] {
        let Some(bundle) = Bundle::new() else { return };
        let name = entry["destination"]
            .as_str()
            .expect("text")
            .trim_start_matches('/');
        symlink("/fake", bundle.rootfs().join(name)).expect("symlink");
        let output = bundle.run(|config| config["mounts"] = json!([entry]));
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{entry}: {error}");
        assert!(error.contains("not a symbolic link"), "{entry}: {error}");
        assert!(!bundle.rootfs().join("fake").exists(), "{entry}");
    }
}

/// CVE-2024-21626: none of the runtime's descriptors leads out, neither in a new container nor in one
/// that is entered.
#[test]
fn a_working_directory_by_descriptor_never_lies_outside() {
    let Some(bundle) = Bundle::new() else { return };
    let mark = bundle.path("outside");
    fs::write(&mark, "").expect("write");
    let inside = "pwd; ls; test ! -e outside && test ! -e ../outside && test ! -e ../../etc/shadow";
    bundle.configure(|config| config["process"]["args"] = json!(["sleep", "60"]));
    let id = bundle.id();
    let run = bundle.plimrun(&["run", "--detach", &id]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let mut outputs = Vec::new();
    for fd in 0..20 {
        let cwd = format!("/proc/self/fd/{fd}");
        outputs.push(bundle.plimrun(&["exec", "--cwd", &cwd, &id, "sh", "-c", inside]));
    }
    bundle.delete();
    for fd in 0..20 {
        outputs.push(bundle.run(|config| {
            config["process"]["cwd"] = json!(format!("/proc/self/fd/{fd}"));
            args(config, inside);
        }));
    }
    for output in outputs {
        let seen = text(&output.stdout);
        // Refused, or a place inside.
        assert!(
            seen.is_empty() || output.status.success() && seen.starts_with('/'),
            "{seen}{}",
            text(&output.stderr)
        );
    }
}

/// The same for the program, which execve(2) finds before it closes anything.
#[test]
fn a_program_by_descriptor_never_lies_outside() {
    let Some(bundle) = Bundle::new() else { return };
    let busybox = bundle.rootfs().join("bin/busybox");
    executable::copy(&busybox, &bundle.path("true")).expect("copy");
    // From the container's own folder, and from those above.
    let programs = (3..20)
        .flat_map(|fd| ["..", "../.."].map(|above| format!("/proc/self/fd/{fd}/{above}/true")));
    for program in programs {
        let output = bundle.run(|config| config["process"]["args"] = json!([program]));
        assert!(!output.status.success(), "{program}");
    }
}
