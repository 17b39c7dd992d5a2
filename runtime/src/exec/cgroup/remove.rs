//! Removes a container's cgroups.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::SIGKILL;

use super::processes::{self, children, gone};
use super::{Warnings, systemd};
use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::state::CgroupRecord;

/// Where nothing should be in the way.
pub(super) const SHORT: Duration = Duration::from_millis(500);

/// The longest sleep between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Ends every process of the container in its cgroups, then removes them. In a cgroup that was there before
/// the container, those that nothing tells from others are left alone.
pub fn destroy(
    record: &CgroupRecord,
    patience: Duration,
    warnings: &mut Warnings,
) -> Result<(), StepError> {
    let made = processes::is_made(record);
    // The ordinary end of a container: nobody is left in its cgroup, or else rmdir(2) says so.
    let empty = || processes::directory(record).is_some_and(|dir| fs::remove_dir(dir).is_ok());
    if (made && !empty()) || (!made && record.mount_namespace.is_some()) {
        processes::signal_all(record, SIGKILL)?;
    }
    remove(record, patience, warnings)
}

/// Removes what `create` made, once its processes are gone; waits for that as long as told.
pub fn remove(
    record: &CgroupRecord,
    patience: Duration,
    warnings: &mut Warnings,
) -> Result<(), StepError> {
    let result = remove_made(record, patience);
    // Once its cgroup is gone systemd ends the unit by itself; a failed one stays until it is told.
    if record.scope.is_some() {
        systemd::stop_unit(record, warnings);
    }
    result
}

/// Removes the directories that the record names as made by us, the deepest first.
pub(super) fn remove_made(record: &CgroupRecord, patience: Duration) -> Result<(), StepError> {
    let deadline = Instant::now() + patience;
    for dir in record.made.iter().rev() {
        if record.paths.values().any(|leaf| leaf == dir) {
            remove_tree(dir, deadline)?;
        } else {
            // A directory above the container's: others may have come to use it meanwhile.
            match fs::remove_dir(dir) {
                Err(error) if !gone(&error) && !busy(&error) => {
                    return Err(error).step(&Origin::default(), || describe(dir));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn describe(dir: &Path) -> String {
    format!("remove the cgroup {}", dir.display())
}

fn busy(error: &io::Error) -> bool {
    let errnos = [Errno::EBUSY as i32, Errno::ENOTEMPTY as i32];
    error
        .raw_os_error()
        .is_some_and(|errno| errnos.contains(&errno))
}

/// Removes a cgroup and those that the container made below it. A process that has been killed keeps
/// its cgroup busy for a moment.
fn remove_tree(dir: &Path, deadline: Instant) -> Result<(), StepError> {
    let mut pause = Duration::from_micros(200);
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(error) if gone(&error) => return Ok(()),
            Err(error) if busy(&error) => {
                for child in children(dir) {
                    remove_tree(&child, deadline)?;
                }
                if Instant::now() >= deadline {
                    return Err(error).step(&Origin::default(), || describe(dir));
                }
            }
            Err(error) => return Err(error).step(&Origin::default(), || describe(dir)),
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
