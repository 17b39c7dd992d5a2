//! bundle.md#container-format.

use std::fs;
use std::path::Path;

use crate::cases::prelude::*;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![
        config_elsewhere(
            "config_below_the_top_refused",
            "bundle.config-json-in-root",
            "below/config.json",
        ),
        config_elsewhere(
            "config_by_another_name_refused",
            "bundle.config-json-name",
            "Config.json",
        ),
        Case::new(
            "bundle/directory/missing_root_refused",
            "bundle.rootfs-artifact-present",
        )
        .bundle(|b| b.set("/root/path", "missing"))
        .run(Assert::refused)
        .saboteurs([alters("/root/path", "rootfs")]),
        Case::new(
            "bundle/directory/name_does_not_matter",
            "bundle.directory-not-part",
        )
        .run(|t| {
            let moved = t.dir().join(format!("a bündle {}", "x".repeat(200)));
            t.rename(&t.bundle(), &moved)?;
            let path = moved.display().to_string();
            let create = t.command(["create", "--bundle", &path, t.id()]);
            t.must(t.agent_by(create))?;
            t.eq("the bundle in the state", t.state()?.bundle, &path)
        })
        .saboteurs([
            lies("create", How::Refuse),
            lies("state", How::Reword("bündle", "bundle")),
        ]),
        Case::new(
            "bundle/directory/namespaces_are_those_of_the_runtime",
            "glossary.runtime-namespace",
        )
        .needs([Need::Program("nsenter")])
        .bundle(|b| b.without_namespace("uts").without_namespace("ipc"))
        .run(|t| {
            let (ipc, uts) = (
                t.new_namespace(NAMESPACES[3])?,
                t.new_namespace(NAMESPACES[4])?,
            );
            let enter = [
                "nsenter".to_owned(),
                format!("--ipc={}", ipc.path),
                format!("--uts={}", uts.path),
            ];
            let seen = t
                .agent_by(t.create_call().through(enter))?
                .report
                .namespaces;
            t.eq("the IPC namespace", seen.get("ipc"), ipc.identity)?;
            t.eq("the UTS namespace", seen.get("uts"), uts.identity)
        })
        .saboteurs([wraps(
            "create: leave the namespaces of the caller",
            |call, next| {
                next(&crate::drive::Call {
                    through: Vec::new(),
                    ..call.clone()
                })
            },
        )]),
    ]
}

/// `create` errors where config.json is elsewhere, and accepts it where it belongs.
fn config_elsewhere(fact: &str, requirement: &'static str, elsewhere: &'static str) -> Case {
    Case::new(format!("bundle/directory/{fact}"), requirement)
        .bundle(|b| b.dir("below", 0o755))
        .run(move |t| {
            let (right, wrong) = (t.bundle().join("config.json"), t.bundle().join(elsewhere));
            t.rename(&right, &wrong)?;
            t.refused()?;
            t.rename(&wrong, &right)?;
            t.must(t.create())
        })
        .saboteurs([wraps(
            format!("create: read {elsewhere}"),
            move |call, next| {
                let bundle = call.bundle().map(Path::to_owned).unwrap_or_default();
                let wrong = bundle.join(elsewhere);
                if call.operation() != "create" || !wrong.exists() {
                    return next(call);
                }
                rename(&wrong, &bundle.join("config.json"))?;
                let outcome = next(call);
                rename(&bundle.join("config.json"), &wrong)?;
                outcome
            },
        )])
}

fn rename(from: &Path, to: &Path) -> Check {
    fs::rename(from, to).map_err(|error| Stop::broken(format!("rename {}", from.display()), error))
}
