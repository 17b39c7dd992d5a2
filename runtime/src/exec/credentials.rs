//! Makes this process the one that the plan describes: limits, user, capabilities.
//! config.md#process

use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::stat::{Mode, umask};

use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::process::{Capabilities, Process};
use crate::sys::{caps, process as sys};

/// Sets the limits; raising one takes a capability that [`assume`] may drop.
pub fn limit(process: &Process) -> Result<(), StepError> {
    for limit in &process.rlimits {
        sys::set_rlimit(limit.resource, limit.soft, limit.hard).step(&limit.origin, || {
            format!("set {} to {}:{}", limit.name, limit.soft, limit.hard)
        })?;
    }
    Ok(())
}

/// Becomes the user with the capabilities. `keep` stay permitted and effective until the next
/// execve(2), which recomputes both sets from the bounding set and the file.
pub fn assume(
    process: &Process,
    origin: &Origin,
    caller_umask: Mode,
    keep: u64,
) -> Result<(), StepError> {
    let set = &process.capabilities;
    let capabilities = origin.child("capabilities");
    let user = origin.child("user");
    drop_bounding(set.bounding, &capabilities)?;
    // Only a change away from root would lose what the plan permits.
    caps::keep(true).step(
        &capabilities,
        || "keep capabilities over the change of user",
    )?;
    groups(process, &user)?;
    sys::set_gid(process.gid).step(&user.child("gid"), || {
        format!("become group {}", process.gid)
    })?;
    sys::set_uid(process.uid).step(&user.child("uid"), || {
        format!("become user {}", process.uid)
    })?;
    caps::keep(false).step(&capabilities, || "end keeping capabilities")?;
    umask(process.umask.map_or(caller_umask, Mode::from_bits_truncate));
    set_capabilities(set, keep, &capabilities)?;
    if process.no_new_privileges {
        prctl::set_no_new_privs().step(&origin.child("noNewPrivileges"), || "set no_new_privs")?;
    }
    Ok(())
}

fn groups(process: &Process, user: &Origin) -> Result<(), StepError> {
    match sys::set_groups(&process.groups) {
        // Without privilege a user namespace denies setgroups(2) (user_namespaces(7)); the
        // caller's groups are then not mapped inside and grant nothing there.
        Err(Errno::EPERM) if process.groups.is_empty() => Ok(()),
        result => result.step(&user.child("additionalGids"), || {
            format!("join groups {:?}", process.groups)
        }),
    }
}

fn drop_bounding(wanted: u64, origin: &Origin) -> Result<(), StepError> {
    for capability in (0..64u8).filter(|capability| wanted & (1 << capability) == 0) {
        match caps::drop_bounding(capability) {
            // The kernel knows no capability from here on.
            Err(Errno::EINVAL) => break,
            // Nothing may be dropped, but this one need not be.
            Err(Errno::EPERM) if caps::bounding() & (1 << capability) == 0 => {}
            dropped => dropped.step(&origin.child("bounding"), || {
                format!("drop capability {capability} from the bounding set")
            })?,
        }
    }
    Ok(())
}

fn set_capabilities(set: &Capabilities, keep: u64, origin: &Origin) -> Result<(), StepError> {
    caps::set(caps::Sets {
        effective: set.effective | keep,
        permitted: set.permitted | keep,
        inheritable: set.inheritable,
    })
    .step(origin, || "set capabilities")?;
    caps::clear_ambient().step(&origin.child("ambient"), || "empty the ambient set")?;
    for capability in (0..64u8).filter(|capability| set.ambient & (1 << capability) != 0) {
        caps::raise_ambient(capability).step(&origin.child("ambient"), || {
            format!("raise capability {capability} in the ambient set")
        })?;
    }
    Ok(())
}

/// Enters the working directory and proves that it lies inside (CVE-2024-21626).
pub fn enter_cwd(cwd: &Path, origin: &Origin) -> Result<(), StepError> {
    let origin = origin.child("cwd");
    nix::unistd::chdir(cwd).map_err(|errno| {
        StepError::new(format!("chdir to cwd {}", cwd.display()), errno, &origin)
    })?;
    match nix::unistd::getcwd() {
        Ok(path) if path.is_absolute() => Ok(()),
        Ok(_) | Err(Errno::ENOENT) => Err(StepError::refused(
            format!("cwd {} lies outside of the container", cwd.display()),
            &origin,
        )),
        Err(errno) => Err(StepError::new("find the cwd", errno, &origin)),
    }
}
