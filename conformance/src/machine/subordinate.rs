//! The ids that an ordinary user may map besides his own (subuid(5), subgid(5)).

use serde::{Deserialize, Serialize};

/// A range of ids of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The first.
    pub first: u32,
    /// How many there are.
    pub count: u32,
}

/// The first range that `table` (/etc/subuid, /etc/subgid) gives a user, by his id or his name in
/// `passwd`.
pub(super) fn range(table: &str, passwd: &str, uid: u32) -> Option<IdRange> {
    let id = uid.to_string();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then_some(name)
    });
    table.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let user = fields.next()?;
        let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (user == id || Some(user) == name).then_some(IdRange { first, count })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_listed_by_name_or_id() {
        let passwd = "root:x:0:0::/root:/bin/sh\ntester:x:1000:1000::/home:/bin/sh\n";
        let found = Some(IdRange {
            first: 100_000,
            count: 65_536,
        });
        assert_eq!(range("tester:100000:65536\n", passwd, 1000), found);
        assert_eq!(range("a:1:2\n1000:100000:65536\n", passwd, 1000), found);
        assert_eq!(range("tester:100000:65536\n", passwd, 0), None);
        assert_eq!(range("tester:x:65536\n", passwd, 1000), None);
    }
}
