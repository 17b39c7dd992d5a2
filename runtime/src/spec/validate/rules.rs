//! Rules that several chapters share.

use std::path::Path;

use oci_spec::runtime::LinuxIdMapping;

use super::Checked;
use crate::spec::pointer::{Problem, child};
use crate::spec::ranges;

/// An error at the pointer unless the condition holds.
pub(super) fn require(
    holds: bool,
    pointer: impl Into<String>,
    message: impl Into<String>,
) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Problem::at(pointer, message))
    }
}

/// A path that must be absolute.
pub(super) fn absolute(path: &Path, pointer: &str) -> Checked {
    if path.is_absolute() {
        return Ok(());
    }
    Err(Problem::at(
        pointer,
        format!("{:?} must be an absolute path", path.display().to_string()),
    ))
}

/// Every path of a list must be absolute.
pub(super) fn all_absolute(paths: Option<&Vec<String>>, pointer: &str) -> Checked {
    for (index, path) in paths.into_iter().flatten().enumerate() {
        absolute(Path::new(path), &child(pointer, index))?;
    }
    Ok(())
}

/// A list of numbers and ranges such as `0-3,7`; empty is allowed.
pub(super) fn range_list(list: &str, pointer: &str) -> Checked {
    require(
        ranges::is_list(list),
        pointer,
        format!("{list:?} is no list of numbers and ranges such as 0-3,7"),
    )
}

/// The first id of a mapping, on one side.
type First = fn(&LinuxIdMapping) -> u32;

/// Mappings of ids: none of size 0, none beyond 32 bits, none overlapping on either side
/// (user_namespaces(7)).
pub(super) fn mappings(mappings: &[LinuxIdMapping], pointer: &str) -> Checked {
    for (index, mapping) in mappings.iter().enumerate() {
        let here = child(pointer, index);
        require(
            mapping.size() > 0,
            child(&here, "size"),
            "must be greater than 0",
        )?;
        let sides: [(&str, First); 2] = [
            ("containerID", LinuxIdMapping::container_id),
            ("hostID", LinuxIdMapping::host_id),
        ];
        for (side, first) in sides {
            let end =
                |mapping: &LinuxIdMapping| u64::from(first(mapping)) + u64::from(mapping.size());
            // (uid_t) -1 is no id: chown(2) and setresuid(2) give it a meaning of its own.
            require(
                u32::try_from(end(mapping)).is_ok(),
                child(&here, side),
                "the range goes beyond the largest id, 4294967294",
            )?;
            let overlaps = mappings[..index].iter().any(|other| {
                u64::from(first(mapping)) < end(other) && u64::from(first(other)) < end(mapping)
            });
            require(
                !overlaps,
                child(&here, side),
                "the range overlaps an earlier one",
            )?;
        }
    }
    Ok(())
}
