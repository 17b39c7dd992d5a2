//! `exec`: what each of its flags changes in the process that it adds.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::bundle::{Bundle, text};
use super::terminal::take_named_descriptor;

/// A container that sleeps.
fn asleep(change: impl FnOnce(&mut Value)) -> Option<Bundle> {
    let bundle = Bundle::new()?;
    bundle.configure(|config| {
        config["process"]["args"] = json!(["sleep", "60"]);
        change(config);
    });
    let run = bundle.plimrun(&["run", "--detach", &bundle.id()]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    Some(bundle)
}

/// Flags, the command, and what it prints.
const FLAGS: &[(&[&str], &[&str], &str)] = &[
    (&["--cwd", "/bin"], &["pwd"], "/bin\n"),
    (
        &["--env", "A=b", "-e", "C=d e"],
        &["sh", "-c", "echo $A $C"],
        "b d e\n",
    ),
    (&["--user", "12:34"], &["id", "-u"], "12\n"),
    (&["--user", "12:34"], &["id", "-g"], "34\n"),
    (
        &["--additional-gids", "56", "-g", "78"],
        &[
            "sed",
            "-n",
            "s/^Groups:[[:space:]]*//p",
            "/proc/self/status",
        ],
        "56 78 \n",
    ),
    (
        &["--cap", "CAP_KILL", "-c", "CAP_CHOWN"],
        &[
            "sed",
            "-n",
            "s/^CapEff:[[:space:]]*//p",
            "/proc/self/status",
        ],
        "0000000000000021\n",
    ),
    (
        &["--no-new-privs"],
        &[
            "sed",
            "-n",
            "s/^NoNewPrivs:[[:space:]]*//p",
            "/proc/self/status",
        ],
        "1\n",
    ),
    (&["--tty=false"], &["tty"], "not a tty\n"),
];

#[test]
fn each_flag_shows_in_the_process() {
    let Some(bundle) = asleep(|_| {}) else { return };
    let id = bundle.id();
    let plain =
        |command: &[&str]| text(&bundle.plimrun(&[&["exec", &id], command].concat()).stdout);
    for (flags, command, shown) in FLAGS {
        let output = bundle.plimrun(&[&["exec"], *flags, &[&id], command].concat());
        assert_eq!(
            text(&output.stdout),
            *shown,
            "{flags:?}: {}",
            text(&output.stderr)
        );
        if *flags != ["--tty=false"] {
            assert_ne!(
                plain(command),
                *shown,
                "{command:?} shows nothing of {flags:?}"
            );
        }
    }
    bundle.delete();
}

#[test]
fn a_label_is_set_or_refused_by_name() {
    let Some(bundle) = asleep(|_| {}) else { return };
    for (flag, module, property) in [
        (
            "--apparmor",
            "apparmor/parameters/enabled",
            "apparmorProfile",
        ),
        (
            "--process-label",
            "selinux/parameters/enabled",
            "selinuxLabel",
        ),
    ] {
        if fs::read(PathBuf::from("/sys/module").join(module)).is_ok() {
            println!("skipped: {flag} may work here");
            continue;
        }
        let output = bundle.plimrun(&["exec", flag, "word", &bundle.id(), "true"]);
        assert_eq!(output.status.code(), Some(255), "{flag}");
        assert!(
            text(&output.stderr).contains(property),
            "{}",
            text(&output.stderr)
        );
    }
    bundle.delete();
}

#[test]
fn a_file_describes_the_whole_process() {
    let Some(bundle) = asleep(|_| {}) else { return };
    let path = bundle.path("process.json");
    let process = json!({"cwd": "/bin", "env": ["PATH=/bin", "WORD=from the file"],
        "user": {"uid": 7, "gid": 8, "umask": 0o27}, "noNewPrivileges": true,
        "capabilities": {"bounding": ["CAP_KILL"]},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}],
        "args": ["sh", "-c", "echo $WORD; pwd; id -u; id -g; umask; ulimit -n; \
            grep -E 'NoNewPrivs|CapBnd' /proc/self/status; exit 4"]});
    fs::write(&path, process.to_string()).expect("write");
    let file = path.to_str().expect("UTF-8");
    for flag in ["--process", "-p", "-process"] {
        let output = bundle.plimrun(&["exec", flag, file, &bundle.id()]);
        assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
        assert_eq!(
            text(&output.stdout),
            "from the file\n/bin\n7\n8\n0027\n99\n\
             CapBnd:\t0000000000000020\nNoNewPrivs:\t1\n"
        );
    }
    bundle.delete();
}

#[test]
fn bad_files_are_refused_with_the_path_of_the_property() {
    let Some(bundle) = asleep(|_| {}) else { return };
    let path = bundle.path("process.json");
    for (contents, named) in [
        ("", "EOF"),
        ("[]", "expected an object"),
        (r#"{"args": ["true"]}"#, "cwd"),
        (r#"{"args": ["true"], "cwd": "bin"}"#, "/cwd"),
        (r#"{"args": [], "cwd": "/"}"#, "/args"),
        (
            r#"{"args": ["true"], "cwd": "/", "oomScoreAdj": 9000}"#,
            "/oomScoreAdj",
        ),
        (
            r#"{"args": ["true"], "cwd": "/", "rlimits": [{"type": "RLIMIT_FUN", "soft": 1, "hard": 1}]}"#,
            "/rlimits/0",
        ),
        (
            r#"{"args": ["true"], "cwd": "/", "user": {"uid": "root", "gid": 0}}"#,
            "/user/uid",
        ),
    ] {
        fs::write(&path, contents).expect("write");
        let file = path.to_str().expect("UTF-8");
        let output = bundle.plimrun(&["exec", "--process", file, &bundle.id()]);
        assert_eq!(output.status.code(), Some(255), "{contents}");
        assert!(
            text(&output.stderr).contains(named),
            "{contents}: {}",
            text(&output.stderr)
        );
    }
    bundle.delete();
}

/// Where a cgroup of the container lies: on v1 that of the pids controller. With its flag for `exec`.
fn cgroup_below(bundle: &Bundle) -> Option<(PathBuf, &'static str)> {
    let name = format!("plimrun-{}", bundle.id());
    [
        ("/sys/fs/cgroup/pids", "pids:below"),
        ("/sys/fs/cgroup", "below"),
    ]
    .map(|(mount, flag)| (PathBuf::from(mount).join(&name).join("below"), flag))
    .into_iter()
    .find(|(below, _)| below.parent().is_some_and(std::path::Path::exists))
}

#[test]
fn a_process_may_enter_a_cgroup_below_the_containers() {
    let Some(bundle) = asleep(|_| {}) else { return };
    let Some((below, flag)) = cgroup_below(&bundle) else {
        println!("skipped: there is no cgroup to look at");
        return bundle.delete();
    };
    fs::create_dir(&below).expect("mkdir");
    // Its first process may have lost the right to stay beside it (cgroups(7), "no internal processes");
    // without controllers enabled it has not.
    let id = bundle.id();
    let mut child = bundle
        .command(&["exec", "--cgroup", flag, &id, "sleep", "60"])
        .stdin(Stdio::null())
        .spawn()
        .expect("plimrun starts");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while fs::read_to_string(below.join("cgroup.procs"))
        .expect("readable")
        .is_empty()
    {
        assert!(
            std::time::Instant::now() < deadline,
            "nobody enters {}",
            below.display()
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let missing = bundle.plimrun(&[
        "exec",
        "--cgroup",
        &flag.replace("below", "nowhere"),
        &id,
        "true",
    ]);
    assert_eq!(missing.status.code(), Some(255));
    assert!(
        text(&missing.stderr).contains("nowhere"),
        "{}",
        text(&missing.stderr)
    );
    let outside = bundle.plimrun(&[
        "exec",
        "--cgroup",
        &flag.replace("below", "../.."),
        &id,
        "true",
    ]);
    assert_eq!(
        outside.status.code(),
        Some(255),
        "{}",
        text(&outside.stderr)
    );
    bundle.delete();
    child.wait().expect("plimrun ends");
    assert!(!below.exists(), "delete removes what lies below as well");
}

#[test]
fn a_container_that_made_cgroups_of_its_own_is_entered_where_its_init_is() {
    if !PathBuf::from("/sys/fs/cgroup/cgroup.controllers").exists() {
        println!("skipped: only a v2 cgroup with children refuses processes");
        return;
    }
    let script = "cd /sys/fs/cgroup; mkdir own; echo 1 >own/cgroup.procs; \
        echo +pids >cgroup.subtree_control; echo done >/own; exec sleep 60";
    let Some(bundle) = asleep(|config| {
        super::bundle::args(config, script);
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}));
    }) else {
        return;
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !bundle.rootfs().join("own").exists() {
        assert!(std::time::Instant::now() < deadline, "it makes no cgroup");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let entered = bundle.plimrun(&["exec", &bundle.id(), "cat", "/proc/self/cgroup"]);
    assert_eq!(
        text(&entered.stdout),
        "0::/own\n",
        "{}",
        text(&entered.stderr)
    );
    bundle.delete();
}

#[test]
fn a_paused_container_is_entered_only_where_that_is_asked() {
    let Some(bundle) = asleep(|_| {}) else { return };
    let id = bundle.id();
    assert!(bundle.plimrun(&["pause", &id]).status.success());
    let refused = bundle.plimrun(&["exec", &id, "true"]);
    assert_eq!(refused.status.code(), Some(255));
    assert!(text(&refused.stderr).contains("--ignore-paused"));
    let mut entering = bundle
        .command(&["exec", "--ignore-paused", &id, "sh", "-c", "exit 8"])
        .stdin(Stdio::null())
        .spawn()
        .expect("plimrun starts");
    // It is frozen with the container, and goes on with it.
    assert!(bundle.plimrun(&["resume", &id]).status.success());
    assert_eq!(entering.wait().expect("it ends").code(), Some(8));
    bundle.delete();
}

#[test]
fn the_agent_of_a_filter_gets_the_listener_of_each_process() {
    let Some(bundle) = Bundle::new() else { return };
    let path = bundle.path("agent.sock");
    let listener = UnixListener::bind(&path).expect("bind");
    bundle.configure(|config| {
        config["process"]["args"] = json!(["sleep", "60"]);
        // A call that nobody makes: nobody has to answer.
        config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": path, "listenerMetadata": "word",
            "syscalls": [{"names": ["vhangup"], "action": "SCMP_ACT_NOTIFY"}]});
    });
    let id = bundle.id();
    let agent = std::thread::spawn(move || {
        [(); 2].map(|()| {
            let (message, _filter) = take_named_descriptor(&listener);
            serde_json::from_str::<Value>(&message).expect("JSON")
        })
    });
    assert!(bundle.plimrun(&["run", "--detach", &id]).status.success());
    let exec = bundle.plimrun(&["exec", "--pid-file", "pid", &id, "true"]);
    assert!(exec.status.success(), "{}", text(&exec.stderr));
    let [first, second] = agent.join().expect("two messages");
    let entered = fs::read_to_string(bundle.path("pid")).expect("a PID file");
    for (message, pid) in [
        (&first, first["state"]["pid"].to_string()),
        (&second, entered),
    ] {
        assert_eq!(message["pid"].to_string(), pid, "{message}");
        assert_eq!(message["fds"], json!(["seccompFd"]));
        assert_eq!(message["metadata"], "word");
        assert_eq!(message["state"]["id"], id);
    }
    assert_eq!(second["state"]["status"], "running");
    bundle.delete();
}
