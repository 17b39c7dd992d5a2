//! `spec`

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::{getegid, geteuid};

use crate::cli::{CommandError, Context, Matches};
use crate::spec::{CONFIG_FILE, template, upgrade};

/// Writes a config.json into the bundle, and never over one.
pub fn run(_context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let text = if let Some(old) = matches.value("upgrade") {
        let text = fs::read_to_string(old).map_err(CommandError::io(format!("read {old}")))?;
        upgrade::upgrade(&text, old)?
    } else {
        // Only cgroup v2 shows a container its own part of the tree without such a namespace's help
        // from a mount; runc draws the line there as well.
        let cgroup_namespace = statfs("/sys/fs/cgroup")
            .is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC);
        if matches.switch("rootless") {
            template::rootless(geteuid().as_raw(), getegid().as_raw(), cgroup_namespace)
        } else {
            template::default(cgroup_namespace)
        }
    };
    let path = Path::new(matches.value("bundle").unwrap_or(".")).join(CONFIG_FILE);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                CommandError::ConfigExists(path.clone())
            } else {
                CommandError::io(format!("create {}", path.display()))(error)
            }
        })?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        // The file is ours and half-written; the first error is the one to report.
        let _ = fs::remove_file(&path);
    }
    written.map_err(CommandError::io(format!("write {}", path.display())))?;
    Ok(0)
}
