//! The user that an image's config names: `user`, `uid`, `user:group`, `uid:gid` and mixtures.

use std::path::Path;

use super::Error;
use super::rootfs::Rootfs;

/// The uid and gid of `name`; names are looked up in the root file system's own passwd(5) and group(5).
pub(super) fn resolve(name: &str, rootfs: &Rootfs) -> Result<Option<(u32, u32)>, Error> {
    if name.is_empty() {
        return Ok(None);
    }
    let table = |file: &str| -> Result<String, Error> {
        Ok(rootfs.read(Path::new(file))?.unwrap_or_default())
    };
    let found = find(name, &table("etc/passwd")?, &table("etc/group")?);
    found.map(Some).ok_or_else(|| Error::User(name.to_owned()))
}

fn find(name: &str, passwd: &str, group: &str) -> Option<(u32, u32)> {
    let (user, named_group) = match name.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (name, None),
    };
    let (uid, own_group) = match (user.parse().ok(), line(passwd, user)) {
        (Some(uid), entry) => (uid, entry.and_then(|fields| fields.get(3)?.parse().ok())),
        (None, entry) => {
            let fields = entry?;
            (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok())
        }
    };
    let gid = match named_group {
        None => own_group.unwrap_or(0),
        Some(group_name) => match group_name.parse() {
            Ok(gid) => gid,
            Err(_) => line(group, group_name)?.get(2)?.parse().ok()?,
        },
    };
    Some((uid, gid))
}

/// The fields of the entry whose name, or number, is `key`.
fn line<'a>(table: &'a str, key: &str) -> Option<Vec<&'a str>> {
    let field = if key.bytes().all(|byte| byte.is_ascii_digit()) {
        2
    } else {
        0
    };
    table
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(field) == Some(&key))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn users_are_numbers_or_names() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/:/bin/false\n";
        let group = "root:x:0:\nwww:x:33:web\n";
        for (name, expected) in [
            ("7", Some((7, 0))),
            ("7:8", Some((7, 8))),
            ("101", Some((101, 102))),
            ("web", Some((101, 102))),
            ("web:www", Some((101, 33))),
            ("9:www", Some((9, 33))),
            ("nobody", None),
            ("web:none", None),
        ] {
            assert_eq!(find(name, passwd, group), expected, "{name}");
        }
    }
}
