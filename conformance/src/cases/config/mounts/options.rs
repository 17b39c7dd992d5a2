//! config.md#linux-mount-options: the options of one mount.

use plimsoll_fixtures::probe::BINARY;

use super::OURS;
use crate::cases::prelude::*;
use crate::observe::Mount;
use crate::trial::Agent;

/// What an option does to the mount that it is given for.
#[derive(Clone, Copy)]
pub(super) enum Shows {
    /// A word among the mount's own options.
    Own(&'static str),
    /// Words that are not among them.
    OwnLacks(&'static [&'static str]),
    /// A word among the file system's options.
    Super(&'static str),
    /// A word that is not among them.
    SuperLacks(&'static str),
    /// Just these options of its own, and no more.
    Exactly(&'static [&'static str]),
    /// Nothing that can be seen; but it is known, where an unknown one makes mount(2) fail.
    Nothing,
}

impl Shows {
    /// Judges the mount.
    pub(super) fn judge(self, by: &impl Assert, mount: &Mount) -> Check {
        let (own, shared) = (&mount.options, &mount.super_options);
        let at = &mount.point;
        match self {
            Self::Own(word) => by.has(&format!("options of {at}"), own, word),
            Self::OwnLacks(words) => words
                .iter()
                .try_for_each(|word| by.lacks(&format!("options of {at}"), own, word)),
            Self::Super(word) => by.has(&format!("file system options of {at}"), shared, word),
            Self::SuperLacks(word) => {
                by.lacks(&format!("file system options of {at}"), shared, word)
            }
            Self::Exactly(words) => by.eq(&format!("options of {at}"), own, words),
            Self::Nothing => by.that("it is mounted", true, true),
        }
    }
}

use Shows::{Exactly, Nothing, Own, OwnLacks, Super, SuperLacks};

/// Each option, the options that the mount is given, what they do, and options that do otherwise.
type Row = (
    &'static str,
    &'static [&'static str],
    Shows,
    &'static [&'static str],
);

/// An option that mount(2) refuses to take as data.
const UNKNOWN: &[&str] = &["plimsoll-nonsense"];

#[rustfmt::skip] // One row a line.
const OPTIONS: &[Row] = &[
    ("ro", &["ro"], Own("ro"), &["rw"]),
    ("rw", &["ro", "rw"], Own("rw"), &["ro"]),
    ("nosuid", &["nosuid"], Own("nosuid"), &["suid"]),
    ("suid", &["nosuid", "suid"], OwnLacks(&["nosuid"]), &["nosuid"]),
    ("nodev", &["nodev"], Own("nodev"), &["dev"]),
    ("dev", &["nodev", "dev"], OwnLacks(&["nodev"]), &["nodev"]),
    ("noexec", &["noexec"], Own("noexec"), &["exec"]),
    ("exec", &["noexec", "exec"], OwnLacks(&["noexec"]), &["noexec"]),
    ("noatime", &["noatime"], Own("noatime"), &["relatime"]),
    ("atime", &["noatime", "atime"], OwnLacks(&["noatime"]), &["noatime"]),
    ("nodiratime", &["nodiratime"], Own("nodiratime"), &["diratime"]),
    ("diratime", &["nodiratime", "diratime"], OwnLacks(&["nodiratime"]), &["nodiratime"]),
    ("relatime", &["relatime"], Own("relatime"), &["noatime"]),
    ("strictatime", &["strictatime"], OwnLacks(&["relatime", "noatime"]), &["relatime"]),
    ("nostrictatime", &["strictatime", "nostrictatime"], Own("relatime"), &["strictatime"]),
    ("sync", &["sync"], Super("sync"), &["async"]),
    ("async", &["sync", "async"], SuperLacks("sync"), &["sync"]),
    ("dirsync", &["dirsync"], Super("dirsync"), &[]),
    ("lazytime", &["lazytime"], Super("lazytime"), &[]),
    ("nolazytime", &["lazytime", "nolazytime"], SuperLacks("lazytime"), &["lazytime"]),
    ("defaults", &["defaults"], Exactly(&["rw", "relatime"]), &["nosuid"]),
    // relatime is the kernel's default; the others show in no mount table.
    ("norelatime", &["relatime", "norelatime"], Nothing, UNKNOWN),
    ("iversion", &["iversion"], Nothing, UNKNOWN),
    ("noiversion", &["noiversion"], Nothing, UNKNOWN),
    ("loud", &["loud"], Nothing, UNKNOWN),
    ("silent", &["silent"], Nothing, UNKNOWN),
];

/// As [`OPTIONS`], from Linux 5.10 on.
#[rustfmt::skip] // One row a line.
const SYMLINKS: &[Row] = &[
    ("nosymfollow", &["nosymfollow"], Own("nosymfollow"), &["symfollow"]),
    ("symfollow", &["nosymfollow", "symfollow"], OwnLacks(&["nosymfollow"]), &["nosymfollow"]),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = OPTIONS.iter().map(option).collect();
    cases.extend(
        SYMLINKS
            .iter()
            .map(|row| option(row).needs([Need::Kernel(5, 10)])),
    );
    cases.extend(EFFECTS.iter().map(effect));
    cases.push(set_user_id("nosuid", &["rbind", "nosuid"], 1000));
    cases.push(set_user_id("suid", &["rbind", "nosuid", "suid"], 0));
    cases
}

fn option(&(option, given, shows, wrong): &Row) -> Case {
    Case::new(
        format!("config/mounts/option_{option}"),
        format!("config.mounts.options.{option}"),
    )
    .bundle(move |b| b.mount("/mnt", "tmpfs", "tmpfs", given))
    .run(move |t| shows.judge(t, &t.must(t.judged_agent()?.mount("/mnt"))?))
    .saboteurs([alters(format!("/mounts/{OURS}/options"), wrong)])
}

/// What the kernel answers to the probe.
type Answer = fn(&Agent<'_>) -> Check<String>;

/// Each option, the options that a tmpfs on /mnt is given, what is tried and how, what comes of it,
/// and options with which that does not come of it.
type Effect = (
    &'static str,
    &'static [&'static str],
    (&'static str, Answer),
    &'static str,
    &'static [&'static str],
);

const MAKES: (&str, Answer) = ("making a file", |agent| {
    agent.attempt(|p| p.create("/mnt/file"))
});
const RUNS: (&str, Answer) = ("running a program", |agent| {
    agent.attempt(|p| p.can_execute_in("/mnt"))
});
const OPENS: (&str, Answer) = ("opening a device", |agent| {
    agent.get(|p| p.mknod("/mnt/null", "c", 1, 3))?;
    agent.attempt(|p| p.open("/mnt/null", "rw"))
});
const FOLLOWS: (&str, Answer) = ("opening a symbolic link", |agent| {
    agent.get(|p| p.ask(&["symlink", "/probe", "/mnt/link"]))?;
    agent.attempt(|p| p.open("/mnt/link", "r"))
});

#[rustfmt::skip] // One row a line.
const EFFECTS: &[Effect] = &[
    ("ro", &["ro"], MAKES, "EROFS", &["rw"]),
    ("rw", &["ro", "rw"], MAKES, "OK", &["ro"]),
    ("noexec", &["noexec"], RUNS, "EACCES", &[]),
    ("exec", &["noexec", "exec"], RUNS, "OK", &["noexec"]),
    ("nodev", &["nodev"], OPENS, "EACCES", &[]),
    ("dev", &["nodev", "dev"], OPENS, "OK", &["nodev"]),
    ("nosymfollow", &["nosymfollow"], FOLLOWS, "ELOOP", &[]),
    ("symfollow", &["nosymfollow", "symfollow"], FOLLOWS, "OK", &["nosymfollow"]),
];

fn effect(&(option, given, (what, answer), expected, wrong): &Effect) -> Case {
    let needs = match option {
        "dev" | "nodev" => Some(Need::Capability("CAP_MKNOD")),
        "symfollow" | "nosymfollow" => Some(Need::Kernel(5, 10)),
        _ => None,
    };
    Case::new(
        format!("config/mounts/effect_{option}"),
        format!("config.mounts.options.{option}"),
    )
    .needs(needs)
    .bundle(move |b| b.mount("/mnt", "tmpfs", "tmpfs", given))
    .run(move |t| t.eq(what, answer(&t.judged_agent()?)?, expected))
    .saboteurs([alters(format!("/mounts/{OURS}/options"), wrong)])
}

/// Who an ordinary user becomes by a set-user-id program of root's on such a mount.
fn set_user_id(option: &'static str, given: &'static [&'static str], becomes: u32) -> Case {
    let wrong = if becomes == 0 {
        &["rbind", "nosuid"][..]
    } else {
        &["rbind"]
    };
    Case::new(
        format!("config/mounts/effect_{option}"),
        format!("config.mounts.options.{option}"),
    )
    .needs([Need::Ids])
    .bundle(move |b| {
        b.user(1000, 1000)
            .file("programs/probe", 0o4755, BINARY)
            .mount("/mnt", "none", "{bundle}/programs", given)
    })
    .run(move |t| {
        let child = t.agent()?.get(|p| p.run(&["/mnt/probe", "do", "report"]))?;
        let said: Value = serde_json::from_str(&child.output).unwrap_or_default();
        t.eq("effective user id", &said["uid"]["effective"], becomes)
    })
    .saboteurs([alters(format!("/mounts/{OURS}/options"), wrong)])
}
