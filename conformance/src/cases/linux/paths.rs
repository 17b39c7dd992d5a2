//! config-linux.md#masked-paths and #readonly-paths.

use plimsoll_fixtures::bundle::Bundle;

use crate::cases::prelude::*;

/// The first entry behind the minimal bundle's own mounts.
const OURS: usize = 5;

pub(super) fn cases() -> Vec<Case> {
    [masked(), readonly()].into_iter().flatten().collect()
}

fn masks(bundle: Bundle, path: &str) -> Bundle {
    bundle.push("/linux/maskedPaths", path)
}

fn fixes(bundle: Bundle, path: &str) -> Bundle {
    bundle.push("/linux/readonlyPaths", path)
}

fn masked() -> Vec<Case> {
    vec![
        Case::new(
            "linux/paths/masked_file_is_unreadable",
            "config-linux.masked-paths.file-unreadable",
        )
        .bundle(|b| masks(b.file("rootfs/secret", 0o644, "hidden"), "/secret"))
        .run(|t| {
            // What is there may be unreadable or empty; the content must not show.
            let seen = t.agent()?.ask(|p| p.read("/secret"))?.unwrap_or_default();
            t.lacks("what is read from /secret", seen, "hidden")?;
            t.eq("the host's file", t.read(t.rootfs("/secret"))?, "hidden")
        })
        .saboteurs([
            drops("/linux/maskedPaths"),
            alters("/linux/maskedPaths/0", "/dev/shm"),
        ]),
        Case::new(
            "linux/paths/masked_directory_is_unreadable",
            "config-linux.masked-paths.dir-unreadable",
        )
        .bundle(|b| masks(b.file("rootfs/safe/secret", 0o644, "x"), "/safe"))
        .run(|t| {
            let agent = t.agent()?;
            let seen = agent.ask(|p| p.list("/safe"))?.unwrap_or_default();
            t.eq("entries of /safe", seen.len(), 0)?;
            t.ne(
                "a known name in it",
                agent.attempt(|p| p.read("/safe/secret"))?,
                "OK",
            )
        })
        .saboteurs([drops("/linux/maskedPaths/0")]),
        // A runtime must not need it itself, once it is masked.
        Case::new(
            "linux/paths/masked_directory_of_proc_is_unreadable",
            "config-linux.masked-paths.dir-unreadable",
        )
        .bundle(|b| masks(b, "/proc/sys"))
        .run(|t| {
            let agent = t.judged_agent()?;
            let seen = agent.ask(|p| p.list("/proc/sys"))?.unwrap_or_default();
            t.eq("entries of /proc/sys", seen.len(), 0)
        })
        .saboteurs([drops("/linux/maskedPaths/0")]),
        Case::new(
            "linux/paths/masked_missing_path_is_none",
            "config-linux.masked-paths.missing-path-ok",
        )
        .bundle(|b| masks(b, "/nope"))
        .run(|t| {
            let seen = t.judged_agent()?.attempt(|p| p.stat("/nope"))?;
            t.eq("looking at it", seen, "ENOENT")
        })
        .saboteurs([
            lies("create", How::Refuse),
            tampers("make it", |root| std::fs::create_dir(root.join("nope"))),
        ]),
        bad(
            "linux/paths/masked_relative_path_is_refused",
            "config-linux.masked-paths.absolute",
            "/linux/maskedPaths",
            json!(["rel/path"]),
        ),
        Case::new(
            "linux/paths/masked_on_a_mount",
            "config-linux.masked-paths.after-mounts",
        )
        .bundle(|b| {
            let b = b.file("data/secret", 0o644, "hidden");
            masks(
                b.mount("/mnt", "none", "{bundle}/data", &["bind"]),
                "/mnt/secret",
            )
        })
        .run(|t| {
            let seen = t
                .agent()?
                .ask(|p| p.read("/mnt/secret"))?
                .unwrap_or_default();
            t.lacks("what is read", seen, "hidden")?;
            t.eq(
                "the host's file",
                t.read(t.bundle().join("data/secret"))?,
                "hidden",
            )
        })
        .saboteurs([drops("/linux/maskedPaths")]),
        not_undoable(),
        tampered_null(),
    ]
}

/// Without CAP_SYS_ADMIN the mask stays.
fn not_undoable() -> Case {
    const SETS: [&str; 3] = ["bounding", "effective", "permitted"];
    Case::new(
        "linux/paths/mask_cannot_be_taken_off",
        "config-linux.masked-paths.not-undoable",
    )
    .bundle(|b| masks(b.file("rootfs/secret", 0o644, "hidden"), "/secret"))
    .run(|t| {
        let agent = t.agent()?;
        let taken = agent.attempt(|p| p.ask(&["umount", "/secret", "2"]))?;
        t.eq("unmounting it", taken, "EPERM")?;
        let seen = agent.ask(|p| p.read("/secret"))?.unwrap_or_default();
        t.lacks("what is read from it then", seen, "hidden")
    })
    .saboteurs([edits("give CAP_SYS_ADMIN", |config| {
        for set in SETS {
            if let Some(set) = config["process"]["capabilities"][set].as_array_mut() {
                set.push("CAP_SYS_ADMIN".into());
            }
        }
    })])
}

/// The image's /dev/null is a link to something else, which must not become the mask
/// (CVE-2025-31133): the mask holds, or `create` fails.
fn tampered_null() -> Case {
    Case::new(
        "linux/paths/mask_is_no_null_of_the_image",
        "config-linux.masked-paths.dev-null-race",
    )
    .bundle(|b| {
        let b = b
            .without_mount("/dev/shm")
            .without_mount("/dev/pts")
            .without_mount("/dev")
            .file("rootfs/target", 0o644, "bait")
            .file("rootfs/secret", 0o644, "hidden")
            .symlink("rootfs/dev/null", "/target");
        masks(b, "/secret")
    })
    .run(|t| {
        let outcome = t.try_create()?;
        if !outcome.ok() {
            return t.errors(&outcome);
        }
        // From outside: some runtimes lead the streams of the program to such a /dev/null, too.
        let masked = format!("/proc/{}/root/secret", t.pid()?);
        let seen = std::fs::read_to_string(masked).unwrap_or_default();
        t.lacks("what is read from the masked file", &seen, "hidden")?;
        t.lacks("what is read from the masked file", &seen, "bait")
    })
    // A runtime may refuse such an image: the wrong one makes the container without that trap.
    .saboteurs([
        edits("mount a /dev and mask nothing", unmasked),
        edits("mount a /dev and bind the link's target", |config| {
            unmasked(config);
            if let Some(mounts) = config["mounts"].as_array_mut() {
                let target = "{rootfs}/target";
                mounts
                    .push(json!({"destination": "/secret", "source": target, "options": ["bind"]}));
            }
        }),
    ])
}

/// A config with a /dev of its own, and no mask.
fn unmasked(config: &mut Value) {
    config["linux"]["maskedPaths"] = json!([]);
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.push(json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}));
    }
}

fn readonly() -> Vec<Case> {
    vec![
        Case::new(
            "linux/paths/readonly_file",
            "config-linux.readonly-paths.file",
        )
        .bundle(|b| fixes(b.file("rootfs/fixed", 0o666, "old"), "/fixed"))
        .run(|t| {
            let agent = t.agent()?;
            t.eq(
                "writing /fixed",
                agent.attempt(|p| p.write("/fixed", "new"))?,
                "EROFS",
            )?;
            t.eq("/fixed", agent.get(|p| p.read("/fixed"))?, "old")
        })
        .saboteurs([
            drops("/linux/readonlyPaths"),
            alters("/linux/readonlyPaths/0", "/dev/shm"),
        ]),
        Case::new(
            "linux/paths/readonly_directory",
            "config-linux.readonly-paths.dir",
        )
        .bundle(|b| fixes(b.file("rootfs/fixed/file", 0o666, "old"), "/fixed"))
        .run(|t| {
            let agent = t.agent()?;
            let made = agent.attempt(|p| p.create("/fixed/new"))?;
            t.eq("making a file in it", made, "EROFS")?;
            let written = agent.attempt(|p| p.write("/fixed/file", "new"))?;
            t.eq("writing a file in it", written, "EROFS")
        })
        .saboteurs([drops("/linux/readonlyPaths/0")]),
        Case::new(
            "linux/paths/readonly_missing_path_is_none",
            "config-linux.readonly-paths.missing-path-ok",
        )
        .bundle(|b| fixes(b, "/nope"))
        .run(|t| {
            let seen = t.judged_agent()?.attempt(|p| p.stat("/nope"))?;
            t.eq("looking at it", seen, "ENOENT")
        })
        .saboteurs([lies("create", How::Refuse)]),
        bad(
            "linux/paths/readonly_relative_path_is_refused",
            "config-linux.readonly-paths.absolute",
            "/linux/readonlyPaths",
            json!(["rel"]),
        ),
        Case::new(
            "linux/paths/readonly_keeps_flags",
            "config-linux.readonly-paths.keeps-flags",
        )
        .bundle(|b| {
            let b = b.mount("/mnt", "proc", "proc", &["nosuid", "nodev", "noexec"]);
            fixes(b, "/mnt/sys")
        })
        .run(|t| {
            let seen = t.must(t.agent()?.mount("/mnt/sys"))?;
            ["ro", "nosuid", "nodev", "noexec"]
                .iter()
                .try_for_each(|flag| t.has("options of /mnt/sys", &seen.options, flag))
        })
        .saboteurs([drops(format!("/mounts/{OURS}/options"))]),
    ]
}
