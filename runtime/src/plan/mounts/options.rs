//! The table of mount options.
//! config.md#linux-mount-options

use nix::mount::MsFlags;

use crate::sys::mount::attr;

/// What an option means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// Sets a flag of mount(2); on a bind mount, the attribute of the same name.
    Set(MsFlags),
    /// Clears one.
    Clear(MsFlags),
    /// Sets (or, with `false`, clears) an attribute on the whole tree (mount_setattr(2)).
    Recursive(bool, u64),
    /// A propagation type.
    Propagate(MsFlags),
    /// A bind mount, recursive or not.
    Bind(bool),
    /// A remount of what is there.
    Remount,
    /// A tmpfs that begins with what lies beneath it.
    CopyUp,
    /// An id-mapped mount, recursive or not.
    Idmap(bool),
    /// Nothing.
    Nothing,
}

use Meaning::{Bind, Clear, CopyUp, Idmap, Nothing, Propagate, Recursive, Remount, Set};

/// Every option that this runtime itself understands; all others are the file system's.
pub const OPTIONS: &[(&str, Meaning)] = &[
    ("async", Clear(MsFlags::MS_SYNCHRONOUS)),
    ("atime", Clear(MsFlags::MS_NOATIME)),
    ("bind", Bind(false)),
    ("defaults", Nothing),
    ("dev", Clear(MsFlags::MS_NODEV)),
    ("diratime", Clear(MsFlags::MS_NODIRATIME)),
    ("dirsync", Set(MsFlags::MS_DIRSYNC)),
    ("exec", Clear(MsFlags::MS_NOEXEC)),
    ("idmap", Idmap(false)),
    ("iversion", Set(MsFlags::MS_I_VERSION)),
    ("lazytime", Set(MsFlags::MS_LAZYTIME)),
    ("loud", Clear(MsFlags::MS_SILENT)),
    ("mand", Set(MsFlags::MS_MANDLOCK)),
    ("noatime", Set(MsFlags::MS_NOATIME)),
    ("nodev", Set(MsFlags::MS_NODEV)),
    ("nodiratime", Set(MsFlags::MS_NODIRATIME)),
    ("noexec", Set(MsFlags::MS_NOEXEC)),
    ("noiversion", Clear(MsFlags::MS_I_VERSION)),
    ("nolazytime", Clear(MsFlags::MS_LAZYTIME)),
    ("nomand", Clear(MsFlags::MS_MANDLOCK)),
    ("norelatime", Clear(MsFlags::MS_RELATIME)),
    ("nostrictatime", Clear(MsFlags::MS_STRICTATIME)),
    ("nosuid", Set(MsFlags::MS_NOSUID)),
    ("nosymfollow", Set(NOSYMFOLLOW)),
    ("private", Propagate(MsFlags::MS_PRIVATE)),
    ("ratime", Recursive(false, attr::NOATIME)),
    ("rbind", Bind(true)),
    ("rdev", Recursive(false, attr::NODEV)),
    ("rdiratime", Recursive(false, attr::NODIRATIME)),
    ("relatime", Set(MsFlags::MS_RELATIME)),
    ("remount", Remount),
    ("rexec", Recursive(false, attr::NOEXEC)),
    ("ridmap", Idmap(true)),
    ("rnoatime", Recursive(true, attr::NOATIME)),
    ("rnodev", Recursive(true, attr::NODEV)),
    ("rnodiratime", Recursive(true, attr::NODIRATIME)),
    ("rnoexec", Recursive(true, attr::NOEXEC)),
    ("rnorelatime", Recursive(false, RELATIME)),
    ("rnostrictatime", Recursive(false, attr::STRICTATIME)),
    ("rnosuid", Recursive(true, attr::NOSUID)),
    ("rnosymfollow", Recursive(true, attr::NOSYMFOLLOW)),
    ("ro", Set(MsFlags::MS_RDONLY)),
    (
        "rprivate",
        Propagate(MsFlags::MS_PRIVATE.union(MsFlags::MS_REC)),
    ),
    ("rrelatime", Recursive(true, RELATIME)),
    ("rro", Recursive(true, attr::RDONLY)),
    ("rrw", Recursive(false, attr::RDONLY)),
    (
        "rshared",
        Propagate(MsFlags::MS_SHARED.union(MsFlags::MS_REC)),
    ),
    (
        "rslave",
        Propagate(MsFlags::MS_SLAVE.union(MsFlags::MS_REC)),
    ),
    ("rstrictatime", Recursive(true, attr::STRICTATIME)),
    ("rsuid", Recursive(false, attr::NOSUID)),
    ("rsymfollow", Recursive(false, attr::NOSYMFOLLOW)),
    (
        "runbindable",
        Propagate(MsFlags::MS_UNBINDABLE.union(MsFlags::MS_REC)),
    ),
    ("rw", Clear(MsFlags::MS_RDONLY)),
    ("shared", Propagate(MsFlags::MS_SHARED)),
    ("silent", Set(MsFlags::MS_SILENT)),
    ("slave", Propagate(MsFlags::MS_SLAVE)),
    ("strictatime", Set(MsFlags::MS_STRICTATIME)),
    ("suid", Clear(MsFlags::MS_NOSUID)),
    ("symfollow", Clear(NOSYMFOLLOW)),
    ("sync", Set(MsFlags::MS_SYNCHRONOUS)),
    ("tmpcopyup", CopyUp),
    ("unbindable", Propagate(MsFlags::MS_UNBINDABLE)),
];

/// `MS_NOSYMFOLLOW` of linux/mount.h (Linux 5.10).
pub(super) const NOSYMFOLLOW: MsFlags = MsFlags::from_bits_retain(0x100);

/// A marker of ours: relatime has no attribute bit, it is the access time field at 0.
pub(super) const RELATIME: u64 = 1 << 63;

/// What an option means; `None` where it is the file system's.
pub(super) fn meaning(option: &str) -> Option<Meaning> {
    OPTIONS
        .binary_search_by(|(name, _)| (*name).cmp(option))
        .ok()
        .map(|index| OPTIONS[index].1)
}

/// The attribute of mount_setattr(2) that corresponds to a flag of mount(2); 0 where the flag
/// belongs to the file system and not to the mount.
pub(super) fn attribute(flag: MsFlags) -> u64 {
    const PAIRS: [(MsFlags, u64); 9] = [
        (MsFlags::MS_RDONLY, attr::RDONLY),
        (MsFlags::MS_NOSUID, attr::NOSUID),
        (MsFlags::MS_NODEV, attr::NODEV),
        (MsFlags::MS_NOEXEC, attr::NOEXEC),
        (MsFlags::MS_NOATIME, attr::NOATIME),
        (MsFlags::MS_STRICTATIME, attr::STRICTATIME),
        (MsFlags::MS_RELATIME, RELATIME),
        (MsFlags::MS_NODIRATIME, attr::NODIRATIME),
        (NOSYMFOLLOW, attr::NOSYMFOLLOW),
    ];
    PAIRS
        .iter()
        .find(|(candidate, _)| *candidate == flag)
        .map_or(0, |(_, attribute)| *attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_as_the_search_needs_it() {
        assert!(OPTIONS.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn what_is_not_in_the_table_is_the_file_systems() {
        assert_eq!(meaning("size=64k"), None);
        assert_eq!(meaning("ro"), Some(Set(MsFlags::MS_RDONLY)));
    }
}
