//! config.md#linux-mount-options: options that hold for the mounts below a bind mount, too
//! (`mount_setattr(2)` with `AT_RECURSIVE`).

use nix::mount::MsFlags;

use super::OURS;
use super::options::Shows::{self, Nothing, Own, OwnLacks};
use crate::cases::prelude::*;

/// Each option, the flags of the source and of the mount below it, what the option does to both,
/// and its form for one mount.
type Row = (&'static str, MsFlags, Shows, &'static str);

#[rustfmt::skip] // One row a line.
const OPTIONS: &[Row] = &[
    ("rro", MsFlags::empty(), Own("ro"), "ro"),
    ("rrw", MsFlags::MS_RDONLY, Own("rw"), "rw"),
    ("rnosuid", MsFlags::empty(), Own("nosuid"), "nosuid"),
    ("rsuid", MsFlags::MS_NOSUID, OwnLacks(&["nosuid"]), "suid"),
    ("rnodev", MsFlags::empty(), Own("nodev"), "nodev"),
    ("rdev", MsFlags::MS_NODEV, OwnLacks(&["nodev"]), "dev"),
    ("rnoexec", MsFlags::empty(), Own("noexec"), "noexec"),
    ("rexec", MsFlags::MS_NOEXEC, OwnLacks(&["noexec"]), "exec"),
    ("rnodiratime", MsFlags::empty(), Own("nodiratime"), "nodiratime"),
    ("rdiratime", MsFlags::MS_NODIRATIME, OwnLacks(&["nodiratime"]), "diratime"),
    ("rnoatime", MsFlags::empty(), Own("noatime"), "noatime"),
    ("ratime", MsFlags::MS_NOATIME, OwnLacks(&["noatime"]), "atime"),
    ("rrelatime", MsFlags::MS_NOATIME, Own("relatime"), "relatime"),
    ("rstrictatime", MsFlags::MS_NOATIME, OwnLacks(&["relatime", "noatime"]), "strictatime"),
    ("rnostrictatime", MsFlags::MS_STRICTATIME, Own("relatime"), "nostrictatime"),
    ("rnosymfollow", MsFlags::empty(), Own("nosymfollow"), "nosymfollow"),
    ("rsymfollow", NOSYMFOLLOW, OwnLacks(&["nosymfollow"]), "symfollow"),
    // Whether relatime or strictatime follows is the kernel's choice.
    ("rnorelatime", MsFlags::empty(), Nothing, ""),
];

/// MS_NOSYMFOLLOW of linux/mount.h (Linux 5.10).
const NOSYMFOLLOW: MsFlags = MsFlags::from_bits_retain(256);

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = OPTIONS.iter().map(recursive).collect();
    cases.push(old_kernel());
    cases
}

fn recursive(&(option, flags, shows, single): &Row) -> Case {
    let requirement = match option {
        "rnodev" => "config.mounts.options.rnodev-missing-in-table".into(),
        _ => format!("config.mounts.options.{option}"),
    };
    Case::new(format!("config/mounts/option_{option}"), requirement)
        .needs([Need::Root, Need::MountSetattr])
        .bundle(move |b| b.mount("/mnt", "none", "{dir}/source", &["rbind", option]))
        .run(move |t| {
            let host = t.own_mounts()?;
            // The directory is made before the mount below may be read-only.
            host.tmpfs("source", MsFlags::empty())?;
            host.tmpfs("source/below", flags)?;
            let agent = t.judged_agent()?;
            shows.judge(t, &t.must(agent.mount("/mnt"))?)?;
            shows.judge(t, &t.must(agent.mount("/mnt/below"))?)
        })
        .saboteurs([match shows {
            Nothing => lies("create", How::Refuse),
            _ => alters(format!("/mounts/{OURS}/options/1"), single),
        }])
}

/// Where the kernel cannot do it, it is an error, or done in another way; but it is not left out.
fn old_kernel() -> Case {
    // asm/unistd.h: the same on all architectures.
    const MOUNT_SETATTR: &str = "442";
    Case::new(
        "config/mounts/recursive_option_on_an_old_kernel",
        "config.mounts.options.recursive-on-old-kernel",
    )
    .needs([Need::Root, Need::Seccomp])
    .bundle(|b| b.mount("/mnt", "none", "{dir}/source", &["rbind", "rro"]))
    .run(|t| {
        let host = t.own_mounts()?;
        host.tmpfs("source", MsFlags::empty())?;
        host.tmpfs("source/below", MsFlags::empty())?;
        let probe = t.probe_path().display().to_string();
        let call = t.create_call().through([&probe, "without", MOUNT_SETATTR]);
        let outcome = t.try_create_by(call)?;
        if !outcome.ok() {
            return t.errors(&outcome);
        }
        t.start()?;
        let agent = t.started()?;
        ["/mnt", "/mnt/below"].iter().try_for_each(|point| {
            let seen = agent.mount(point)?;
            t.has(&format!("options of {point}"), seen.options, "ro")
        })
    })
    .saboteurs([drops(format!("/mounts/{OURS}/options/1"))])
}
