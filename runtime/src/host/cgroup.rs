//! Which cgroup hierarchies this machine has, where they are mounted, and where this process is in each.
//!
//! Controllers may be spread over v1 hierarchies, sit in the v2 one, or both (a hybrid machine).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, FsType, statfs};
use nix::unistd::{AccessFlags, access};

use crate::read;

/// Where init systems mount the cgroup file systems (hier(7), systemd's cgroup interface).
const USUAL_ROOT: &str = "/sys/fs/cgroup";

/// One cgroup file system that is mounted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// What of the hierarchy the mount shows: `/` where it is all.
    pub root: PathBuf,
    /// Its controllers; v1 also lists `name=…` of a named hierarchy. For v2, what the root offers.
    pub controllers: Vec<String>,
    /// The cgroup of this process, relative to `mount` (empty for the mount itself); none where it
    /// lies outside what is mounted.
    pub own: Option<PathBuf>,
    /// Whether this process may make cgroups at `mount`.
    pub writable: bool,
    /// The cgroup below which this process may make others, where it may not at `mount`: relative to
    /// it, as `own`.
    pub delegated: Option<PathBuf>,
}

impl Hierarchy {
    /// Whether the hierarchy has the controller.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
    }
}

/// How controllers are spread over the versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No cgroup file system is mounted.
    None,
    /// v1 hierarchies only.
    V1,
    /// The v2 hierarchy only.
    V2,
    /// Both.
    Hybrid,
}

/// The cgroup hierarchies of this machine as this process sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CgroupLayout {
    /// The v1 hierarchies, each once, in the order of mountinfo.
    pub v1: Vec<Hierarchy>,
    /// The v2 hierarchy.
    pub v2: Option<Hierarchy>,
    /// Whether systemd is the system's manager (`/run/systemd/system`, sd_booted(3)).
    pub systemd: bool,
    /// Whether the effective user is root, and of the machine rather than of a user namespace.
    pub root: bool,
}

impl CgroupLayout {
    /// Looks at the machine.
    pub fn probe() -> io::Result<Self> {
        Self::probe_within(super::facts::in_first_user_namespace())
    }

    /// Looks at the machine, `first` saying whether the user namespace is the first.
    pub(super) fn probe_within(first: bool) -> io::Result<Self> {
        let own = parse_own(&read::small_text("/proc/self/cgroup")?);
        let usual = pure_v2(&own).or_else(|| usual_v1(Path::new(USUAL_ROOT), &own));
        let mut layout = match usual {
            Some(usual) => usual,
            None => parse_mounts(&read::listing("/proc/self/mountinfo")?, &own),
        };
        layout.systemd = Path::new("/run/systemd/system").is_dir();
        layout.root = first && nix::unistd::geteuid().is_root();
        let v1 = layout.v1.iter_mut().map(|hierarchy| (hierarchy, false));
        for (hierarchy, unified) in v1.chain(layout.v2.iter_mut().map(|v2| (v2, true))) {
            let may = |dir: &Path| access(dir, AccessFlags::W_OK).is_ok();
            hierarchy.writable = may(&hierarchy.mount);
            // Only asked where the first answer is no: calls fewer for root.
            if let Some(own) = hierarchy.own.as_deref().filter(|_| !hierarchy.writable) {
                let may = |dir: &Path| may(&hierarchy.mount.join(dir));
                hierarchy.delegated = delegated(own, unified, may).map(Path::to_owned);
            }
        }
        if let Some(v2) = &mut layout.v2 {
            v2.controllers = read_controllers(&v2.mount)?;
        }
        Ok(layout)
    }

    /// Takes `--rootless` in place of what was found. Where it says that the caller has root's rights, what
    /// he may not write is tried all the same, and so an error.
    pub fn assume(&mut self, rootless: bool) {
        self.root = !rootless;
        for hierarchy in self.v1.iter_mut().chain(&mut self.v2) {
            hierarchy.writable |= !rootless;
        }
    }

    /// How controllers are spread over the versions.
    pub fn mode(&self) -> Mode {
        match (self.v1.is_empty(), self.v2.is_some()) {
            (true, false) => Mode::None,
            (true, true) => Mode::V2,
            (false, false) => Mode::V1,
            (false, true) => Mode::Hybrid,
        }
    }

    /// The directories that the text of a `/proc/PID/cgroup` names, as far as they are mounted.
    pub fn locate(&self, text: &str) -> Vec<(&Hierarchy, PathBuf)> {
        let find = |own: &Own| match own.controllers.first() {
            None => self.v2.as_ref(),
            Some(controller) => self.v1_of(controller),
        };
        let place = |own: Own| {
            let hierarchy = find(&own)?;
            let path = own.path.strip_prefix(&hierarchy.root).ok()?;
            Some((hierarchy, hierarchy.mount.join(path)))
        };
        parse_own(text).into_iter().filter_map(place).collect()
    }

    /// The v1 hierarchy of a controller.
    pub fn v1_of(&self, controller: &str) -> Option<&Hierarchy> {
        self.v1.iter().find(|h| h.has(controller))
    }

    /// The v2 hierarchy, where it has the controller.
    pub fn v2_of(&self, controller: &str) -> Option<&Hierarchy> {
        self.v2.as_ref().filter(|h| h.has(controller))
    }
}

/// Where a process makes cgroups that may make none at the mount: below its own. In v2 the one above is
/// better, if it was delegated as well: a cgroup that holds a process, this one, cannot give controllers
/// to those below it (cgroups(7), "no internal processes").
fn delegated(own: &Path, unified: bool, may: impl Fn(&Path) -> bool) -> Option<&Path> {
    let above = own.parent().filter(|_| unified);
    above.into_iter().chain([own]).find(|place| may(place))
}

/// The controllers that a v2 cgroup may hand on (`cgroup.controllers`, cgroups(7)).
fn read_controllers(dir: &Path) -> io::Result<Vec<String>> {
    let text = read::small_text(dir.join("cgroup.controllers"))?;
    Ok(text.split_ascii_whitespace().map(str::to_owned).collect())
}

/// A line of `/proc/self/cgroup`: the controllers of a hierarchy (none for v2) and our place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    controllers: Vec<String>,
    path: PathBuf,
}

fn parse_own(text: &str) -> Vec<Own> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?.split(',').filter(|c| !c.is_empty());
            let controllers = controllers.map(str::to_owned).collect();
            Some(Own {
                controllers,
                path: PathBuf::from(fields.next()?),
            })
        })
        .collect()
}

/// The usual v2 machine, recognised without reading mountinfo, which may have thousands of lines. As for runc and
/// crun, v1 hierarchies that are mounted elsewhere do not count then.
fn pure_v2(own: &[Own]) -> Option<CgroupLayout> {
    let unified = own.iter().find(|own| own.controllers.is_empty())?;
    let v2 = unified.at_usual_place(Path::new(USUAL_ROOT), CGROUP2_SUPER_MAGIC)?;
    Some(CgroupLayout {
        v2: Some(v2),
        ..CgroupLayout::default()
    })
}

/// The usual v1 machine, each hierarchy in a folder of `root` that has its name (hier(7)), recognised likewise; a v2
/// hierarchy that is mounted elsewhere than at `unified` does not count then.
fn usual_v1(root: &Path, own: &[Own]) -> Option<CgroupLayout> {
    let mut layout = CgroupLayout::default();
    // /proc lists the hierarchy that was mounted last first.
    for own in own.iter().rev() {
        if own.controllers.is_empty() {
            layout.v2 = own.at_usual_place(&root.join("unified"), CGROUP2_SUPER_MAGIC);
        } else {
            let name = own.controllers.join(",");
            let place = root.join(name.strip_prefix("name=").unwrap_or(&name));
            let found = own.at_usual_place(&place, CGROUP_SUPER_MAGIC)?;
            layout.v1.push(found);
        }
    }
    (!layout.v1.is_empty()).then_some(layout)
}

impl Own {
    /// The hierarchy, if all of it is mounted at `mount`, as a file system of this type.
    fn at_usual_place(&self, mount: &Path, magic: FsType) -> Option<Hierarchy> {
        if statfs(mount).ok()?.filesystem_type() != magic {
            return None;
        }
        let relative = self.path.strip_prefix("/").ok()?;
        // A mount of a part of the tree shows other paths than /proc does; then mountinfo decides.
        let shown = || mount.join(relative).join("cgroup.procs").exists();
        (relative.as_os_str().is_empty() || shown()).then(|| Hierarchy {
            mount: mount.to_owned(),
            root: PathBuf::from("/"),
            controllers: self.controllers.clone(),
            own: Some(relative.to_owned()),
            writable: false,
            delegated: None,
        })
    }
}

fn parse_mounts(mountinfo: &[u8], own: &[Own]) -> CgroupLayout {
    let mut layout = CgroupLayout::default();
    let lines = mountinfo.split(|b| *b == b'\n');
    let mounts: Vec<Mount<'_>> = lines.filter_map(Mount::parse).collect();
    let ours = |(_, mount): &(usize, &Mount<'_>)| mount.kind.starts_with(b"cgroup");
    let visible = |(at, mount): &(usize, &Mount<'_>)| mount.is_visible(&mounts[*at..], &mounts);
    for (_, mount) in mounts.iter().enumerate().filter(ours).filter(visible) {
        if mount.kind == b"cgroup2" {
            let ours = own.iter().find(|o| o.controllers.is_empty());
            let found = mount.hierarchy(ours, Vec::new());
            keep(&mut layout.v2, found);
        } else if mount.kind == b"cgroup" {
            let options = String::from_utf8_lossy(mount.options).into_owned();
            let named = |c: &String| options.split(',').any(|option| option == c);
            // A hierarchy that /proc does not list has no controller that a process could be in.
            let Some(ours) = own.iter().find(|o| o.controllers.iter().any(named)) else {
                continue;
            };
            let found = mount.hierarchy(Some(ours), ours.controllers.clone());
            match layout
                .v1
                .iter_mut()
                .find(|h| h.controllers == found.controllers)
            {
                Some(known) if known.own.is_none() && found.own.is_some() => *known = found,
                Some(_) => {}
                None => layout.v1.push(found),
            }
        }
    }
    layout
}

/// Of several mounts of one hierarchy, the first that shows our own cgroup.
fn keep(slot: &mut Option<Hierarchy>, found: Hierarchy) {
    match slot {
        Some(known) if known.own.is_some() || found.own.is_none() => {}
        _ => *slot = Some(found),
    }
}

/// The fields of a mountinfo line that matter here (proc_pid_mountinfo(5)).
struct Mount<'a> {
    id: u32,
    parent: u32,
    root: PathBuf,
    point: PathBuf,
    kind: &'a [u8],
    options: &'a [u8],
}

impl<'a> Mount<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let root = unescape(fields.nth(1)?);
        let point = unescape(fields.next()?);
        let mut tail = fields.skip_while(|f| *f != b"-").skip(1);
        let kind = tail.next()?;
        Some(Self {
            id,
            parent,
            root,
            point,
            kind,
            options: tail.nth(1)?,
        })
    }

    /// Whether none of the `later` mounts is over it: a private view of the hierarchies covers others.
    fn is_visible(&self, later: &[Self], all: &[Self]) -> bool {
        // Bytes first: comparing paths part by part takes longer, and most differ.
        let point = self.point.as_os_str().as_bytes();
        let covers = |other: &Self| {
            point.starts_with(other.point.as_os_str().as_bytes())
                && self.point.starts_with(&other.point)
                && !self.is_on(other, all)
        };
        !later.iter().any(covers)
    }

    /// Whether `other` is this mount, or one that this is mounted on, at any depth.
    fn is_on(&self, other: &Self, all: &[Self]) -> bool {
        let mut id = self.id;
        // Bounded, should the list have changed while it was read.
        for _ in all {
            if id == other.id {
                return true;
            }
            match all.iter().find(|mount| mount.id == id) {
                Some(mount) => id = mount.parent,
                None => break,
            }
        }
        id == other.id
    }

    fn hierarchy(&self, own: Option<&Own>, controllers: Vec<String>) -> Hierarchy {
        let own = own.and_then(|o| o.path.strip_prefix(&self.root).ok().map(Path::to_owned));
        Hierarchy {
            mount: self.point.clone(),
            root: self.root.clone(),
            controllers,
            own,
            writable: false,
            delegated: None,
        }
    }
}

/// Undoes the octal escapes of mountinfo (`\040` for a space).
fn unescape(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const OWN: &str = "3:cpu,cpuacct:/\n2:memory:/jobs/7\n1:name=systemd:/user.slice\n0::/\n";

    #[test]
    fn a_hybrid_machine_has_both_versions() {
        let layout = parse_mounts(HYBRID.as_bytes(), &parse_own(OWN));
        assert_eq!(layout.mode(), Mode::Hybrid);
        let cpu = layout.v1_of("cpuacct").expect("co-mounted");
        assert_eq!(cpu.mount, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(
            layout.v1_of("memory").and_then(|h| h.own.clone()),
            Some("jobs/7".into())
        );
        assert!(layout.v1_of("name=systemd").is_some());
        assert_eq!(
            layout.v2.expect("unified").mount,
            Path::new("/sys/fs/cgroup/unified")
        );
    }

    #[test]
    fn what_another_mount_covers_is_not_there() {
        let v2_over = format!("{HYBRID}50 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let layout = parse_mounts(v2_over.as_bytes(), &parse_own(OWN));
        assert_eq!(layout.mode(), Mode::V2);
        assert_eq!(layout.v2.expect("v2").mount, Path::new("/sys/fs/cgroup"));
        let v1_over = format!(
            "{HYBRID}50 31 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
             51 50 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        );
        let layout = parse_mounts(v1_over.as_bytes(), &parse_own(OWN));
        assert_eq!((layout.mode(), layout.v1.len()), (Mode::V1, 1));
        // A root that was mounted after what an initial RAM disk had mounted, and moved below it.
        let moved = format!(
            "{HYBRID}23 60 254:0 / /sys rw - sysfs sysfs rw\n60 1 254:0 / / rw - ext4 x rw\n"
        );
        assert_eq!(
            parse_mounts(moved.as_bytes(), &parse_own(OWN)).mode(),
            Mode::Hybrid
        );
    }

    #[test]
    fn what_is_found_without_mountinfo_is_what_it_says() {
        let own = parse_own(&read::small_text("/proc/self/cgroup").expect("/proc is mounted"));
        let mountinfo = read::listing("/proc/self/mountinfo").expect("/proc is mounted");
        let usual = pure_v2(&own).or_else(|| usual_v1(Path::new(USUAL_ROOT), &own));
        if let Some(usual) = usual {
            assert_eq!(usual, parse_mounts(&mountinfo, &own));
        }
    }

    #[test]
    fn folders_that_only_look_like_hierarchies_are_left_to_mountinfo() {
        let root = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(root.path().join("memory")).expect("made");
        assert_eq!(usual_v1(root.path(), &parse_own("2:memory:/\n")), None);
        assert_eq!(usual_v1(root.path(), &parse_own("2:pids:/\n")), None);
        assert_eq!(usual_v1(root.path(), &parse_own("0::/\n")), None);
    }

    #[test]
    fn inside_a_container_the_mount_shows_only_a_part() {
        let info = "5 1 0:9 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n";
        let layout = parse_mounts(info.as_bytes(), &parse_own("8:pids:/docker/abc\n"));
        assert_eq!(layout.v1[0].own.as_deref(), Some(Path::new("")));
        let elsewhere = parse_mounts(info.as_bytes(), &parse_own("8:pids:/other\n"));
        assert_eq!(elsewhere.v1[0].own, None);
    }

    #[test]
    fn of_two_mounts_the_one_that_shows_us_wins() {
        let info = "5 1 0:9 /a /mnt/a rw - cgroup2 none rw\n6 1 0:9 / /sys/fs/cgroup rw - cgroup2 none rw\n";
        let layout = parse_mounts(info.as_bytes(), &parse_own("0::/b\n"));
        assert_eq!(layout.v2.expect("v2").mount, Path::new("/sys/fs/cgroup"));
    }

    #[test]
    fn escapes_of_mountinfo_are_undone() {
        assert_eq!(unescape(br"/a\040b\134c"), Path::new(r"/a b\c"));
        assert_eq!(unescape(br"/a\9"), Path::new(r"/a\9"));
    }

    #[test]
    fn the_cgroup_above_is_preferred_where_it_is_delegated() {
        let own = Path::new("user/unit/shell");
        let below = |top: &'static str| move |dir: &Path| dir.starts_with(top);
        let found = |unified, top| delegated(own, unified, below(top));
        assert_eq!(found(true, "user/unit"), own.parent());
        assert_eq!(found(true, "user/unit/shell"), Some(own));
        assert_eq!(found(false, "user/unit"), Some(own));
        assert_eq!(found(true, "root"), None);
    }

    #[test]
    fn a_path_may_hold_colons() {
        assert_eq!(parse_own("0::/a:b\n")[0].path, Path::new("/a:b"));
    }
}
