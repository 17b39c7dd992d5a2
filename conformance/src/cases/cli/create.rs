//! `create` as engines call it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cases::prelude::*;
use crate::drive::Call;
use crate::verdict::Stop;

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
        takes_the_working_directory(),
        passes_listen_fds(),
    ]
}

fn takes_the_working_directory() -> Case {
    Case::new(
        "cli/create/bundle_is_the_working_directory_by_default",
        "cli.create.bundle-default-cwd",
    )
    .run(|t| {
        let create = t.command(["create", t.id()]).cwd(t.bundle());
        t.succeeds(&t.try_create_by(create)?)?;
        t.eq("the bundle in the state", t.state()?.bundle, t.bundle_arg())
    })
    .saboteurs([
        lies("create", How::Refuse),
        lies("state", How::output("/bundle", "/")),
    ])
}

fn passes_listen_fds() -> Case {
    Case::new(
        "cli/create/passes_the_sockets_of_listen_fds",
        "cli.create.listen-fds",
    )
    .needs([Need::Path("/bin/sh")])
    .run(|t| {
        let files = [t.fresh_path("three"), t.fresh_path("four")];
        for file in &files {
            t.write(file, "")?;
        }
        let shell = format!(
            "exec 3<{} 4<{}; export LISTEN_FDS=2 LISTEN_PID=$$",
            files[0].display(),
            files[1].display()
        );
        let report = t.agent_by(t.create_call().behind(&shell))?.report;
        for (fd, file) in [(3, &files[0]), (4, &files[1])] {
            let seen = report.fd(fd).and_then(|fd| fd.inode.value().cloned());
            t.eq(
                &format!("descriptor {fd} of the program"),
                seen,
                inode(file)?,
            )?;
        }
        Ok(())
    })
    .saboteurs([wraps("create: keep no descriptors", |call, next| {
        next(&Call {
            through: Vec::new(),
            ..call.clone()
        })
    })])
}

/// The inode of a file as the probe shows it: `major:minor:inode`.
pub(super) fn inode(file: &Path) -> Check<String> {
    let meta = fs::metadata(file)
        .map_err(|error| Stop::broken(format!("look at {}", file.display()), error))?;
    let (device, inode) = (meta.dev(), meta.ino());
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    Ok(format!("{major}:{minor}:{inode}"))
}
