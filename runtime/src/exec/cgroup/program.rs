//! Attaches a device program to a v2 cgroup, in place of the one before.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::plan::cgroup::Instruction;
use crate::sys::bpf;

/// Tells our programs from systemd's on the same cgroup.
const NAME: &str = "plimrun_devices";

pub(super) fn apply(dir: &Path, code: &[Instruction], origin: &Origin) -> Result<(), StepError> {
    let cgroup = File::open(dir).step(origin, || format!("open {}", dir.display()))?;
    let cgroup = cgroup.as_fd();
    let before = bpf::attached(cgroup).step(origin, || {
        format!("list the device programs of {}", dir.display())
    })?;
    let mut ours = Vec::new();
    for id in before {
        let program = bpf::open(id).step(origin, || format!("open the device program {id}"))?;
        let name = bpf::name(program.as_fd());
        if name.step(origin, || format!("name the device program {id}"))? == NAME {
            ours.push(program);
        }
    }
    let program = bpf::load(code, NAME).step(origin, || "load the device program".to_owned())?;
    // All programs of a cgroup have to agree, so for a moment only what both allow is allowed.
    bpf::attach(cgroup, program.as_fd()).step(origin, || {
        format!("attach the device program to {}", dir.display())
    })?;
    for old in ours {
        bpf::detach(cgroup, old.as_fd()).step(origin, || {
            format!("detach the old device program of {}", dir.display())
        })?;
    }
    Ok(())
}
