//! The v1 device list: brings the kernel's list to what a plan wants.
//! Documentation/admin-guide/cgroup-v1/devices.rst

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::plan::cgroup::{Access, DeviceKind, DeviceList, DevicePattern};
use crate::read;

const ALLOW: &str = "devices.allow";
const DENY: &str = "devices.deny";

/// Changes only what differs, so that a running container never loses what it keeps.
pub(super) fn apply(dir: &Path, wanted: &DeviceList, origin: &Origin) -> Result<(), StepError> {
    let path = dir.join("devices.list");
    let text = read::small_text(&path).step(origin, || format!("read {}", path.display()))?;
    // Each of the two files is opened once, when it is first needed: the usual rules are a dozen.
    let (mut allow, mut deny) = (None, None);
    let mut put = |file: &str, value: &str| {
        let path = dir.join(file);
        let open = if file == DENY { &mut deny } else { &mut allow };
        write_again(open, &path, value)
            .step(origin, || format!("write {value:?} to {}", path.display()))
    };
    let current = parse(&text);
    if wanted.allow {
        // What is denied does not show in the list, so it has to be forgotten first.
        put(ALLOW, "a")?;
        return wanted
            .exceptions
            .iter()
            .try_for_each(|(pattern, access)| put(DENY, &format!("{pattern} {access}")));
    }
    if current.is_none() {
        put(DENY, "a")?;
    }
    let current = current.unwrap_or_default();
    for (pattern, access) in &wanted.exceptions {
        let missing = access.without(current.get(pattern).copied().unwrap_or_default());
        if !missing.is_empty() {
            put(ALLOW, &format!("{pattern} {missing}"))?;
        }
    }
    for (pattern, access) in &current {
        let extra = access.without(wanted.exceptions.get(pattern).copied().unwrap_or_default());
        if !extra.is_empty() {
            put(DENY, &format!("{pattern} {extra}"))?;
        }
    }
    Ok(())
}

/// Writes one rule, into the file if it is open already.
fn write_again(open: &mut Option<File>, path: &Path, value: &str) -> io::Result<()> {
    let mut file = match open.take() {
        Some(file) => file,
        None => OpenOptions::new().write(true).open(path)?,
    };
    file.write_all(value.as_bytes())?;
    *open = Some(file);
    Ok(())
}

/// What is allowed; none where everything is, or everything but something that does not show.
fn parse(text: &str) -> Option<BTreeMap<DevicePattern, Access>> {
    let mut list = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split([' ', ':']);
        let kind = match words.next()? {
            "a" => return None,
            "b" => DeviceKind::Block,
            _ => DeviceKind::Char,
        };
        let (major, minor) = (words.next()?.parse().ok(), words.next()?.parse().ok());
        list.insert(
            DevicePattern { kind, major, minor },
            Access::parse(words.next()?)?,
        );
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read_back() {
        assert_eq!(parse("a *:* rwm\n"), None);
        let list = parse("c 136:* rwm\nb *:* m\n").expect("a list");
        let pts = DevicePattern {
            kind: DeviceKind::Char,
            major: Some(136),
            minor: None,
        };
        assert_eq!((list.len(), list[&pts]), (2, Access::ALL));
        assert_eq!(parse(""), Some(BTreeMap::new()));
    }
}
