//! `create` as engines call it.

use std::fs;

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "cli/create/pid_file_names_init",
            "cli.create.pid-file-written",
        )
        .run(|t| {
            let file = t.fresh_path("engine.pid");
            let path = file.display().to_string();
            let outcome = t.runtime([
                "create",
                "--bundle",
                &t.bundle_arg(),
                "--pid-file",
                &path,
                t.id(),
            ])?;
            t.succeeds(&outcome)?;
            let written = fs::read_to_string(&file).unwrap_or_default();
            t.eq("the pid file", written, t.state()?.pid.to_string())
        })
        .saboteurs([wraps("create: write another pid file", |call, next| {
            let outcome = next(call)?;
            if let Some(file) = call.flag("--pid-file") {
                // Shows in the case if it fails.
                let _ = fs::write(file, "1");
            }
            Ok(outcome)
        })]),
        Case::new(
            "cli/create/stdin_is_passed_through",
            "cli.create.no-terminal.stdin-passed-through",
        )
        .run(|t| {
            let agent = t.agent()?;
            t.eq(
                "the answer to a command on standard input",
                agent.attempt(|p| p.stat("/"))?,
                "OK",
            )
        })
        .saboteurs([]),
    ]
}
