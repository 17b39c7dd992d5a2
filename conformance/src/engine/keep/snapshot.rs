//! What /proc shows of a container's init, as files.

use std::fs;
use std::io;
use std::path::Path;

/// The files that say how a process is set up: proc_pid(5).
const FILES: [&str; 13] = [
    "status",
    "cmdline",
    "environ",
    "cgroup",
    "mountinfo",
    "limits",
    "uid_map",
    "gid_map",
    "setgroups",
    "oom_score_adj",
    "personality",
    "timerslack_ns",
    "attr/current",
];

/// Copies them into a folder, with the identities of its namespaces and the targets of its
/// descriptors. A process that has ended shows less, or nothing: what is not there is left out.
pub(super) fn take(pid: i32, into: &Path) -> io::Result<()> {
    let proc = Path::new("/proc").join(pid.to_string());
    fs::create_dir_all(into)?;
    for name in FILES {
        if let Ok(content) = fs::read(proc.join(name)) {
            fs::write(into.join(name.replace('/', ".")), content)?;
        }
    }
    for folder in ["ns", "fd"] {
        fs::write(into.join(folder), links(&proc.join(folder)))?;
    }
    Ok(())
}

/// The links in a folder, a line each: `mnt -> mnt:[4026531841]`.
fn links(folder: &Path) -> String {
    let mut lines: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let name = entry.file_name();
            Some(format!("{} -> {}\n", name.display(), target.display()))
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_shown_and_a_missing_one_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        take(std::process::id() as i32, dir.path()).unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(read("status").starts_with("Name:"));
        assert!(read("ns").contains("mnt -> mnt:["), "{}", read("ns"));
        take(i32::MAX, &dir.path().join("none")).unwrap();
    }
}
