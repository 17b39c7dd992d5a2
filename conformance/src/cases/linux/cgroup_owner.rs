//! config-linux.md#cgroup-ownership.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use plimsoll_fixtures::bundle::Bundle;

use crate::cases::config::user_namespace;
use crate::cases::prelude::*;
use crate::observe::cgroup_of;
use crate::verdict::Stop;

/// The host's id of the container's root, by [`user_namespace`].
const OWNER: u32 = 100_000;

const RW: &str = "config-linux.cgroup-ownership.iff-rw-mount";
const FILES: &str = "config-linux.cgroup-ownership.existing-files-changed";
const ONLY: &str = "config-linux.cgroup-ownership.only-delegate-files";
const OTHERS: &str = "config-linux.cgroup-ownership.other-files-untouched";
const MISSING: &str = "config-linux.cgroup-ownership.missing-files-no-fail";

/// The files that every kernel delegates.
const DELEGATED: [&str; 3] = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        changed(),
        usable(),
        fallback(),
        unchanged("read_only", RW, Need::CgroupV2("pids"), |b| {
            b.set("/mounts/5/options/3", "ro")
        }),
        unchanged(
            "without_mount",
            "config-linux.cgroup-ownership.no-mount-no-change",
            Need::CgroupV2("pids"),
            |b| b.without_mount("/sys/fs/cgroup"),
        ),
        unchanged(
            "without_new_namespace",
            "config-linux.cgroup-ownership.only-with-new-cgroupns",
            Need::CgroupV2("pids"),
            |b| b.without_namespace("cgroup"),
        ),
        unchanged(
            "on_v1",
            "config-linux.cgroup-ownership.not-on-v1",
            Need::CgroupV1("pids"),
            |b| b,
        ),
    ]
}

/// A container with a user and a cgroup namespace, and its cgroup mounted for writing.
fn delegated(b: Bundle) -> Bundle {
    let options = ["nosuid", "noexec", "nodev", "rw"];
    user_namespace(b).namespace("cgroup", None).mount(
        "/sys/fs/cgroup",
        "cgroup",
        "cgroup",
        &options,
    )
}

/// A case of such a container.
fn case(name: &str, covers: impl crate::case::Ids, controller: Need) -> Case {
    Case::new(format!("linux/cgroup_owner/{name}"), covers)
        .needs([
            Need::Root,
            controller,
            Need::Namespace("user"),
            Need::Namespace("cgroup"),
        ])
        .bundle(delegated)
}

/// The owners of the files that every kernel delegates.
fn owners(dir: &Path) -> Vec<Option<u32>> {
    let files = DELEGATED.iter();
    files.map(|file| owner(&dir.join(file))).collect()
}

/// The directory of init's cgroup.
fn place(t: &Trial) -> Check<PathBuf> {
    let (mount, path) = t.cgroup("pids")?;
    Ok(mount.join(path.trim_start_matches('/')))
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|metadata| metadata.uid())
}

fn changed() -> Case {
    case(
        "changed",
        [RW, FILES, ONLY, OTHERS, MISSING],
        Need::CgroupV2("pids"),
    )
    .run(|t| {
        t.on(MISSING).must(t.create())?;
        let dir = place(t)?;
        t.eq("owner of the cgroup", owner(&dir), OWNER)?;
        t.on(FILES).eq(
            "owners of procs, subtree_control and threads",
            owners(&dir),
            [OWNER; 3],
        )?;
        let list = fs::read_to_string("/sys/kernel/cgroup/delegate").unwrap_or_default();
        let listed =
            |name: &str| list.lines().any(|line| line == name) || DELEGATED.contains(&name);
        let entries = fs::read_dir(&dir)
            .map_err(|error| Stop::broken(format!("list {}", dir.display()), error))?;
        let given: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().is_file() && owner(&entry.path()) == Some(OWNER))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !listed(name))
            .collect();
        t.on([ONLY, OTHERS]).eq(
            "files of the container's root that are not to be",
            given,
            json!([]),
        )
    })
    .saboteurs([
        alters("/mounts/5/options/3", "ro").on(RW),
        gives("cgroup.threads", 0).on(FILES),
        gives("pids.max", OWNER).on([ONLY, OTHERS]),
        lies("create", How::Refuse).on(MISSING),
    ])
}

/// What the files are handed over for: the container's root divides its cgroup.
fn usable() -> Case {
    case("usable", [RW, FILES], Need::CgroupV2("pids"))
        .run(|t| {
            let agent = t.agent()?;
            let made = agent.attempt(|p| p.mkdir("/sys/fs/cgroup/part"))?;
            t.on(RW).eq("making a cgroup", made, "OK")?;
            let moved = agent.attempt(|p| p.write("/sys/fs/cgroup/part/cgroup.procs", "0"))?;
            t.on(FILES).eq("moving into it", moved, "OK")?;
            let enabled =
                agent.attempt(|p| p.write("/sys/fs/cgroup/cgroup.subtree_control", "+pids"))?;
            t.on(FILES).eq("enabling a controller below", enabled, "OK")
        })
        .saboteurs([
            alters("/mounts/5/options/3", "ro").on(RW),
            gives("cgroup.procs", 0).on(FILES),
            gives("cgroup.subtree_control", 0).on(FILES),
        ])
}

/// Without the kernel's list three files are it.
fn fallback() -> Case {
    const FALLBACK: &str = "config-linux.cgroup-ownership.fallback-list";
    case("without_the_list", FALLBACK, Need::CgroupV2("pids"))
        .needs([
            Need::Program("unshare"),
            Need::Path("/sys/kernel/cgroup/delegate"),
        ])
        // A sysfs of which a part is hidden cannot be mounted in a user namespace.
        .bundle(|b| {
            delegated(b)
                .without_mount("/sys")
                .dir("rootfs/sys/fs/cgroup", 0o755)
        })
        .run(|t| {
            let empty = t.dir().join("empty");
            t.make_dir(&empty)?;
            let script = format!(
                "mount --bind {} /sys/kernel/cgroup && exec \"$@\"",
                empty.display()
            );
            let mut call = t.create_call();
            call.through = ["unshare", "-m", "sh", "-c", &script, "sh"]
                .map(String::from)
                .into();
            t.accepted(&t.try_create_by(call)?)?;
            let dir = place(t)?;
            t.eq(
                "owners of procs, subtree_control and threads",
                owners(&dir),
                [OWNER; 3],
            )
        })
        .saboteurs([gives("cgroup.threads", 0)])
}

/// A case in which the ownership stays with the host's root.
fn unchanged(
    name: &str,
    requirement: &'static str,
    need: Need,
    change: fn(Bundle) -> Bundle,
) -> Case {
    case(&format!("unchanged_{name}"), requirement, need)
        .bundle(move |b| change(delegated(b)))
        .run(|t| {
            t.create()?;
            let dir = place(t)?;
            let owners: Vec<_> = [dir.clone(), dir.join("cgroup.procs")]
                .iter()
                .map(|path| owner(path))
                .collect();
            t.eq("owners of the cgroup and its cgroup.procs", owners, [0, 0])
        })
        .saboteurs([gives(".", OWNER), gives("cgroup.procs", OWNER)])
}

/// A runtime that gives a file of the cgroup to somebody once `create` is done.
fn gives(file: &'static str, uid: u32) -> Saboteur {
    wraps(format!("give {file} to {uid}"), move |call, next| {
        let outcome = next(call)?;
        let pid = call
            .flag("--pid-file")
            .and_then(|file| fs::read_to_string(file).ok());
        if let ("create", Some(pid)) = (call.operation(), pid)
            && let Some((mount, path)) = cgroup_of(pid.trim(), "pids")
        {
            let file = mount.join(path.trim_start_matches('/')).join(file);
            chown(&file, Some(uid), None)
                .map_err(|error| Stop::broken(format!("chown {}", file.display()), error))?;
        }
        Ok(outcome)
    })
}
