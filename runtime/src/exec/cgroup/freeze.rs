//! Freezes and thaws a container.
//! Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::apply::write_file;
use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::state::CgroupRecord;

/// How long freezing may take; a task in the middle of a slow disk operation freezes late.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long the kernel gets between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// The file that freezes, and the words for it.
struct Freezer {
    file: PathBuf,
    frozen: &'static str,
    thawed: &'static str,
}

/// v1 comes first, as for every controller of a hybrid machine.
fn freezer(record: &CgroupRecord) -> Result<Freezer, StepError> {
    if let Some(dir) = record.paths.get("freezer") {
        return Ok(Freezer {
            file: dir.join("freezer.state"),
            frozen: "FROZEN",
            thawed: "THAWED",
        });
    }
    match record.paths.get("unified") {
        Some(dir) => Ok(Freezer {
            file: dir.join("cgroup.freeze"),
            frozen: "1",
            thawed: "0",
        }),
        None => Err(StepError::refused(
            "freeze the container: no cgroup hierarchy with a freezer has its cgroup",
            &Origin::default(),
        )),
    }
}

/// Freezes every process of the container and waits until all are.
pub fn freeze(record: &CgroupRecord) -> Result<(), StepError> {
    let freezer = freezer(record)?;
    let start = Instant::now();
    loop {
        // v1 gives up on a task that forks while it freezes; writing again catches the child.
        freezer.write(freezer.frozen)?;
        if freezer.is_frozen()? {
            return Ok(());
        }
        if start.elapsed() > DEADLINE {
            freezer.write(freezer.thawed)?;
            let why = format!(
                "freeze {}: not all processes froze in time",
                freezer.file.display()
            );
            return Err(StepError::refused(why, &Origin::default()));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Lets the processes of the container run again.
pub fn thaw(record: &CgroupRecord) -> Result<(), StepError> {
    let freezer = freezer(record)?;
    freezer.write(freezer.thawed)
}

impl Freezer {
    fn write(&self, value: &str) -> Result<(), StepError> {
        let path = &self.file;
        write_file(path, value).step(&Origin::default(), || {
            format!("write {value} to {}", path.display())
        })
    }

    fn is_frozen(&self) -> Result<bool, StepError> {
        let v2 = self.file.ends_with("cgroup.freeze");
        let path = if v2 {
            self.file.with_file_name("cgroup.events")
        } else {
            self.file.clone()
        };
        let text = fs::read_to_string(&path)
            .step(&Origin::default(), || format!("read {}", path.display()))?;
        Ok(if v2 {
            text.lines().any(|line| line == "frozen 1")
        } else {
            text.trim() == "FROZEN"
        })
    }
}

/// Whether a process that joins this cgroup would stop at once.
pub(super) fn is_frozen_dir(dir: &Path) -> bool {
    let read = |file: &str| fs::read_to_string(dir.join(file)).unwrap_or_default();
    read("freezer.state").starts_with('F') || read("cgroup.events").contains("frozen 1")
}
