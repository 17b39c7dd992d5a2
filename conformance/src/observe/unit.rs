//! Units of systemd, as its own tools show them.

use std::collections::BTreeMap;

use super::host::host;
use crate::drive::Deadline;
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

/// How often a unit is looked at before one that is active counts as staying.
const LOOKS: usize = 20;

/// Waits until the manager has forgotten a unit, which it does in its own time, and gives the unit's
/// LoadState: `not-found` then. `look` asks for a property.
pub fn last_load_state(look: impl Fn(&str) -> Check<String>, deadline: Deadline) -> Check<String> {
    let mut looks = 0;
    loop {
        let seen = look("LoadState")?;
        looks += 1;
        let stays = looks > LOOKS && look("ActiveState")? == "active";
        if seen == "not-found" || stays || deadline.left().is_zero() {
            return Ok(seen);
        }
    }
}
