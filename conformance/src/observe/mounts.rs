//! Mount tables, as /proc/PID/mountinfo has them (proc_pid_mountinfo(5)).

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What part of the file system is mounted.
    pub root: String,
    /// Where.
    pub point: String,
    /// The options of the mount itself: `ro`, `nosuid`, …
    pub options: Vec<String>,
    /// The propagation: `shared:N`, `master:N`, `unbindable`; empty if private.
    pub propagation: Vec<String>,
    /// The type of the file system.
    pub kind: String,
    /// The source.
    pub source: String,
    /// The options of the file system, which all its mounts share.
    pub super_options: Vec<String>,
}

impl Mount {
    /// Reads a line.
    pub fn parse(line: &str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point, options) = (mount.next()?, mount.next()?, mount.next()?);
        let mut filesystem = filesystem.split(' ');
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        Some(Self {
            root: unescaped(root),
            point: unescaped(point),
            options: list(options),
            propagation: mount.map(str::to_owned).collect(),
            kind: filesystem.next()?.to_owned(),
            source: unescaped(filesystem.next()?),
            super_options: list(filesystem.next().unwrap_or_default()),
        })
    }
}

/// The mount that is seen at a path: the last one there.
pub fn mount_at<'l>(lines: impl IntoIterator<Item = &'l String>, point: &str) -> Option<Mount> {
    let mounts = lines.into_iter().filter_map(|line| Mount::parse(line));
    mounts.filter(|mount| mount.point == point).last()
}

/// A path without the octal escapes of blanks and backslashes.
fn unescaped(text: &str) -> String {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    escapes
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| {
            text.replace(escape, plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
        let mount = Mount::parse(line).unwrap();
        assert_eq!(
            (mount.root.as_str(), mount.point.as_str()),
            ("/mnt1", "/mnt 2")
        );
        assert_eq!(mount.options, ["rw", "noatime"]);
        assert_eq!(mount.propagation, ["master:1", "shared:2"]);
        assert_eq!(
            (mount.kind.as_str(), mount.source.as_str()),
            ("ext3", "/dev/root")
        );
        assert_eq!(mount.super_options, ["rw", "errors=continue"]);
    }

    #[test]
    fn the_last_mount_at_a_path_is_seen() {
        let lines = [
            "1 0 0:1 / /a rw - tmpfs one rw".to_owned(),
            "2 1 0:2 / /a ro - tmpfs two rw".to_owned(),
        ];
        assert_eq!(mount_at(&lines, "/a").unwrap().source, "two");
        assert_eq!(mount_at(&lines, "/b"), None);
    }
}
