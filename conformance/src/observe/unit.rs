//! Units of systemd, as its own tools show them.

use std::collections::BTreeMap;

use super::host::host;
use crate::verdict::Check;

/// Properties of a unit by name, as `systemctl show` words their values. A property that the manager
/// does not know is left out.
pub fn unit_properties(unit: &str, names: &[&str]) -> Check<BTreeMap<String, String>> {
    let shown = host("systemctl", &["show", "--property", &names.join(","), unit])?;
    let pairs = shown.lines().filter_map(|line| line.split_once('='));
    Ok(pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// One property of a unit; empty where the manager does not know it.
pub fn unit_property(unit: &str, name: &str) -> Check<String> {
    Ok(unit_properties(unit, &[name])?
        .remove(name)
        .unwrap_or_default())
}
