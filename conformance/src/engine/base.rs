//! The bundle that all cases start from: the minimal one, as the user that runs the runner and the
//! cgroup driver of the runtime want it.

use plimsoll_fixtures::bundle::Bundle;
use serde_json::{Value, json};

use crate::drive::Runtime;
use crate::machine::{Facts, IdRange};

/// The bundle for a runtime on a machine.
pub(super) fn base(facts: &Facts, runtime: &Runtime) -> Bundle {
    let bundle = Bundle::minimal();
    let bundle = if runtime.systemd_driver() {
        // The slices that an empty name means, which crun 1.8 does not know.
        let slice = if facts.is_root() { "system" } else { "user" };
        bundle.set(
            "/linux/cgroupsPath",
            format!("{slice}.slice:plimsoll:{{id}}"),
        )
    } else if facts.is_root() && facts.cgroups.writable {
        bundle.set("/linux/cgroupsPath", "/{id}")
    } else {
        // Where something is delegated to an ordinary user is for the runtime to find.
        bundle
    };
    // A runtime that is called by user 0 takes its own right to limits for granted.
    let limits = facts.is_root() && facts.cgroups.writable;
    let bundle = if limits || facts.uid != 0 || !facts.initial_userns {
        bundle
    } else {
        bundle.remove("/linux/resources")
    };
    if facts.is_root() {
        bundle
    } else {
        rootless(bundle, facts)
    }
}

/// With a user namespace, in which the user is root; with subordinate ids behind him if he has any.
fn rootless(bundle: Bundle, facts: &Facts) -> Bundle {
    let bundle = bundle
        .namespace("user", None)
        .set("/linux/uidMappings", mappings(facts.uid, facts.subuids))
        .set("/linux/gidMappings", mappings(facts.gid, facts.subgids));
    if facts.subgids.is_some() {
        return bundle;
    }
    // The group of terminals is not mapped.
    let mounts = bundle.spec()["mounts"].clone();
    bundle.set("/mounts", without_terminals_group(mounts))
}

fn mappings(own: u32, subordinate: Option<IdRange>) -> Value {
    let mut mappings = vec![json!({"containerID": 0, "hostID": own, "size": 1})];
    mappings.extend(
        subordinate
            .map(|range| json!({"containerID": 1, "hostID": range.first, "size": range.count})),
    );
    mappings.into()
}

fn without_terminals_group(mut mounts: Value) -> Value {
    let options = mounts
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(|mount| mount["options"].as_array_mut());
    options.for_each(|options| options.retain(|option| option != "gid=5"));
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(options: &[&str]) -> Runtime {
        let argv = ["/bin/sh"].iter().chain(options);
        Runtime::new("any", argv.map(|&word| word.to_owned()).collect()).unwrap()
    }

    fn root() -> Facts {
        let mut facts = Facts {
            initial_userns: true,
            capabilities: vec!["CAP_SYS_ADMIN".into()],
            ..Facts::default()
        };
        facts.cgroups.writable = true;
        facts
    }

    #[test]
    fn nothing_is_limited_where_cgroups_cannot_be_made() {
        let mut facts = root();
        assert!(base(&facts, &runtime(&[])).spec()["linux"]["resources"].is_object());
        facts.cgroups.writable = false;
        let linux = base(&facts, &runtime(&[])).spec()["linux"].clone();
        assert_eq!(
            (&linux["cgroupsPath"], &linux["resources"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn user_0_without_rights_gets_a_user_namespace() {
        let facts = Facts {
            capabilities: Vec::new(),
            ..root()
        };
        let linux = base(&facts, &runtime(&[])).spec()["linux"].clone();
        assert_eq!(linux["uidMappings"], mappings(0, None));
        assert_eq!(linux["resources"], Value::Null);
    }

    #[test]
    fn the_cgroup_is_named_in_the_drivers_own_way() {
        let path = |facts: &Facts, options: &[&str]| {
            base(facts, &runtime(options)).spec()["linux"]["cgroupsPath"].clone()
        };
        assert_eq!(path(&root(), &[]), "/{id}");
        let systemd = &["--systemd-cgroup"];
        assert_eq!(path(&root(), systemd), "system.slice:plimsoll:{id}");
        let user = Facts {
            uid: 1000,
            ..root()
        };
        assert_eq!(path(&user, &[]), Value::Null);
        assert_eq!(path(&user, systemd), "user.slice:plimsoll:{id}");
    }

    #[test]
    fn an_ordinary_user_is_root_of_a_user_namespace() {
        let mut facts = Facts {
            uid: 1000,
            gid: 1001,
            ..root()
        };
        let alone = base(&facts, &runtime(&[]));
        assert_eq!(alone.spec()["linux"]["uidMappings"], mappings(1000, None));
        assert!(!alone.spec()["mounts"].to_string().contains("gid=5"));
        let range = IdRange {
            first: 100_000,
            count: 65_536,
        };
        (facts.subuids, facts.subgids) = (Some(range), Some(range));
        let helped = base(&facts, &runtime(&[]));
        let mapped = &helped.spec()["linux"]["gidMappings"];
        assert_eq!(mapped[0]["hostID"], 1001);
        assert_eq!(mapped[1]["hostID"], 100_000);
        assert!(helped.spec()["mounts"].to_string().contains("gid=5"));
    }
}
