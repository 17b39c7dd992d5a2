//! config-linux.md#user-namespace-mappings.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::cases::config::user_namespace;
use crate::cases::prelude::*;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![
        map("uid", |report| report.uid_map.value().cloned()),
        map("gid", |report| report.gid_map.value().cloned()),
        many(),
        missing_member(),
        Case::new(
            "linux/idmap/user_namespace_without_mappings_is_refused",
            "config-linux.idmap.userns-without-mappings",
        )
        .needs([Need::Root, Need::Namespace("user")])
        .bundle(|b| {
            user_namespace(b)
                .remove("/linux/uidMappings")
                .remove("/linux/gidMappings")
        })
        .run(Assert::refused)
        .saboteurs([edits("map as is usual", |config| {
            config["linux"]["uidMappings"] = range(0, 100_000, 65536);
            config["linux"]["gidMappings"] = range(0, 100_000, 65536);
        })]),
        owners_stay(),
        no_power(),
    ]
}

fn range(inside: u32, outside: u32, size: u32) -> Value {
    json!([{"containerID": inside, "hostID": outside, "size": size}])
}

/// Several ranges, in the kernel's columns.
fn map(
    kind: &'static str,
    seen: fn(&plimsoll_fixtures::probe::Report) -> Option<Vec<String>>,
) -> Case {
    const RANGES: [(u32, u32, u32); 3] =
        [(0, 100_000, 1000), (2000, 300_000, 10), (5000, 400_000, 1)];
    let pointer = format!("/linux/{kind}Mappings");
    let changed = pointer.clone();
    Case::new(
        format!("linux/idmap/{kind}_map"),
        format!("config-linux.idmap.{kind}-map"),
    )
    .needs([Need::Root, Need::Namespace("user")])
    .bundle(move |b| {
        let entries: Vec<Value> = RANGES
            .iter()
            .map(|&(inside, outside, size)| json!({"containerID": inside, "hostID": outside, "size": size}))
            .collect();
        user_namespace(b).set(&pointer, entries)
    })
    .run(move |t| {
        let lines = seen(&t.agent()?.report).unwrap_or_default();
        let read: Vec<Vec<u32>> = lines
            .iter()
            .map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect())
            .collect();
        let expected: Vec<Vec<u32>> = RANGES
            .iter()
            .map(|&(inside, outside, size)| vec![inside, outside, size])
            .collect();
        t.eq(&format!("/proc/self/{kind}_map"), read, expected)
    })
    .saboteurs([
        drops(format!("{changed}/2")),
        alters(format!("{changed}/1/hostID"), 300_001),
    ])
}

/// As many entries as the kernel takes: 340, in less than a page (user_namespaces(7)).
fn many() -> Case {
    Case::new(
        "linux/idmap/as_many_as_the_kernel_takes",
        "config-linux.idmap.kernel-limit",
    )
    .needs([Need::Root, Need::Namespace("user")])
    .bundle(|b| {
        let entries: Vec<Value> = (0..340)
            .map(|n| json!({"containerID": n, "hostID": 1000 + n, "size": 1}))
            .collect();
        user_namespace(b).set("/linux/uidMappings", entries)
    })
    .run(|t| {
        let lines = t.judged_agent()?.report.uid_map.value().map_or(0, Vec::len);
        t.eq("lines of /proc/self/uid_map", lines, 340)
    })
    .saboteurs([drops("/linux/uidMappings/339")])
}

fn missing_member() -> Case {
    Case::new(
        "linux/idmap/mapping_without_size_is_refused",
        "config-linux.idmap.fields-required",
    )
    .needs([Need::Root, Need::Namespace("user")])
    .bundle(|b| user_namespace(b).remove("/linux/uidMappings/0/size"))
    .run(Assert::refused)
    .saboteurs([alters("/linux/uidMappings/0/size", 65536)])
}

/// The root file system's and a bind source's owners stay as they are.
fn owners_stay() -> Case {
    Case::new("linux/idmap/owners_stay", "config-linux.idmap.no-chown")
        .needs([Need::Root, Need::Namespace("user")])
        .bundle(|b| {
            user_namespace(b)
                .file("rootfs/etc/file", 0o644, "x")
                .file("data/file", 0o644, "x")
                .mount("/mnt", "none", "{bundle}/data", &["bind"])
        })
        .run(|t| {
            let look = || -> Check<Vec<(u32, u32)>> {
                [
                    "rootfs",
                    "rootfs/etc",
                    "rootfs/etc/file",
                    "data",
                    "data/file",
                ]
                .iter()
                .map(|path| {
                    let seen = fs::metadata(t.bundle().join(path))
                        .map_err(|error| Stop::broken("look at an owner", error))?;
                    Ok((seen.uid(), seen.gid()))
                })
                .collect()
            };
            let before = look()?;
            t.agent()?;
            t.eq("owners", look()?, before)
        })
        .saboteurs([wraps("change owners to fit the mapping", |call, next| {
            if let ("create", Some(bundle)) = (call.operation(), call.bundle()) {
                std::os::unix::fs::chown(
                    bundle.join("rootfs/etc/file"),
                    Some(100_000),
                    Some(100_000),
                )
                .map_err(|error| Stop::broken("change an owner", error))?;
            }
            next(call)
        })])
}

/// Root inside has no power over what is root's outside.
fn no_power() -> Case {
    Case::new(
        "linux/idmap/container_root_is_not_host_root",
        "config-linux.idmap.container-root-not-host-root",
    )
    .needs([Need::Root, Need::Namespace("user")])
    .bundle(|b| {
        user_namespace(b)
            .file("rootfs/mnt/file", 0o644, "")
            .file("file", 0o600, "x")
            .mount("/mnt/file", "none", "{bundle}/file", &["bind"])
    })
    .run(|t| {
        let written = t.agent()?.attempt(|p| p.write("/mnt/file", "y"))?;
        t.eq("writing to a file of the host's root", written, "EACCES")
    })
    .saboteurs([edits("make no user namespace", |config| {
        if let Some(list) = config["linux"]["namespaces"].as_array_mut() {
            list.retain(|entry| entry["type"] != "user");
        }
        for kind in ["uidMappings", "gidMappings"] {
            config["linux"][kind] = json!([]);
        }
    })])
}
