//! What a configuration must not contradict, by chapter of the specification.
//!
//! Types, unknown words of enumerations and absent required properties were refused before; here are
//! the rules that a value's type cannot say. What depends on the machine is left to the plan.

mod annotations;
mod cgroups;
mod devices;
mod hooks;
mod linux;
mod mounts;
mod namespaces;
mod nul;
mod process;
mod rules;
mod seccomp;
mod version;

use oci_spec::runtime::{Process, Spec};

use super::gaps::Gaps;
use super::pointer::Problem;
use rules::require;

/// A check's outcome.
type Checked = Result<(), Problem>;

/// Checks a configuration. `absent` are pointers of properties that only some cases require, `text`
/// is what `spec` was read from.
pub(super) fn config(spec: &Spec, gaps: &Gaps, absent: &[String], text: &str) -> Checked {
    version::check(spec.version())?;
    if let Some(root) = spec.root() {
        require(
            !root.path().as_os_str().is_empty(),
            "/root/path",
            "must not be empty",
        )?;
    }
    if let Some(mounts) = spec.mounts() {
        mounts::check(mounts)?;
    }
    if let Some(process) = spec.process() {
        process::check(process, "/process")?;
    }
    if let Some(hooks) = spec.hooks() {
        hooks::check(hooks)?;
    }
    if let Some(annotations) = spec.annotations() {
        annotations::check(annotations)?;
    }
    namespaces::check(spec)?;
    if let Some(linux) = spec.linux() {
        linux::check(linux, absent)?;
        if let Some(resources) = linux.resources() {
            cgroups::check(resources, gaps)?;
        }
        if let Some(seccomp) = linux.seccomp() {
            seccomp::check(seccomp)?;
        }
    }
    nul::check(spec, text)
}

/// Checks a process that stands alone.
pub(super) fn process(process: &Process, text: &str) -> Checked {
    process::check(process, "")?;
    nul::check(process, text)
}
