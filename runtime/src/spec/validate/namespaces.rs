//! config-linux.md#namespaces, and what needs one: mappings, offsets, names.

use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Spec};

use super::Checked;
use super::rules::{absolute, mappings, require};
use crate::spec::pointer::{Problem, child};

/// Longest host or domain name: __NEW_UTS_LEN, linux/utsname.h.
const LONGEST_NAME: usize = 64;

/// Checks the namespaces and what depends on them.
pub(super) fn check(spec: &Spec) -> Checked {
    let list = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.namespaces().as_deref())
        .unwrap_or_default();
    for (index, namespace) in list.iter().enumerate() {
        let here = child("/linux/namespaces", index);
        let twice = list[..index]
            .iter()
            .any(|other| other.typ() == namespace.typ());
        require(
            !twice,
            child(&here, "type"),
            "a namespace of this type is given twice",
        )?;
        if let Some(path) = namespace.path() {
            absolute(path, &child(&here, "path"))?;
        }
    }
    names(spec)?;
    user(spec, list)?;
    time(spec, list)?;
    needs_mount_namespace(spec, list)
}

fn find(list: &[LinuxNamespace], kind: LinuxNamespaceType) -> Option<&LinuxNamespace> {
    list.iter().find(|namespace| namespace.typ() == kind)
}

/// Host and domain name. Whether there is a UTS namespace to hold them is for the plan to say: the
/// specification's samples for other platforms have a name without one.
fn names(spec: &Spec) -> Checked {
    for (pointer, name) in [
        ("/hostname", spec.hostname()),
        ("/domainname", spec.domainname()),
    ] {
        let fits = name.as_ref().is_none_or(|name| name.len() <= LONGEST_NAME);
        require(fits, pointer, "must not be longer than 64 bytes")?;
    }
    Ok(())
}

fn user(spec: &Spec, list: &[LinuxNamespace]) -> Checked {
    let Some(linux) = spec.linux() else {
        return Ok(());
    };
    let namespace = find(list, LinuxNamespaceType::User);
    let sides = [
        ("/linux/uidMappings", linux.uid_mappings()),
        ("/linux/gidMappings", linux.gid_mappings()),
    ];
    for (pointer, side) in sides {
        let side = side.as_deref().unwrap_or_default();
        mappings(side, pointer)?;
        match namespace {
            None if !side.is_empty() => {
                return Err(Problem::at(pointer, "needs a namespace of type user"));
            }
            Some(namespace) if namespace.path().is_none() && side.is_empty() => {
                return Err(Problem::at(pointer, "a new user namespace needs mappings"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn time(spec: &Spec, list: &[LinuxNamespace]) -> Checked {
    let offsets = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.time_offsets().as_ref());
    let Some(offsets) = offsets.filter(|offsets| !offsets.is_empty()) else {
        return Ok(());
    };
    let fresh = find(list, LinuxNamespaceType::Time).is_some_and(|it| it.path().is_none());
    require(
        fresh,
        "/linux/timeOffsets",
        "needs a new namespace of type time",
    )?;
    for (clock, offset) in offsets {
        let here = child("/linux/timeOffsets", clock);
        require(
            matches!(clock.as_str(), "monotonic" | "boottime"),
            here.as_str(),
            "unknown clock: a time namespace shifts monotonic and boottime",
        )?;
        require(
            offset.nanosecs().unwrap_or(0) < 1_000_000_000,
            child(&here, "nanosecs"),
            "must be less than 1000000000",
        )?;
    }
    Ok(())
}

/// Mounts without a mount namespace would be the machine's.
fn needs_mount_namespace(spec: &Spec, list: &[LinuxNamespace]) -> Checked {
    if find(list, LinuxNamespaceType::Mount).is_some() {
        return Ok(());
    }
    let Some(linux) = spec.linux() else {
        return Ok(());
    };
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let message = "needs a namespace of type mount: the machine's own mounts would change";
    require(!some(linux.masked_paths()), "/linux/maskedPaths", message)?;
    require(
        !some(linux.readonly_paths()),
        "/linux/readonlyPaths",
        message,
    )
}
