//! Reads the facts of this machine: the files of /proc and /sys, and two harmless attempts.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plimsoll_fixtures::probe::CAPABILITIES;

use super::cgroup::Cgroups;
use super::facts::Facts;
use super::subordinate;

/// The inode of the initial PID namespace (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const INITIAL_PID_NS: &str = "pid:[4026531836]";
/// The map of the initial user namespace (user_namespaces(7)).
const INITIAL_UID_MAP: [&str; 3] = ["0", "0", "4294967295"];

/// 1 ms in every 10 ms, in nanoseconds: chrt(1).
const DEADLINE: [&str; 9] = [
    "-d", "-T", "1000000", "-D", "10000000", "-P", "10000000", "0", "true",
];

impl Facts {
    /// Looks at this machine. What cannot be read counts as not offered.
    pub fn look() -> Self {
        let status = read("/proc/self/status");
        let mut facts = Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory(),
            uid: field(&status, "Uid:")
                .get(1)
                .and_then(|uid| uid.parse().ok())
                .unwrap_or(u32::MAX),
            gid: nix::unistd::getegid().as_raw(),
            initial_userns: read("/proc/self/uid_map")
                .split_whitespace()
                .eq(INITIAL_UID_MAP),
            in_container: in_container(),
            capabilities: capabilities(&status),
            namespaces: names("/proc/self/ns"),
            user_namespaces: user_namespaces(),
            cgroups: Cgroups::look(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup")),
            real_time: succeeds("chrt", &["-f", "1", "true"]),
            deadline: succeeds("chrt", &DEADLINE),
            seccomp_actions: words(&read("/proc/sys/kernel/seccomp/actions_avail")),
            lsms: lsms(),
            filesystems: read("/proc/filesystems")
                .lines()
                .filter_map(|line| line.split_whitespace().last())
                .map(str::to_owned)
                .collect(),
            tmp_filesystem: filesystem_of(&std::env::temp_dir(), &read("/proc/self/mountinfo")),
            systemd: read("/proc/1/comm").trim() == "systemd"
                && Path::new("/run/systemd/private").exists(),
            user_manager: std::env::var_os("XDG_RUNTIME_DIR")
                .is_some_and(|dir| Path::new(&dir).join("systemd/private").exists()),
            resctrl: mount_of("resctrl"),
            numa: Path::new("/proc/self/numa_maps").exists(),
            loop_devices: fs::File::open("/dev/loop-control").is_ok(),
            net_devices: ["dummy", "veth"]
                .into_iter()
                .filter(|kind| can_make_link(kind))
                .map(str::to_owned)
                .collect(),
            subordinate_ids: program("newuidmap").is_some()
                && program("newgidmap").is_some()
                && !read("/etc/subuid").trim().is_empty(),
            subuids: None,
            subgids: None,
            systemd_driver: false,
            machine: String::new(),
        };
        if facts.subordinate_ids && facts.uid != 0 {
            let passwd = read("/etc/passwd");
            let of = |table| subordinate::range(&read(table), &passwd, facts.uid);
            (facts.subuids, facts.subgids) = (of("/etc/subuid"), of("/etc/subgid"));
        }
        facts.machine = facts.kind();
        facts
    }
}

/// Finds a program on the PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A file's text, empty where it cannot be read: such a file offers nothing.
fn read(path: &str) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The words after `name` in its line.
fn field<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().split_whitespace().collect()
}

fn capabilities(status: &str) -> Vec<String> {
    let held = field(status, "CapEff:")
        .first()
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .unwrap_or_default();
    let named = CAPABILITIES.iter().enumerate();
    named
        .filter(|(bit, _)| held >> bit & 1 == 1)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// Memory in bytes; /proc/meminfo counts in KiB.
fn memory() -> u64 {
    let kib = field(&read("/proc/meminfo"), "MemTotal:")
        .first()
        .and_then(|kib| kib.parse().ok());
    kib.unwrap_or(0_u64) * 1024
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.retain(|name| !name.ends_with("_for_children"));
    names.sort();
    names
}

/// The security modules that enforce something, from securityfs, or from the modules' own files
/// where securityfs is not mounted.
fn lsms() -> Vec<String> {
    let listed = read("/sys/kernel/security/lsm");
    if !listed.trim().is_empty() {
        return listed.trim().split(',').map(str::to_owned).collect();
    }
    let mut found = Vec::new();
    if read("/sys/module/apparmor/parameters/enabled").trim() == "Y" {
        found.push("apparmor".to_owned());
    }
    if Path::new("/sys/fs/selinux/enforce").exists() {
        found.push("selinux".to_owned());
    }
    found
}

/// Whether the kernel lets the runner make one. A security module or a seccomp profile may refuse
/// it whatever the sysctl says; without the program to try it by, the sysctl is all there is.
fn user_namespaces() -> bool {
    let most = read("/proc/sys/user/max_user_namespaces");
    most.trim().parse::<u64>().is_ok_and(|max| max > 0)
        && (program("unshare").is_none() || succeeds("unshare", &["--user", "true"]))
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| Path::new(mark).exists())
        || fs::read_link("/proc/self/ns/pid").is_ok_and(|ns| ns.as_os_str() != INITIAL_PID_NS)
}

/// The type of the file system of the longest mount point that is a prefix of `path`; of equal
/// ones the last, which lies on top.
fn filesystem_of(path: &Path, mountinfo: &str) -> String {
    let mut best = (0, "");
    for line in mountinfo.lines() {
        let Some((mount, rest)) = line.split_once(" - ") else {
            continue;
        };
        let Some(point) = mount.split(' ').nth(4) else {
            continue;
        };
        if path.starts_with(OsStr::from_bytes(point.as_bytes())) && point.len() >= best.0 {
            best = (point.len(), rest.split(' ').next().unwrap_or_default());
        }
    }
    best.1.to_owned()
}

/// The mount point of the first file system of that type.
fn mount_of(kind: &str) -> Option<String> {
    let mounts = read("/proc/self/mounts");
    let mut fields = mounts.lines().map(|line| line.split(' '));
    fields.find_map(|mut line| {
        let point = line.nth(1)?;
        (line.next()? == kind).then(|| point.to_owned())
    })
}

/// Tries to make a link of that type in a network namespace that ends with the attempt.
fn can_make_link(kind: &str) -> bool {
    if program("ip").is_none() || program("unshare").is_none() {
        return false;
    }
    succeeds(
        "unshare",
        &["--net", "ip", "link", "add", "plimsoll0", "type", kind],
    )
}

/// Runs a harmless command.
fn succeeds(program: &str, args: &[&str]) -> bool {
    let attempt = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    attempt.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_effective_mask() {
        assert_eq!(
            capabilities("CapInh:\t1\nCapEff:\t0000000000200001\n"),
            ["CAP_CHOWN", "CAP_SYS_ADMIN"]
        );
        assert_eq!(capabilities("Name:\tx"), Vec::<String>::new());
    }

    #[test]
    fn the_mount_on_top_holds_the_path() {
        let mounts = "1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 / /tmp rw - tmpfs t rw\n\
                      3 1 0:3 / /tmpx rw - xfs x rw\n4 1 0:4 / /tmp rw - btrfs b rw";
        assert_eq!(filesystem_of(Path::new("/tmp/a"), mounts), "btrfs");
        assert_eq!(filesystem_of(Path::new("/var"), mounts), "ext4");
    }

    #[test]
    fn this_machine_has_a_kernel_and_a_name() {
        let facts = Facts::look();
        assert!(facts.kernel_version() > (2, 6));
        assert!(!facts.machine.is_empty());
    }
}
