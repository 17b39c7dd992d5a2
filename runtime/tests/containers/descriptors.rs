//! Descriptors that a caller passes on: `--preserve-fds`, and LISTEN_FDS of sd_listen_fds(3).

use std::fs;
use std::process::Command;

use serde_json::json;

use super::bundle::{Bundle, text};
use super::lost;

/// Says what can be read from 3 and 4, and what the environment announces.
const SHOW: &str = "cat <&3; cat <&4; echo \" $LISTEN_FDS\" $((LISTEN_PID == $$))";

/// Calls plimrun from a shell that has files with the text `three` and `four` open as 3 and 4.
fn call(bundle: &Bundle, variables: &str, args: &[&str]) -> (bool, String) {
    for name in ["three", "four"] {
        fs::write(bundle.path(name), name).expect("write");
    }
    let plimrun = bundle.command(args);
    let words: Vec<_> = [plimrun.get_program()]
        .into_iter()
        .chain(plimrun.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let script = format!("{variables} exec {} 3<three 4<four", words.join(" "));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .current_dir(bundle.path(""))
        .env_remove("NOTIFY_SOCKET");
    let output = bundle.finish(&mut shell);
    let all = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), all)
}

#[test]
fn run_create_and_exec_preserve_as_many_as_they_are_told() {
    let Some(bundle) = Bundle::new() else { return };
    let out = bundle.rootfs().join("out");
    let id = bundle.id();
    bundle.configure(|config| {
        config["process"]["args"] = json!(["sh", "-c", format!("({SHOW}) >/out; sleep 60")]);
    });
    let seen = || {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let text = fs::read_to_string(&out).unwrap_or_default();
            if text.ends_with('\n') {
                return text;
            }
            assert!(std::time::Instant::now() < deadline, "only {text:?}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    for command in [&["create"][..], &["run", "--detach"]] {
        let (made, said) = call(
            &bundle,
            "",
            &[command, &["--preserve-fds", "2", &id]].concat(),
        );
        assert!(made, "{said}");
        if command == ["create"] {
            assert!(bundle.plimrun(&["start", &id]).status.success());
        }
        assert_eq!(seen(), "threefour  0\n", "{command:?}");
        let (entered, said) = call(
            &bundle,
            "",
            &["exec", "--preserve-fds=2", &id, "sh", "-c", SHOW],
        );
        assert_eq!((entered, &*said), (true, "threefour  0\n"));
        let (_, said) = call(
            &bundle,
            "",
            &["exec", "--preserve-fds=1", &id, "cat", "/proc/self/fd/4"],
        );
        assert!(said.contains("No such file"), "{said}");
        bundle.delete();
        fs::remove_file(&out).expect("remove");
    }
}

#[test]
fn a_descriptor_that_was_not_passed_cannot_be_preserved() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|_| {});
    let (made, said) = call(&bundle, "", &["run", "--preserve-fds", "3", &bundle.id()]);
    assert!(!made && said.contains("descriptor 5"), "{said}");
    assert!(!bundle.path("store").join(bundle.id()).exists());
}

#[test]
fn the_sockets_of_a_unit_come_first_and_are_announced() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.configure(|config| config["process"]["args"] = json!(["sh", "-c", SHOW]));
    let id = bundle.id();
    let announced = "LISTEN_FDS=1 LISTEN_PID=$$";
    let (ran, said) = call(&bundle, announced, &["run", "--preserve-fds", "1", &id]);
    assert_eq!((ran, &*said), (true, "threefour 1 1\n"));
    // What is announced to somebody else is not this container's.
    let (_, said) = call(&bundle, "LISTEN_FDS=2 LISTEN_PID=1", &["run", &id]);
    assert!(!said.contains("three"), "{said}");
}

/// Calls plimrun with so many descriptors allowed.
fn call_with(bundle: &Bundle, limit: u32, args: &[&str]) -> (bool, String) {
    let plimrun = bundle.command(args);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -n {limit} && exec \"$@\""), "sh"])
        .arg(plimrun.get_program())
        .args(plimrun.get_args());
    let output = bundle.finish(&mut shell);
    let all = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), all)
}

#[test]
fn without_a_free_descriptor_no_container_is_taken_for_stopped() {
    let Some(bundle) = Bundle::new() else { return };
    let id = bundle.id();
    bundle.configure(|config| config["process"]["args"] = json!(["sleep", "60"]));
    let made = bundle.plimrun(&["run", "--detach", &id]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut untold = Vec::new();
    // From none beside the standard streams to plenty.
    for limit in 3..16 {
        for args in [&["state", &id][..], &["list"], &["delete", &id]] {
            let (done, said) = call_with(&bundle, limit, args);
            let running = said.replace("is not stopped: running", "");
            assert!(!running.contains("stopped"), "{limit}, {}: {said}", args[0]);
            assert!(!done || args[0] != "delete", "{limit}: {said}");
            if said.contains("look for process") {
                untold.push(args[0]);
            }
        }
    }
    // What each of them opens to look for the process was what it could not open at one of these limits.
    assert_eq!(untold, ["state", "list", "delete"], "in this order");
    let pid = lost::pid(&bundle);
    let deleted = (3..64).any(|limit| {
        let (done, said) = call_with(&bundle, limit, &["delete", "--force", &id]);
        assert!(!(done && lost::lives(pid)), "{limit}: {said}");
        done
    });
    assert!(deleted);
}
