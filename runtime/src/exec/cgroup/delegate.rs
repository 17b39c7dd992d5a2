//! Hands a v2 cgroup over to the container's user.
//! config-linux.md#cgroup-ownership

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::exec::{Context, StepError};
use crate::plan::Origin;

/// Where the kernel lists the files whose owner may change hands (cgroups(7)).
const LIST: &str = "/sys/kernel/cgroup/delegate";

/// What the specification says to use where that list is missing.
const FALLBACK: &str = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

/// Changes the owner of the directory and of the listed files that exist.
pub(super) fn hand_over(dir: &Path, owner: u32) -> Result<(), StepError> {
    let files = match fs::read_to_string(LIST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => FALLBACK.to_owned(),
        result => result.step(&Origin::default(), || format!("read {LIST}"))?,
    };
    let origin = Origin::at("/process/user/uid");
    let change = |path: &Path| {
        chown(path, Some(owner), None).step(&origin, || format!("chown {}", path.display()))
    };
    change(dir)?;
    for path in files
        .lines()
        .map(|file| dir.join(file))
        .filter(|path| path.exists())
    {
        change(&path)?;
    }
    Ok(())
}
