//! config.md#mounts: the order of mounts, and where they land.

use std::fs;

use super::OURS;
use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("config/mounts/listed_order", "config.mounts.listed-order")
            .bundle(|b| {
                b.mount("/mnt", "tmpfs", "first", &[])
                    .mount("/mnt", "tmpfs", "second", &[])
            })
            .run(|t| {
                let seen = t.must(t.agent()?.mount("/mnt"))?;
                t.eq("what is seen at /mnt", seen.source, "second")
            })
            .saboteurs([
                swaps_the_first_two(),
                drops(format!("/mounts/{}/source", OURS + 1)),
            ]),
        Case::new(
            "config/mounts/later_mounts_cover_earlier_ones",
            "config.mounts.listed-order",
        )
        .bundle(|b| {
            // Only the first /over/in is on the tmpfs and so in sight.
            b.file("data/token", 0o644, "bound")
                .mount("/over", "tmpfs", "tmpfs", &[])
                .mount("/over/in", "none", "{bundle}/data", &["bind"])
                .mount("/hidden/in", "none", "{bundle}/data", &["bind"])
                .mount("/hidden", "tmpfs", "tmpfs", &[])
        })
        .run(|t| {
            let agent = t.agent()?;
            let reads = |path: &'static str| agent.attempt(move |p| p.read(path));
            t.eq("reading behind the earlier", reads("/over/in/token")?, "OK")?;
            t.eq(
                "reading behind the later",
                reads("/hidden/in/token")?,
                "ENOENT",
            )
        })
        .saboteurs([
            swaps_the_first_two(),
            edits("mount /hidden/in last", |config| {
                if let Some(mounts) = config["mounts"].as_array_mut() {
                    mounts.swap(OURS + 2, OURS + 3);
                }
            }),
        ]),
        created("directory", "/not/there/yet", "{bundle}/data"),
        created("file", "/not/there/file", "{bundle}/data/token"),
        outward_link("absolute", "{dir}/outside"),
        outward_link("relative", "../../outside"),
        Case::new(
            "config/mounts/relative_destination",
            [
                "config.mounts.destination-relative-to-root",
                "config.mounts.destination-relative-allowed",
            ],
        )
        .bundle(|b| {
            b.dir("rootfs/tmp", 0o755)
                .cwd("/tmp")
                .mount("mnt/x", "tmpfs", "tmpfs", &[])
        })
        .run(|t| {
            t.on("config.mounts.destination-relative-allowed")
                .must(t.create())?;
            t.start()?;
            let agent = t.started()?;
            t.must(agent.mount("/mnt/x"))?;
            let other = agent.attempt(|p| p.stat("/tmp/mnt/x"))?;
            t.eq("looking below the working directory", other, "ENOENT")
        })
        .saboteurs([
            alters(format!("/mounts/{OURS}/destination"), "/tmp/mnt/x")
                .on("config.mounts.destination-relative-to-root"),
            lies("create", How::Refuse).on("config.mounts.destination-relative-allowed"),
        ]),
    ]
}

fn swaps_the_first_two() -> Saboteur {
    edits("swap the first two mounts of the case", |config| {
        if let Some(mounts) = config["mounts"].as_array_mut() {
            mounts.swap(OURS, OURS + 1);
        }
    })
}

/// A destination that the image lacks is made, of its source's type.
fn created(kind: &'static str, destination: &'static str, source: &'static str) -> Case {
    Case::new(
        format!("config/mounts/missing_destination_of_a_{kind}_is_made"),
        "config.mounts.destination-created",
    )
    .bundle(move |b| {
        b.file("data/token", 0o644, "t")
            .mount(destination, "none", source, &["bind"])
    })
    .run(move |t| {
        let seen = t.must(t.judged_agent()?.get(|p| p.stat(destination)))?;
        t.that("a mount is there", seen.mount_root, seen)?;
        t.eq("its type", seen.kind, kind)
    })
    .saboteurs([
        drops(format!("/mounts/{OURS}")),
        lies("create", How::Refuse),
    ])
}

/// A link of the image that leads outside leads nowhere but inside the container.
fn outward_link(form: &'static str, target: &'static str) -> Case {
    Case::new(
        format!("config/mounts/{form}_link_does_not_lead_outside"),
        "config.mounts.destination-inside-container",
    )
    .bundle(|b| b.mount("/link/x", "tmpfs", "tmpfs", &[]))
    .run(move |t| {
        let outside = t.dir().join("outside");
        t.make_dir(&outside)?;
        t.make_link(
            &target.replace("{dir}", &t.dir().display().to_string()),
            &t.rootfs("/link"),
        )?;
        // Refusing such a destination is as good as mounting inside.
        let _ = t.try_create()?;
        let there: Vec<_> = fs::read_dir(&outside)
            .map_err(|error| crate::verdict::Stop::broken("list the directory outside", error))?
            .flatten()
            .map(|entry| entry.file_name().display().to_string())
            .collect();
        t.eq("what is made outside", there, Vec::<String>::new())
    })
    .saboteurs([wraps("make the destination outside", |call, next| {
        if let ("create", Some(bundle)) = (call.operation(), call.bundle()) {
            let _ = fs::create_dir(bundle.join("../outside/x"));
        }
        next(call)
    })])
}
