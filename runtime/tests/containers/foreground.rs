//! `run` in the foreground: signals, orphans, and what stays.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plimsoll_fixtures::executable;
use serde_json::{Value, json};

use super::bundle::{Bundle, args, text};

/// A user who owns nothing.
const NOBODY: u32 = 65534;

fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn spawn(bundle: &Bundle, args: &[&str]) -> Child {
    let mut command = bundle.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("plimrun starts")
}

/// A line that the container has written into its file.
fn line(bundle: &Bundle) -> String {
    wait_for("the container writes", || {
        let text = fs::read_to_string(bundle.rootfs().join("out")).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    })
}

#[test]
fn signals_reach_the_program_and_its_status_comes_back() {
    let Some(bundle) = Bundle::new() else { return };
    for (signal, status) in [
        (Signal::SIGTERM, 15),
        (Signal::SIGHUP, 1),
        (Signal::SIGUSR1, 10),
        (Signal::SIGINT, 2),
    ] {
        bundle.configure(|config| {
            args(
                config,
                "for s in 1 2 10 15; do trap \"exit $s\" $s; done; \
                echo ready >/out; while :; do sleep 0.05; done",
            );
        });
        let mut child = spawn(&bundle, &["run", &bundle.id()]);
        line(&bundle);
        kill(Pid::from_raw(child.id().cast_signed()), signal).expect("a signal");
        assert_eq!(child.wait().expect("it ends").code(), Some(status));
        fs::remove_file(bundle.rootfs().join("out")).expect("remove");
    }
    bundle.configure(|config| args(config, "kill -9 $$"));
    let killed = spawn(&bundle, &["run", &bundle.id()]).wait();
    // PID 1 is spared by its own signals (pid_namespaces(7)).
    assert_eq!(killed.expect("it ends").code(), Some(0));
}

/// Runs a container without a PID namespace whose program leaves an orphan; gives plimrun and the orphan.
fn with_orphan(bundle: &Bundle, flags: &[&str]) -> (Child, i32) {
    bundle.configure(|config| {
        args(config, "(sleep 60 & echo $! >/out); exec sleep 60");
        let namespaces = config["linux"]["namespaces"].as_array_mut();
        namespaces
            .expect("a list")
            .retain(|entry| entry["type"] != "pid");
    });
    let child = spawn(bundle, &[&["run"], flags, &[&bundle.id()]].concat());
    let orphan = line(bundle).parse().expect("a PID");
    (child, orphan)
}

fn parent(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line?.trim().parse().ok()
}

#[test]
fn orphans_are_adopted_and_reaped_unless_that_is_not_wanted() {
    let Some(bundle) = Bundle::new() else { return };
    let (mut child, orphan) = with_orphan(&bundle, &[]);
    wait_for("it is adopted", || {
        (parent(orphan)? == child.id()).then_some(())
    });
    kill(Pid::from_raw(orphan), Signal::SIGKILL).expect("a signal");
    wait_for("it is reaped", || parent(orphan).is_none().then_some(()));
    assert_eq!(
        child.try_wait().expect("asked"),
        None,
        "the container goes on"
    );
    bundle.delete();
    child.wait().expect("plimrun ends");
    fs::remove_file(bundle.rootfs().join("out")).expect("remove");

    let (mut child, orphan) = with_orphan(&bundle, &["--no-subreaper"]);
    let container = bundle.plimrun(&["state", &bundle.id()]);
    let state: Value = serde_json::from_slice(&container.stdout).expect("JSON");
    let init = state["pid"].as_u64();
    // Until its parent ends, that is a child of init's.
    let adopter = wait_for("it is an orphan", || {
        let adopter = parent(orphan)?;
        let above = parent(adopter.cast_signed())?;
        (init != Some(u64::from(above))).then_some(adopter)
    });
    assert_ne!(adopter, child.id());
    bundle.delete();
    child.wait().expect("plimrun ends");
}

#[test]
fn debug_says_what_is_made_and_where_the_log_goes_is_the_log() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| args(config, "exit 0"));
    let run = |globals: &[&str]| {
        // Absent before the first run.
        let _ = fs::remove_file(bundle.path("log"));
        let id = bundle.id();
        let words = [globals, &["--log", "log", "run", &id]].concat();
        let output = bundle.plimrun(&words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{globals:?}");
        fs::read_to_string(bundle.path("log")).expect("a log")
    };
    assert_eq!(
        run(&["--log-format", "json"]),
        "",
        "a success has nothing to say"
    );
    let log = run(&["--debug", "--log-format", "json"]);
    let entries: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert!(entries.iter().all(|entry| entry["level"] == "debug"));
    for said in [
        "make a pid namespace",
        "mount proc on /proc",
        "init has the PID ",
    ] {
        let told = |entry: &Value| entry["msg"].as_str().is_some_and(|msg| msg.contains(said));
        assert!(entries.iter().any(told), "{said}: {log}");
    }
    let plain = run(&["--debug", "--log-format", "text"]);
    assert!(
        plain.contains("level=debug msg=\"mount proc on /proc\""),
        "{plain}"
    );
}

#[test]
fn a_container_may_be_kept() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| args(config, "exit 3"));
    let id = bundle.id();
    let kept = bundle.plimrun(&["run", "--keep", "--pid-file", "pid", &id]);
    assert_eq!(kept.status.code(), Some(3));
    assert!(fs::read_to_string(bundle.path("pid")).is_ok_and(|pid| pid.parse::<i32>().is_ok()));
    let state = bundle.plimrun(&["state", &id]);
    let state: Value = serde_json::from_slice(&state.stdout).expect("it is there");
    assert_eq!(state["status"], "stopped");
    let again = bundle.plimrun(&["run", &id]);
    assert!(text(&again.stderr).contains("container with given ID already exists"));
    assert!(bundle.plimrun(&["delete", &id]).status.success());
}

#[test]
fn a_session_keyring_is_the_containers_own_unless_the_callers_is_kept() {
    let Some(bundle) = Bundle::new() else { return };
    if fs::read("/proc/keys").is_err() {
        println!("skipped: the kernel shows no keys");
        return;
    }
    let name = format!("_ses.{}", bundle.id());
    // A keyring stays for a moment after the container that had it: hence this order.
    for (flag, own) in [(&["--no-new-keyring"][..], false), (&[], true)] {
        bundle.configure(|config| args(config, "cat /proc/keys"));
        let run = bundle.plimrun(&[&["run"], flag, &[&bundle.id()]].concat());
        let keys = text(&run.stdout);
        assert_eq!(
            keys.contains(&name),
            own,
            "{flag:?}: {keys}{}",
            text(&run.stderr)
        );
    }
}

#[test]
fn without_pivot_root_the_old_root_is_out_of_sight_too() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| {
        args(
            config,
            "ls /; test -e /proc/1/root/etc/passwd && echo outside",
        );
    });
    let pivoted = bundle.plimrun(&["run", &bundle.id()]);
    let moved = bundle.plimrun(&["run", "--no-pivot", &bundle.id()]);
    assert_eq!(
        text(&pivoted.stdout),
        "bin\ndev\nproc\n",
        "{}",
        text(&pivoted.stderr)
    );
    assert_eq!(
        text(&moved.stdout),
        "bin\ndev\nproc\n",
        "{}",
        text(&moved.stderr)
    );
}

#[test]
fn what_the_callers_rights_do_not_allow_is_an_error_where_he_says_he_has_roots() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| {
        let namespaces = config["linux"]["namespaces"]
            .as_array_mut()
            .expect("a list");
        namespaces.retain(|entry| entry["type"] != "network" && entry["type"] != "cgroup");
        namespaces.push(json!({"type": "user"}));
        for ids in ["uidMappings", "gidMappings"] {
            config["linux"][ids] = json!([{"containerID": 0, "hostID": NOBODY, "size": 1}]);
        }
    });
    let chown = |path: &std::path::Path| std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY));
    // Where the tests were built, nobody may not look.
    let plimrun = bundle.path("plimrun");
    executable::copy(
        std::path::Path::new(env!("CARGO_BIN_EXE_plimrun")),
        &plimrun,
    )
    .expect("copy");
    for path in [
        bundle.path(""),
        bundle.rootfs(),
        bundle.rootfs().join("bin"),
    ] {
        chown(&path).expect("chown");
    }
    let run = |rootless: &str| {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(&plimrun);
        command
            .arg("--root")
            .arg(bundle.path("store"))
            .args(["--rootless", rootless, "run", &bundle.id()])
            .current_dir(bundle.path(""))
            .env_remove("NOTIFY_SOCKET")
            .uid(NOBODY)
            .gid(NOBODY);
        bundle.finish(&mut command)
    };
    let found_out = run("auto");
    if !found_out.status.success() {
        println!(
            "skipped: no user namespace for nobody here: {}",
            text(&found_out.stderr)
        );
        return;
    }
    assert!(run("true").status.success());
    let strict = run("false");
    assert_eq!(strict.status.code(), Some(1));
    assert!(
        text(&strict.stderr).contains("cgroup"),
        "{}",
        text(&strict.stderr)
    );
}
