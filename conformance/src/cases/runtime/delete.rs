//! runtime.md#delete.

use std::fs;

use crate::cases::prelude::*;
use crate::drive::{Deadline, Pidfd};

const UNDOES: [&str; 3] = [
    "runtime.operations.delete.removes-created-resources",
    "runtime.lifecycle.12-destroy-undoes-create",
    "cli.delete.releases",
];

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "runtime/delete/undoes_create",
            [
                "runtime.operations.delete.removes-created-resources",
                "runtime.lifecycle.12-destroy-undoes-create",
                "cli.delete.releases",
                "runtime.operations.delete.stopped-succeeds",
            ],
        )
        .bundle(|b| b.mount("/mnt", "tmpfs", "none", &[]))
        .run(|t| {
            t.run_to_exit()?;
            let outcome = t.try_delete()?;
            t.on("runtime.operations.delete.stopped-succeeds")
                .succeeds(&outcome)?;
            t.on(UNDOES).nothing_left()
        })
        .saboteurs([
            lies("delete", How::Skip).on(UNDOES),
            defers("delete").on(UNDOES),
            lies("delete", How::Refuse).on("runtime.operations.delete.stopped-succeeds"),
        ]),
        Case::new(
            "runtime/delete/id_is_free_again",
            "runtime.operations.delete.id-reusable",
        )
        .run(|t| {
            for _ in 0..3 {
                t.must(t.create())?;
                t.stop()?;
                t.delete()?;
            }
            Ok(())
        })
        .saboteurs([lies("delete", How::Skip)]),
        keeps_what_create_did_not_make(),
        keeps_a_joined_namespace(),
    ]
}

fn keeps_what_create_did_not_make() -> Case {
    Case::new(
        "runtime/delete/keeps_what_create_did_not_make",
        "runtime.operations.delete.keeps-foreign-resources",
    )
    .bundle(|b| {
        b.file("../shared/kept", 0o644, "mine")
            .mount("/mnt", "bind", "{dir}/shared", &["rbind"])
    })
    .run(|t| {
        t.run_to_exit()?;
        t.delete()?;
        for kept in [
            t.dir().join("shared/kept"),
            t.bundle().join("config.json"),
            t.rootfs("/probe"),
        ] {
            let what = format!("{} is still there", kept.display());
            t.that(&what, kept.exists(), kept.display().to_string())?;
        }
        Ok(())
    })
    .saboteurs([
        after_delete("remove what was mounted", "shared/kept"),
        after_delete("remove config.json", "bundle/config.json"),
        after_delete("remove a file of the root", "bundle/rootfs/probe"),
    ])
}

fn keeps_a_joined_namespace() -> Case {
    Case::new(
        "runtime/delete/keeps_a_joined_namespace",
        "runtime.operations.delete.keeps-joined-namespaces",
    )
    .run(|t| {
        let network = NAMESPACES[1];
        let joined = t.new_namespace(network)?;
        let mut config = t.config()?;
        config["linux"]["namespaces"][1]["path"] = json!(joined.path);
        t.set_config(&config)?;
        t.run_to_exit()?;
        t.delete()?;
        let seen = fs::read_link(&joined.path).map(|link| link.display().to_string());
        t.eq("the namespace that was joined", seen.ok(), joined.identity)
    })
    .saboteurs([wraps(
        "delete: end who holds the namespace",
        |call, next| {
            let outcome = next(call)?;
            let config = fs::read_to_string(call.beside_root("bundle/config.json"));
            let config: Value =
                serde_json::from_str(&config.unwrap_or_default()).unwrap_or_default();
            let path = config["linux"]["namespaces"][1]["path"].as_str();
            let holder = path.and_then(|path| path.split('/').nth(2)?.parse().ok());
            if let ("delete", Some(holder)) = (call.operation(), holder) {
                // A holder that stays shows in the case, which then passes.
                if let Ok(Some(process)) = Pidfd::open(holder) {
                    let _ = process.kill();
                    let _ = process.ended(Deadline::after(call.limit));
                }
            }
            Ok(outcome)
        },
    )])
}

/// A runtime whose `delete` removes a file that is not its own.
fn after_delete(text: &str, file: &'static str) -> Saboteur {
    wraps(format!("delete: {text}"), move |call, next| {
        let outcome = next(call)?;
        if call.operation() == "delete" {
            // A file that stays shows in the case, which then passes.
            let _ = fs::remove_file(call.beside_root(file));
        }
        Ok(outcome)
    })
}
