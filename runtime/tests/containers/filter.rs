//! Filters that stop what the runtime itself would do.

use serde_json::json;

use super::bundle::{Bundle, text};

/// Starts a container with a filter that answers these calls with an error, and gives the status.
fn start_with(refused: &[&str], program: &str) -> Option<(Option<i32>, String)> {
    let bundle = Bundle::new()?;
    bundle.configure(|config| {
        config["process"]["args"] = json!([program]);
        config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]});
    });
    let id = bundle.id();
    let created = bundle.plimrun(&["create", &id]);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let started = bundle.plimrun(&["start", &id]);
    bundle.delete();
    Some((started.status.code(), text(&started.stderr)))
}

#[test]
fn a_filter_that_refuses_the_program_fails_start() {
    let refused = ["execve", "sendmsg", "exit_group", "exit"];
    let Some((code, error)) = start_with(&refused, "true") else {
        return;
    };
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("/linux/seccomp"), "{error}");
}

#[test]
fn a_filter_that_keeps_init_from_speaking_and_ending_hides_no_failure() {
    // A program that may be executed, but is none that the kernel knows.
    let refused = [
        "sendmsg",
        "exit_group",
        "exit",
        "kill",
        "tkill",
        "tgkill",
        "rt_sigprocmask",
    ];
    let Some(bundle) = Bundle::new() else { return };
    std::fs::write(bundle.rootfs().join("bin/odd"), "no program").expect("write");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bundle.rootfs().join("bin/odd"), mode).expect("chmod");
    bundle.configure(|config| {
        config["process"]["args"] = json!(["odd"]);
        config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]});
    });
    // `run` reaps init itself, so that the outcome is certain.
    let run = bundle.plimrun(&["run", &bundle.id()]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    assert!(
        text(&run.stderr).contains("before it executed"),
        "{}",
        text(&run.stderr)
    );
    bundle.delete();
}

#[test]
fn a_filter_for_the_programs_own_calls_starts() {
    let Some((code, error)) = start_with(&["sendmsg", "sethostname"], "true") else {
        return;
    };
    assert_eq!(code, Some(0), "{error}");
}
