//! config.md#mounts: the order, the destination, the options.

use crate::cases::prelude::*;

/// The first entry behind the minimal bundle's own mounts.
const OURS: usize = 5;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("config/mounts/listed_order", "config.mounts.listed-order")
            .bundle(|b| {
                b.mount("/mnt", "tmpfs", "first", &[])
                    .mount("/mnt", "tmpfs", "second", &[])
            })
            .run(|t| {
                let report = t.agent()?.report.clone();
                let seen = report
                    .mountinfo
                    .value()
                    .and_then(|lines| mount_at(lines, "/mnt"));
                t.eq(
                    "what is seen at /mnt",
                    seen.map(|mount| mount.source),
                    "second",
                )
            })
            .saboteurs([edits("swap the two mounts on /mnt", |config| {
                if let Some(mounts) = config["mounts"].as_array_mut() {
                    mounts.swap(OURS, OURS + 1);
                }
            })]),
        Case::new(
            "config/mounts/destination_is_made",
            "config.mounts.destination-created",
        )
        .bundle(|b| b.mount("/not/there/yet", "tmpfs", "tmpfs", &[]))
        .run(|t| {
            let stat = t.must(t.agent()?.get(|p| p.stat("/not/there/yet")))?;
            t.that("a mount is there", stat.mount_root, stat)
        })
        .saboteurs([drops(format!("/mounts/{OURS}"))]),
    ];
    cases.extend(
        OPTIONS
            .iter()
            .map(|&(option, opposite)| flag(option, opposite)),
    );
    cases
}

/// Options that show as flags of the mount, each with one that makes it another.
const OPTIONS: &[(&str, &str)] = &[
    ("ro", "rw"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("noatime", "relatime"),
    ("nodiratime", "diratime"),
    ("relatime", "noatime"),
];

fn flag(option: &'static str, opposite: &'static str) -> Case {
    Case::new(
        format!("config/mounts/option_{option}"),
        format!("config.mounts.options.{option}"),
    )
    .bundle(move |b| b.mount("/mnt", "tmpfs", "tmpfs", &[option]))
    .run(move |t| {
        let report = t.agent()?.report.clone();
        let seen = report
            .mountinfo
            .value()
            .and_then(|lines| mount_at(lines, "/mnt"));
        t.has("options of /mnt", seen.map(|mount| mount.options), option)
    })
    .saboteurs([alters(format!("/mounts/{OURS}/options/0"), opposite)])
}
