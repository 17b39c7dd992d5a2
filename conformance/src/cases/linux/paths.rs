//! config-linux.md#masked-paths and #readonly-paths.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "linux/paths/masked_file_is_unreadable",
            "config-linux.masked-paths.file-unreadable",
        )
        .bundle(|b| {
            b.file("rootfs/secret", 0o644, "hidden")
                .set("/linux/maskedPaths", ["/secret"])
        })
        .run(|t| {
            // What is there may be unreadable or empty; the content must not show.
            let seen = t.agent()?.ask(|p| p.read("/secret"))?.unwrap_or_default();
            t.lacks("what is read from /secret", seen, "hidden")
        })
        .saboteurs([drops("/linux/maskedPaths")]),
        Case::new(
            "linux/paths/masked_directory_is_unreadable",
            "config-linux.masked-paths.dir-unreadable",
        )
        .bundle(|b| {
            b.file("rootfs/safe/secret", 0o644, "x")
                .set("/linux/maskedPaths", ["/safe"])
        })
        .run(|t| {
            let seen = t.agent()?.ask(|p| p.list("/safe"))?.unwrap_or_default();
            t.eq("entries of /safe", seen.len(), 0)
        })
        .saboteurs([drops("/linux/maskedPaths/0")]),
        Case::new(
            "linux/paths/readonly_file",
            "config-linux.readonly-paths.file",
        )
        .bundle(|b| {
            b.file("rootfs/fixed", 0o666, "old")
                .set("/linux/readonlyPaths", ["/fixed"])
        })
        .run(|t| {
            let agent = t.agent()?;
            t.eq(
                "writing /fixed",
                agent.attempt(|p| p.write("/fixed", "new"))?,
                "EROFS",
            )
        })
        .saboteurs([drops("/linux/readonlyPaths")]),
    ]
}
