//! config.md#linux-mount-options and #posix-platform-mounts: mounts with mapped ids
//! (`mount_setattr(2)` with `MOUNT_ATTR_IDMAP`).

use std::os::unix::fs::chown;

use nix::mount::MsFlags;

use super::OURS;
use crate::cases::prelude::*;
use crate::verdict::Stop;

/// What an id without a mapping shows as: /proc/sys/kernel/overflowuid.
const UNMAPPED: u32 = 65534;

/// A mapping of one id: `inside` of the source shows as `outside`.
fn one(inside: u32, outside: u32) -> Value {
    json!([{"containerID": inside, "hostID": outside, "size": 1}])
}

/// A bind mount of the bundle's `data` on /mnt, with the option and these mappings.
fn entry(option: &str, uids: &Value, gids: &Value) -> Value {
    json!({
        "destination": "/mnt", "type": "none", "source": "{bundle}/data", "options": ["bind", option],
        "uidMappings": uids, "gidMappings": gids,
    })
}

fn without_mappings(option: &str) -> Value {
    json!({"destination": "/mnt", "type": "none", "source": "{bundle}/data", "options": ["bind", option]})
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = ["idmap", "ridmap"]
        .into_iter()
        .flat_map(|option| {
            [
                mapped(option),
                explicit(option),
                implicit(option),
                nothing_to_map(option),
            ]
        })
        .collect();
    cases.push(below());
    cases.extend(REFUSED.iter().map(refused));
    cases
}

/// The source's 2000:3000 shows as 0:0, by an id-mapped mount.
fn mapped(option: &'static str) -> Case {
    let of = |what: &str| format!("config.mounts.options.{option}.{what}");
    let (supported, passed) = (supported(option), of("not-passed-to-mount2"));
    let (applied, by) = (of("mapping-applied"), of("via-mount-setattr"));
    let mounts = |what: &str| format!("config.mounts.{what}");
    let [uids, gids] = [
        mounts("uid-mappings.semantics"),
        mounts("gid-mappings.semantics"),
    ];
    let attributes = [
        by,
        mounts("uid-mappings.mount-setattr"),
        mounts("gid-mappings.mount-setattr"),
    ];
    let mut covers = vec![
        applied.clone(),
        supported.clone(),
        passed.clone(),
        uids.clone(),
        gids.clone(),
    ];
    covers.extend(attributes.clone());
    let (accepts, user, group) = (
        [supported, passed],
        [applied.clone(), uids],
        [applied, gids],
    );
    let saboteurs = [
        lies("create", How::Refuse).on(accepts.clone()),
        alters(format!("/mounts/{OURS}/uidMappings"), one(2000, 7)).on(user.clone()),
        alters(format!("/mounts/{OURS}/gidMappings"), one(3000, 7)).on(group.clone()),
        alters(format!("/mounts/{OURS}"), without_mappings("rw"))
            .and(wraps("change the source's owner", |call, next| {
                if let ("create", Some(bundle)) = (call.operation(), call.bundle()) {
                    owner(&bundle.join("data/file"), 0, 0)?;
                }
                next(call)
            }))
            .on(attributes.clone()),
    ];
    Case::new(format!("config/mounts/option_{option}"), covers)
        .needs([Need::Root, Need::IdMappedMounts])
        .bundle(move |b| {
            b.file("data/file", 0o644, "x")
                .file("data/roots", 0o644, "x")
                .dir("data/open", 0o777)
                .push("/mounts", entry(option, &one(2000, 0), &one(3000, 0)))
        })
        .run(move |t| {
            t.give(&t.bundle().join("data/file"), 2000, 3000)?;
            t.give(&t.bundle().join("data/open"), 2000, 3000)?;
            t.on(&accepts[..]).must(t.create())?;
            t.start()?;
            let agent = t.started()?;
            let seen = agent.get(|p| p.stat("/mnt/file"))?;
            t.on(&user[..]).eq("the mapped file's user", seen.uid, 0)?;
            t.on(&group[..])
                .eq("the mapped file's group", seen.gid, 0)?;
            let by = t.on(&attributes[..]);
            by.has("options of /mnt", agent.mount("/mnt")?.options, "idmapped")?;
            by.eq(
                "the source's owner",
                owner_of(&t.bundle().join("data/file"))?,
                (2000, 3000),
            )?;
            let other = agent.get(|p| p.stat("/mnt/roots"))?;
            t.on(&user[..])
                .eq("the user of a file without a mapping", other.uid, UNMAPPED)?;
            t.on(&group[..]).eq("its group", other.gid, UNMAPPED)?;
            agent.get(|p| p.create("/mnt/open/new"))?;
            let made = owner_of(&t.bundle().join("data/open/new"))?;
            t.on(&user[..])
                .eq("the user of what is made inside", made.0, 2000)?;
            t.on(&group[..]).eq("its group", made.1, 3000)
        })
        .saboteurs(saboteurs)
}

fn owner(file: &std::path::Path, uid: u32, gid: u32) -> Check {
    chown(file, Some(uid), Some(gid)).map_err(|error| Stop::broken("change an owner", error))
}

fn owner_of(file: &std::path::Path) -> Check<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let seen = std::fs::metadata(file).map_err(|error| Stop::broken("look at an owner", error))?;
    Ok((seen.uid(), seen.gid()))
}

/// That the option is there at all: a runtime that refuses it fails in no more than a SHOULD.
fn supported(option: &str) -> String {
    format!("config.mounts.options.{option}.supported")
}

/// In a container with a user namespace, the mount's own mappings count.
fn explicit(option: &'static str) -> Case {
    Case::new(
        format!("config/mounts/{option}_with_mappings_of_its_own"),
        [
            format!("config.mounts.options.{option}.explicit-mappings-used"),
            supported(option),
        ],
    )
    .needs([Need::Root, Need::Namespace("user"), Need::IdMappedMounts])
    .bundle(move |b| {
        user_namespace(b)
            .file("data/file", 0o644, "x")
            .push("/mounts", entry(option, &one(0, 100_005), &one(0, 100_006)))
    })
    .run(|t| {
        t.on(supported(option)).must(t.create())?;
        t.start()?;
        let seen = t.started()?.get(|p| p.stat("/mnt/file"))?;
        t.eq("owner and group", (seen.uid, seen.gid), (5, 6))
    })
    .saboteurs([
        lies("create", How::Refuse).on(supported(option)),
        alters(
            format!("/mounts/{OURS}"),
            entry(option, &one(0, 100_000), &one(0, 100_000)),
        ),
        alters(format!("/mounts/{OURS}"), without_mappings("rw")),
    ])
}

/// A bundle whose container's root is the host's 100000.
pub(in crate::cases) fn user_namespace(
    bundle: plimsoll_fixtures::bundle::Bundle,
) -> plimsoll_fixtures::bundle::Bundle {
    let range = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    // The container's root may make no mount points in the image, which is the host root's.
    ["proc", "dev", "sys", "mnt"]
        .iter()
        .fold(bundle, |b, dir| b.dir(&format!("rootfs/{dir}"), 0o755))
        .namespace("user", None)
        .set("/linux/uidMappings", range.clone())
        .set("/linux/gidMappings", range)
}

/// Without mappings of its own, the container's are taken or it is an error.
fn implicit(option: &'static str) -> Case {
    Case::new(
        format!("config/mounts/{option}_with_the_containers_mappings"),
        [
            format!("config.mounts.options.{option}.implicit-unsupported-errors"),
            format!("config.mounts.options.{option}.implicit-userns-mapping"),
        ],
    )
    .needs([Need::Root, Need::Namespace("user"), Need::IdMappedMounts])
    .bundle(move |b| {
        user_namespace(b)
            .file("data/file", 0o644, "x")
            .push("/mounts", without_mappings(option))
    })
    .run(|t| {
        let outcome = t.try_create()?;
        if !outcome.ok() {
            return t.on_all().errors(&outcome);
        }
        t.start()?;
        let seen = t.started()?.get(|p| p.stat("/mnt/file"))?;
        t.on_all()
            .eq("owner and group", (seen.uid, seen.gid), (0, 0))
    })
    .saboteurs([drops(format!("/mounts/{OURS}/options/1")).on([
        format!("config.mounts.options.{option}.implicit-unsupported-errors"),
        format!("config.mounts.options.{option}.implicit-userns-mapping"),
    ])])
}

fn nothing_to_map(option: &'static str) -> Case {
    Case::new(
        format!("config/mounts/{option}_without_any_mapping_is_refused"),
        format!("config.mounts.options.{option}.no-mapping-no-userns-errors"),
    )
    .bundle(move |b| {
        b.dir("data", 0o755)
            .push("/mounts", without_mappings(option))
    })
    .run(Assert::refused)
    .saboteurs([drops(format!("/mounts/{OURS}/options/1"))])
}

/// A mount below the source is mapped, too; with `idmap` it is not.
fn below() -> Case {
    Case::new(
        "config/mounts/ridmap_holds_for_mounts_below",
        [
            "config.mounts.options.ridmap.recursive".to_owned(),
            supported("ridmap"),
        ],
    )
    // A tmpfs takes mapped ids from Linux 6.3 on.
    .needs([Need::Root, Need::IdMappedMounts, Need::Kernel(6, 3)])
    .bundle(|b| {
        let entry = json!({
            "destination": "/mnt", "type": "none", "source": "{dir}/source", "options": ["rbind", "ridmap"],
            "uidMappings": one(0, 1000), "gidMappings": one(0, 1000),
        });
        b.push("/mounts", entry)
    })
    .run(|t| {
        let host = t.own_mounts()?;
        host.tmpfs("source", MsFlags::empty())?;
        host.tmpfs("source/below", MsFlags::empty())?;
        t.on(supported("ridmap")).must(t.create())?;
        t.start()?;
        let agent = t.started()?;
        for point in ["/mnt", "/mnt/below"] {
            let seen = t.must(agent.mount(point))?;
            t.has(&format!("options of {point}"), seen.options, "idmapped")?;
        }
        Ok(())
    })
    .saboteurs([
        alters(format!("/mounts/{OURS}/options/1"), "idmap"),
        lies("create", How::Refuse).on(supported("ridmap")),
    ])
}

/// What is wrong, the requirement, the member that is wrong, and its value (null: it is missing).
type Row = (&'static str, &'static str, &'static str, fn() -> Value);

#[rustfmt::skip] // One row a line.
const REFUSED: &[Row] = &[
    ("no_gid_mappings", "uid-mappings.requires-gid-mappings", "gidMappings", || Value::Null),
    ("no_uid_mappings", "gid-mappings.requires-uid-mappings", "uidMappings", || Value::Null),
    ("mapping_without_size", "id-mappings.format", "uidMappings", || json!([{"containerID": 0, "hostID": 1}])),
    ("negative_mapping", "id-mappings.format", "uidMappings", || json!([{"containerID": -1, "hostID": 1, "size": 1}])),
];

fn refused(&(fact, requirement, member, value): &Row) -> Case {
    let pointer = format!("/mounts/{OURS}/{member}");
    Case::new(
        format!("config/mounts/idmap_with_{fact}_is_refused"),
        format!("config.mounts.{requirement}"),
    )
    .needs([Need::Root, Need::IdMappedMounts])
    .bundle(move |b| {
        let b = b
            .dir("data", 0o755)
            .push("/mounts", entry("idmap", &one(0, 1), &one(0, 1)));
        let pointer = format!("/mounts/{OURS}/{member}");
        match value() {
            Value::Null => b.remove(&pointer),
            value => b.set(&pointer, value),
        }
    })
    .run(Assert::refused)
    .saboteurs([alters(pointer, one(0, 1))])
}
