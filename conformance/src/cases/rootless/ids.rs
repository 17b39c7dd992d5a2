//! config-linux.md#user-namespace-mappings for an ordinary user: his own ids, and those that
//! newuidmap(1) and newgidmap(1) map for him.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::cases::prelude::*;
use crate::observe::facts;
use crate::verdict::Stop;

const UID_MAP: &str = "config-linux.idmap.uid-map";
const GID_MAP: &str = "config-linux.idmap.gid-map";

pub(super) fn cases() -> Vec<Case> {
    vec![own(), subordinate()]
}

/// Maps an own id of the runner, of a `uid` or a `gid`, to this one inside, and takes that one.
fn own_as(config: &mut Value, kind: &str, inside: u32) {
    let id = if kind == "uid" {
        facts().uid
    } else {
        facts().gid
    };
    config["linux"][format!("{kind}Mappings")] =
        json!([{"containerID": inside, "hostID": id, "size": 1}]);
    config["process"]["user"][kind] = inside.into();
}

/// A map in the kernel's columns.
fn columns(lines: Option<&Vec<String>>) -> Vec<Vec<&str>> {
    lines
        .into_iter()
        .flatten()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

/// The kernel lets everyone map his own ids: no other program is needed for that.
fn own() -> Case {
    Case::new("rootless/ids/own_without_helpers", [UID_MAP, GID_MAP])
        .needs([Need::OrdinaryUser])
        .bundle(|b| {
            b.changed(|spec| {
                own_as(spec, "uid", 0);
                own_as(spec, "gid", 0);
                // The group of terminals is not mapped.
                for mount in spec["mounts"].as_array_mut().into_iter().flatten() {
                    if let Some(options) = mount["options"].as_array_mut() {
                        options.retain(|option| option != "gid=5");
                    }
                }
            })
        })
        .run(|t| {
            let mut call = t.create_call();
            call.env.push(("PATH".into(), "/nonexistent".into()));
            let agent = t.on_all().must(t.agent_by(call))?;
            for (requirement, map, id) in [
                (UID_MAP, &agent.report.uid_map, facts().uid),
                (GID_MAP, &agent.report.gid_map, facts().gid),
            ] {
                let expected = [["0".to_owned(), id.to_string(), "1".to_owned()]];
                t.on(requirement)
                    .eq("the map", columns(map.value()), expected)?;
            }
            Ok(())
        })
        .saboteurs([
            edits("map the user as 5", |config| own_as(config, "uid", 5)).on(UID_MAP),
            edits("map the group as 5", |config| own_as(config, "gid", 5)).on(GID_MAP),
            lies("create", How::Refuse).on([UID_MAP, GID_MAP]),
        ])
}

/// With subordinate ids a file that another user of the container makes is theirs on the host.
fn subordinate() -> Case {
    Case::new("rootless/ids/subordinate_are_mapped", [UID_MAP, GID_MAP])
        .needs([Need::OrdinaryUser, Need::SubordinateIds])
        .bundle(|b| {
            b.dir("rootfs/open", 0o777)
                .set("/process/user", json!({"uid": 3, "gid": 4}))
        })
        .run(|t| {
            let agent = t.on_all().must(t.agent())?;
            agent.get(|p| p.create("/open/file"))?;
            let file = t.rootfs("/open/file");
            let about = fs::metadata(&file)
                .map_err(|error| Stop::broken(format!("stat {}", file.display()), error))?;
            // 1 is the first of the range in the bundle of an ordinary user.
            let first = |range: Option<crate::machine::IdRange>| range.map(|range| range.first);
            let (uids, gids) = (first(facts().subuids), first(facts().subgids));
            t.on(UID_MAP)
                .eq("the file's owner", Some(about.uid()), uids.map(|id| id + 2))?;
            t.on(GID_MAP)
                .eq("the file's group", Some(about.gid()), gids.map(|id| id + 3))
        })
        .saboteurs([
            edits("take the next user", |config| {
                config["process"]["user"]["uid"] = 4.into();
            })
            .on(UID_MAP),
            edits("take the next group", |config| {
                config["process"]["user"]["gid"] = 5.into();
            })
            .on(GID_MAP),
        ])
}
