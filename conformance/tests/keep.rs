//! `repro.sh` of `--keep`: it does again what the case did, says what ends otherwise, and refuses
//! where it cannot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plimsoll::cases;
use plimsoll::drive::Runtime;
use plimsoll::observe::facts;
use plimsoll::verdict::Verdict;
use tempfile::TempDir;

#[allow(
    dead_code,
    reason = "the rest is for targets that make one test a case"
)]
mod suite;

use suite::Suite;

/// Cases of each kind, and what their scripts must show, so that they did it.
const KINDS: &[(&str, &str)] = &[
    // Refusals, and files that are made, moved and written meanwhile or lie beside the bundle.
    ("bundle/directory/missing_root_refused", "exit status 1"),
    ("bundle/json/utf16_refused", "exit status 1"),
    ("bundle/directory/name_does_not_matter", "a bündle xxx"),
    ("config/mounts/bind_absolute_source", "{\"ok\":\"ours\"}"),
    ("config/mounts/option_idmap", "{\"ok\":"),
    ("linux/devices/same_in_its_place_is_none", "\"minor\":5"),
    // What the program is asked, and what the kernel answers.
    ("config/mounts/readonly_bind", "{\"errno\":30}"),
    // Calls at once, calls that a hook holds, calls that print for ever.
    ("runtime/start/one_of_many_wins", "exit statuses 0 1 1"),
    (
        "runtime/state/creating_while_a_hook_of_create_runs",
        "\"status\": \"creating\"",
    ),
    ("cli/events/out_of_memory", "\"type\":\"oom\""),
    // Terminals, and listeners of a seccomp filter.
    ("config/process/terminal_is_allocated", "exit status 0"),
    (
        "config/process/terminal_controls_the_process",
        "exit status 0",
    ),
    ("linux/seccomp/listener_is_sent", "{\"errno\":71}"),
    (
        "linux/seccomp/process_state_larger_than_a_socket",
        "exit status 0",
    ),
    // Namespaces to join, to be called in, and with devices.
    ("linux/namespaces/joined_pid", "exit status 0"),
    ("linux/namespaces/joined_network", "exit status 0"),
    ("linux/namespaces/joined_mount", "exit status 0"),
    ("linux/namespaces/joined_ipc", "exit status 0"),
    ("linux/namespaces/joined_uts", "exit status 0"),
    ("linux/namespaces/joined_cgroup", "exit status 0"),
    ("linux/namespaces/joined_user", "exit status 0"),
    ("linux/namespaces/joined_time", "exit status 0"),
    ("linux/namespaces/inherited_mount", "exit status 0"),
    ("linux/net_devices/left_alone_inside", "\"mtu\":1300"),
    // Mounts of the host.
    ("config/mounts/option_rbind", "exit status 0"),
];

/// A runtime that can be taken away, and the folder with what is kept of its cases.
struct Kept {
    suite: Suite,
    dir: TempDir,
}

impl Kept {
    /// Nothing where this machine cannot run all the kinds.
    fn prepare() -> Option<Self> {
        if !facts().is_root() || !facts().cgroups.writable {
            eprintln!("skipped: takes root and writable cgroups");
            return None;
        }
        let mut suite = Suite::prepare().expect("there is a runtime");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("runtime");
        std::os::unix::fs::symlink(suite.runtime.path(), &path).expect("a link to the runtime");
        let mut runtime = Runtime::new("runtime", vec![path.display().to_string()])
            .expect("the link is an executable file");
        runtime.view.clone_from(&suite.runtime.view);
        suite.runtime = runtime;
        suite.options.keep = Some(dir.path().join("kept"));
        Some(Self { suite, dir })
    }

    /// Runs a case; the folder of what is kept of it, or why there is none.
    fn run(&self, id: &str) -> Result<PathBuf, String> {
        let cases = cases::all();
        let case = cases.iter().find(|case| case.id == id);
        let case = case.ok_or_else(|| format!("there is no case {id}"))?;
        if let Some(why) = case.needs.iter().find_map(|need| need.met(facts()).err()) {
            eprintln!("skipped: {id}: {why}");
            return Err(String::new());
        }
        let verdict = self.suite.judge(case, &self.suite.runtime)?;
        if verdict != Verdict::Pass {
            return Err(format!("{id} ended with {verdict:?}"));
        }
        let kept = self.dir.path().join("kept/runtime");
        Ok(kept.join(id.replace('/', ".")))
    }
}

fn repeat(kept: &Path) -> Output {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let script = Command::new("sh")
        .arg(kept.join("repro.sh"))
        .env("TMPDIR", temporary.path())
        .output();
    let mut left = fs::read_dir(temporary.path()).expect("the folder is ours");
    assert!(left.next().is_none(), "{} leaves files", kept.display());
    script.expect("there is a shell")
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[test]
fn every_kind_of_case_ends_the_same_by_its_script() {
    let Some(kept) = Kept::prepare() else { return };
    let mut wrong = Vec::new();
    for (id, shows) in KINDS {
        match kept.run(id) {
            Ok(dir) => {
                let output = repeat(&dir);
                let text = text(&output);
                if output.status.code() != Some(0) || !text.contains(shows) {
                    wrong.push(format!("{id}: {}, without {shows}?\n{text}", output.status));
                }
            }
            // The machine lacks something for it.
            Err(why) if why.is_empty() => {}
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_script_says_what_ends_otherwise() {
    let Some(kept) = Kept::prepare() else { return };
    for (id, entry, other, says) in [
        // A call, and an answer of the program.
        (
            "config/hostname/seen_inside",
            "\"process\"",
            "\"mountains\":1,\"process\"",
            "",
        ),
        (
            "config/hostname/seen_inside",
            "\"ociVersion\"",
            "\"ociVersions\"",
            "it was 0",
        ),
        (
            "config/mounts/readonly_bind",
            "\"bind\",\"ro\"",
            "\"bind\",\"rw\"",
            "it was {\"errno\":30}…",
        ),
    ] {
        let dir = kept.run(id).expect("the case passes");
        let config = dir.join("bundle/config.json");
        let text_before = fs::read_to_string(&config).expect("the config was kept");
        let changed = text_before.replace(entry, other);
        assert_ne!(changed, text_before, "{id} has no {entry}");
        fs::write(&config, changed).expect("the config is writable");
        let output = repeat(&dir);
        let text = text(&output);
        let status = i32::from(!says.is_empty());
        assert_eq!(output.status.code(), Some(status), "{id}: {text}");
        assert!(text.contains(says), "{id}: {text}");
    }
}

#[test]
fn a_script_refuses_where_the_runtime_is_gone() {
    let Some(kept) = Kept::prepare() else { return };
    let dir = kept.run("config/hostname/seen_inside").expect("it passes");
    fs::remove_file(kept.suite.runtime.path()).expect("the link is ours");
    let output = repeat(&dir);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("runtime is not there any more"));
}
