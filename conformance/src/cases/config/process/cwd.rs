//! config.md#process: cwd.

use crate::cases::prelude::*;

const NO_LEAK: &str = "config.process.cwd-no-host-leak";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        missing(
            "config/process/cwd_is_required",
            "config.process.cwd-required",
            "/process/cwd",
            "/",
        )
        .run(Assert::never_runs),
        Case::new(
            "config/process/cwd_is_entered",
            "config.process.cwd-applied",
        )
        .bundle(|b| b.dir("rootfs/srv/data", 0o755).cwd("/srv/data"))
        .run(|t| {
            let agent = t.agent()?;
            t.eq("working directory", agent.report.cwd.value(), "/srv/data")
        })
        .saboteurs([alters("/process/cwd", "/srv")]),
        Case::new(
            "config/process/cwd_on_a_mount",
            "config.process.cwd-applied",
        )
        .bundle(|b| b.mount("/mnt", "tmpfs", "tmpfs", &[]).cwd("/mnt"))
        .run(|t| {
            let report = t.agent()?.report.clone();
            t.eq("working directory", report.cwd.value(), "/mnt")?;
            let file_system = |inode: Option<&String>| {
                let inode = inode.cloned().unwrap_or_default();
                inode.rsplit_once(':').map(|(device, _)| device.to_owned())
            };
            t.ne(
                "the file system of the working directory",
                file_system(report.cwd_inode.value()),
                file_system(report.root_inode.value()),
            )
        })
        .saboteurs([alters("/process/cwd", "/"), drops("/mounts/5")]),
        Case::new(
            "config/process/cwd_that_is_missing",
            "config.process.cwd-missing-dir",
        )
        .bundle(|b| b.cwd("/does/not/exist"))
        .run(|t| {
            // It cannot be entered unless the runtime makes it; either is right.
            let seen = match t.agent_or_refusal(t.create_call())? {
                Some(agent) => agent.report.cwd.value().cloned(),
                None => None,
            };
            t.one_of(
                "the working directory, if the program runs",
                seen,
                [None, Some("/does/not/exist")],
            )
        })
        .saboteurs([alters("/process/cwd", "/")]),
        Case::new(
            "config/process/cwd_with_the_users_rights",
            "config.process.cwd-user-permission",
        )
        .needs([Need::Root])
        .bundle(|b| b.dir("rootfs/home", 0o700).user(1000, 1000).cwd("/home"))
        .run(|t| {
            t.give(&t.rootfs("/home"), 1000, 1000)?;
            let cwd = t.must(t.agent())?.report.cwd.clone();
            t.eq("working directory", cwd.value(), "/home")
        })
        .saboteurs([
            alters("/process/cwd", "/"),
            alters("/process/user/uid", 1001).and(lies("create", How::Refuse)),
        ]),
    ];
    for (name, cwd) in [("relative", "tmp"), ("empty", "")] {
        cases.push(
            Case::new(
                format!("config/process/cwd_{name}_is_refused"),
                "config.process.cwd-absolute",
            )
            .bundle(|b| b.dir("rootfs/tmp", 0o755).cwd(cwd))
            .run(Assert::never_runs)
            .saboteurs([alters("/process/cwd", "/tmp")]),
        );
    }
    // Descriptors that a runtime may have open at that time, one of which led to the host in
    // CVE-2024-21626.
    cases.extend((3..=9).map(|fd| no_leak(&format!("/proc/self/fd/{fd}"), fd)));
    cases
}

fn no_leak(cwd: &str, fd: i32) -> Case {
    let cwd = cwd.to_owned();
    Case::new(
        format!("config/process/cwd_by_descriptor_{fd}_stays_inside"),
        NO_LEAK,
    )
    .bundle(move |b| b.cwd(&cwd))
    .run(|t| {
        let seen = match t.agent_or_refusal(t.create_call())? {
            Some(agent) => agent.report.cwd.value().cloned(),
            None => None,
        };
        let inside = seen.as_deref().is_none_or(|cwd| cwd.starts_with('/'));
        t.that("the working directory lies in the root", inside, seen)
    })
    .saboteurs([edits("leave the root file system", |config| {
        // A working directory that is no longer mounted is unreachable from the root, as one of
        // the host's would be.
        let process = &mut config["process"];
        process["cwd"] = json!("/");
        process["args"] = json!([
            "/probe",
            "after",
            "chdir /dev/shm",
            "umount /dev/shm 2" // MNT_DETACH
        ]);
        for set in ["bounding", "effective", "permitted"] {
            process["capabilities"][set] = json!(["CAP_SYS_ADMIN"]);
        }
    })])
}
