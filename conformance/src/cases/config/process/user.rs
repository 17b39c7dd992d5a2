//! config.md#posix-platform-user.

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::Ids;

use crate::cases::prelude::*;

const GROUPS: &str = "config.process.user.additional-gids";
const NO_GROUPS: &str = "config.process.user.additional-gids-none";
const MAPPED: &str = "config.process.user.ids-in-userns";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "config/process/user_uid_and_gid",
            ["config.process.user.uid", "config.process.user.gid"],
        )
        .needs([Need::Ids])
        .bundle(|b| b.user(1234, 5678))
        .run(|t| {
            let report = t.agent()?.report.clone();
            t.eq("user ids", report.uid, Ids::all(1234))?;
            t.on("config.process.user.gid")
                .eq("group ids", report.gid, Ids::all(5678))
        })
        .saboteurs([
            alters("/process/user/uid", 4321).on("config.process.user.uid"),
            alters("/process/user/gid", 8765).on("config.process.user.gid"),
        ]),
        // The minimal bundle has no /etc at all.
        Case::new(
            "config/process/user_unknown_to_passwd",
            "config.process.user.no-passwd-lookup",
        )
        .needs([Need::Ids])
        .bundle(|b| b.user(4242, 4242))
        .run(|t| t.eq("user ids", t.must(t.agent())?.report.uid, Ids::all(4242)))
        .saboteurs([alters("/process/user/uid", 0), lies("create", How::Refuse)]),
        missing(
            "config/process/user_uid_is_required",
            "config.process.user.uid-required",
            "/process/user/uid",
            0,
        ),
        missing(
            "config/process/user_gid_is_required",
            "config.process.user.gid-required",
            "/process/user/gid",
            0,
        ),
    ];
    cases.extend(umask());
    cases.extend(groups());
    cases.extend(in_a_user_namespace());
    cases
}

fn umask() -> [Case; 2] {
    [
        Case::new("config/process/user_umask", "config.process.user.umask-set")
            .bundle(|b| b.set("/process/user/umask", 0o027))
            .run(|t| t.eq("umask", t.agent()?.report.umask, 0o027))
            .saboteurs([
                drops("/process/user/umask"),
                alters("/process/user/umask", 0o077),
            ]),
        Case::new(
            "config/process/user_umask_unset_is_the_callers",
            "config.process.user.umask-unset-unchanged",
        )
        .run(|t| {
            let call = t.create_call().behind("umask 0027");
            t.eq("umask", t.agent_by(call)?.report.umask, 0o027)
        })
        .saboteurs([alters("/process/user/umask", 0o022)]),
    ]
}

/// The supplementary groups besides the group itself, which a runtime may add.
fn others(t: &Trial) -> Check<Vec<u32>> {
    // A caller that has groups of its own.
    let call = t.create_call_as(["groups", "10,27"]);
    let report = t.agent_by(call)?.report.clone();
    let mut groups = report.groups;
    groups.retain(|&group| group != report.gid.real);
    groups.sort_unstable();
    Ok(groups)
}

fn groups() -> [Case; 2] {
    [
        Case::new("config/process/user_additional_gids", GROUPS)
            .needs([Need::Capability("CAP_SETGID")])
            .bundle(|b| b.set("/process/user/additionalGids", [30, 20]))
            .run(|t| t.eq("supplementary groups", others(t)?, [20, 30]))
            .saboteurs([
                drops("/process/user/additionalGids"),
                drops("/process/user/additionalGids/1"),
                alters("/process/user/additionalGids/-", 10),
            ]),
        Case::new("config/process/user_without_additional_gids", NO_GROUPS)
            .needs([Need::Capability("CAP_SETGID")])
            .run(|t| t.eq("supplementary groups", others(t)?, json!([])))
            .saboteurs([alters("/process/user/additionalGids", [10])]),
    ]
}

/// A user namespace of so many ids, mapped to those from 100000 on.
fn mapped(b: Bundle, size: u32) -> Bundle {
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": size}]);
    b.namespace("user", None)
        .set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map)
}

fn in_a_user_namespace() -> [Case; 2] {
    [
        Case::new("config/process/user_ids_are_of_the_user_namespace", MAPPED)
            .needs([Need::Namespace("user"), Need::Root])
            .bundle(|b| {
                mapped(b, 1000)
                    .user(5, 7)
                    .set("/process/user/additionalGids", [8])
            })
            .run(|t| {
                // For the mount points that the runtime makes.
                t.give(&t.rootfs("/"), 100_000, 100_000)?;
                let report = t.agent()?.report.clone();
                let inside = (report.uid.real, report.gid.real);
                t.eq("user and group inside", inside, (5, 7))?;
                let status = t.read(format!("/proc/{}/status", t.pid()?))?;
                let ids = |name: &str| {
                    let line = status.lines().find_map(|line| line.strip_prefix(name));
                    let words = line.unwrap_or_default().split_whitespace();
                    words.map(str::to_owned).collect::<Vec<_>>()
                };
                t.eq("user ids outside", ids("Uid:"), ["100005"; 4])?;
                t.eq("group ids outside", ids("Gid:"), ["100007"; 4])?;
                t.has("groups outside", ids("Groups:"), "100008")
            })
            .saboteurs([
                alters("/process/user/uid", 6),
                alters("/process/user/gid", 8),
                drops("/process/user/additionalGids"),
            ]),
        Case::new(
            "config/process/user_without_mapping_is_refused",
            "config.process.user.unmapped-errors",
        )
        .needs([Need::Namespace("user"), Need::Root])
        .bundle(|b| mapped(b, 10).user(50, 0).without_mount("/dev/pts"))
        .run(|t| {
            t.give(&t.rootfs("/"), 100_000, 100_000)?;
            t.never_runs()
        })
        .saboteurs([alters("/process/user/uid", 5)]),
    ]
}
