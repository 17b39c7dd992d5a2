//! Completions in the shells themselves, and the man page under the formatters' own checks. What is not
//! installed is said to be skipped.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::builder::{Sandbox, Stand};
use plimrun::state::Status;

/// A sandbox with plimrun on its search path, and the completion script in a file.
fn with_script(shell: &str) -> Option<Sandbox> {
    let installed = Command::new(shell)
        .args(["-c", "exit 0"])
        .stdin(Stdio::null())
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        println!("skipped: {shell} is not installed");
        return None;
    }
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("bin")).expect("mkdir");
    symlink(env!("CARGO_BIN_EXE_plimrun"), sandbox.path("bin/plimrun")).expect("symlink");
    let script = sandbox.run(&["completion", shell]);
    assert_eq!((script.code, &*script.stderr), (0, ""));
    fs::write(sandbox.path("script"), script.stdout).expect("write");
    Some(sandbox)
}

/// Runs a program of the shell's, with the root of the sandbox as `$ROOT`.
fn run(sandbox: &Sandbox, shell: &str, args: &[&str]) -> String {
    let path = std::env::var("PATH").expect("a search path");
    let path = format!("{}:{path}", sandbox.path("bin").display());
    let output = Command::new(shell)
        .args(args)
        .current_dir(sandbox.path(""))
        .env("PATH", path)
        .env("ROOT", sandbox.path("root"))
        .env("HOME", sandbox.path(""))
        .env("TERM", "dumb")
        // Shells complain about a locale that is not there.
        .env("LC_ALL", "C.UTF-8")
        .env_remove("BASH_ENV")
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shell}: {stderr}");
    assert_eq!(stderr, "", "{shell}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_completes_commands_flags_and_ids() {
    let Some(sandbox) = with_script("bash") else {
        return;
    };
    let stand = Stand::new();
    sandbox.container("web", Status::Running, stand.pid());
    let program = r#"
        . ./script
        complete -p plimrun
        try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plimrun; echo "${COMPREPLY[@]}"; }
        try plimrun st
        try plimrun --log x --root "$ROOT" exec --u
        try plimrun --root "$ROOT" kill w
    "#;
    let printed = run(&sandbox, "bash", &["--norc", "-c", program]);
    let expected = "complete -o default -F _plimrun plimrun\nstart state\n--user\nweb\n";
    assert_eq!(printed, expected);
}

#[test]
fn zsh_completes_commands_flags_and_ids() {
    let Some(sandbox) = with_script("zsh") else {
        return;
    };
    let stand = Stand::new();
    sandbox.container("web", Status::Running, stand.pid());
    // Completions exist only while somebody types: hence a terminal of zsh's own, and a key that tells what
    // stands in the line.
    let program = r#"
        zmodload zsh/zpty
        : >lines
        zpty typist zsh -f -i
        zpty -w typist "autoload -Uz compinit; compinit -u -D; source ./script"
        zpty -w typist "show() { print -r -- \$BUFFER >>lines; BUFFER=; }; zle -N show; bindkey '^Xz' show"
        for words in 'plimrun del' 'plimrun delete --fo' "plimrun --root $ROOT kill w"; do
            zpty -w -n typist "$words"$'\t'$'\x18z'
        done
        repeat 600 { [[ $(wc -l <lines) -ge 3 ]] && break; sleep 0.1 }
        zpty -d typist
        cat lines
    "#;
    let printed = run(&sandbox, "zsh", &["-f", "-c", program]);
    let lines: Vec<_> = printed.lines().map(str::trim_end).collect();
    assert_eq!(lines[..2], ["plimrun delete", "plimrun delete --force"]);
    let root = sandbox.path("root");
    assert_eq!(
        lines[2],
        format!("plimrun --root {} kill web", root.display())
    );
}

#[test]
fn fish_completes_commands_flags_and_ids() {
    let Some(sandbox) = with_script("fish") else {
        return;
    };
    let stand = Stand::new();
    sandbox.container("web", Status::Running, stand.pid());
    let program = r#"
        source ./script
        complete -C 'plimrun st'
        complete -C 'plimrun delete --f'
        complete -C "plimrun --root $ROOT kill w"
    "#;
    let printed = run(&sandbox, "fish", &["--no-config", "-c", program]);
    let words: Vec<_> = printed
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(words, ["start", "state", "--force", "web"], "{printed}");
}

#[test]
fn the_man_page_has_no_faults() {
    let sandbox = Sandbox::new();
    let page = sandbox.run(&["man"]);
    fs::write(sandbox.path("plimrun.8"), page.stdout).expect("write");
    let path = sandbox.path("plimrun.8");
    let path = path.to_str().expect("UTF-8");
    let checks: [&[&str]; 2] = [
        &[
            "man",
            "--warnings=w",
            "-E",
            "UTF-8",
            "-l",
            "-Tutf8",
            "-Z",
            path,
        ],
        &["mandoc", "-T", "lint", "-W", "warning", path],
    ];
    for check in checks {
        let output = Command::new(check[0])
            .args(&check[1..])
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "80")
            .env_remove("MANOPT")
            .env_remove("MANROFFOPT")
            .stdin(Stdio::null())
            .output();
        match output {
            Err(_) => println!("skipped: {} is not installed", check[0]),
            Ok(output) => {
                let faults = String::from_utf8_lossy(&output.stderr).into_owned();
                let lint = String::from_utf8_lossy(&output.stdout);
                let lint = if check[0] == "mandoc" { &*lint } else { "" };
                assert_eq!((&*faults, lint), ("", ""), "{}", check[0]);
                assert!(output.status.success(), "{}", check[0]);
            }
        }
    }
}
