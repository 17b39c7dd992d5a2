//! config.md#mounts

use oci_spec::runtime::Mount;

use super::Checked;
use super::rules::{mappings, require};
use crate::spec::pointer::{Problem, child};

/// Destinations are there, bind mounts have a source, mappings come in pairs.
pub(super) fn check(mounts: &[Mount]) -> Checked {
    for (index, mount) in mounts.iter().enumerate() {
        one(mount, &child("/mounts", index))?;
    }
    Ok(())
}

fn one(mount: &Mount, here: &str) -> Checked {
    let empty = mount.destination().as_os_str().is_empty();
    require(!empty, child(here, "destination"), "must not be empty")?;
    let options = mount.options().as_deref().unwrap_or_default();
    let bind = options
        .iter()
        .any(|option| option == "bind" || option == "rbind");
    let remount = options.iter().any(|option| option == "remount");
    let source = mount
        .source()
        .as_ref()
        .is_some_and(|source| !source.as_os_str().is_empty());
    require(
        !bind || remount || source,
        child(here, "source"),
        "a bind mount needs a source",
    )?;
    match (mount.uid_mappings(), mount.gid_mappings()) {
        (None, None) => Ok(()),
        (Some(uids), Some(gids)) => {
            let (uid_pointer, gid_pointer) =
                (child(here, "uidMappings"), child(here, "gidMappings"));
            require(!uids.is_empty(), uid_pointer.as_str(), "must not be empty")?;
            require(!gids.is_empty(), gid_pointer.as_str(), "must not be empty")?;
            mappings(uids, &uid_pointer)?;
            mappings(gids, &gid_pointer)
        }
        (Some(_), None) => Err(Problem::at(
            child(here, "gidMappings"),
            "must go with uidMappings",
        )),
        (None, Some(_)) => Err(Problem::at(
            child(here, "uidMappings"),
            "must go with gidMappings",
        )),
    }
}
