//! What the flags before the command say.

use std::path::{Path, PathBuf};

use super::error::{CommandError, UsageError};
use super::log::Log;
use super::parse::Matches;
use crate::state::Store;

/// Who makes control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupManager {
    /// plimrun itself.
    Cgroupfs,
    /// systemd.
    Systemd,
    /// Nobody: the container stays in the caller's.
    Disabled,
}

/// What every command gets.
#[derive(Debug)]
pub struct Context {
    /// The containers.
    pub store: Store,
    /// Who makes control groups: `--systemd-cgroup` and `--cgroup-manager`.
    pub cgroup_manager: CgroupManager,
    /// `--rootless`: `None` is "find out".
    pub rootless: Option<bool>,
    /// Where warnings and errors go.
    pub log: Log,
}

impl Context {
    /// Reads the global flags and the environment.
    pub(super) fn new(globals: &Matches) -> Result<Self, CommandError> {
        let invalid = |flag: &str, value: &str, expected| UsageError::InvalidValue {
            flag: flag.to_owned(),
            value: value.to_owned(),
            expected,
        };
        let cgroup_manager = match globals.value("cgroup-manager") {
            Some("disabled") => CgroupManager::Disabled,
            Some("systemd") => CgroupManager::Systemd,
            Some("cgroupfs") | None if globals.switch("systemd-cgroup") => CgroupManager::Systemd,
            Some("cgroupfs") | None => CgroupManager::Cgroupfs,
            Some(other) => {
                return Err(
                    invalid("cgroup-manager", other, "cgroupfs, systemd or disabled").into(),
                );
            }
        };
        let rootless = match globals.value("rootless") {
            None | Some("auto") => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => return Err(invalid("rootless", other, "true, false or auto").into()),
        };
        let json = match globals.value("log-format") {
            None | Some("text" | "") => false,
            Some("json") => true,
            Some(other) => return Err(invalid("log-format", other, "text or json").into()),
        };
        let log = Log::open(
            globals.value("log").map(Path::new),
            json,
            globals.switch("debug"),
        )?;
        let root = globals
            .value("root")
            .map_or_else(default_root, PathBuf::from);
        let root = std::path::absolute(&root).map_err(CommandError::io(format!(
            "resolve --root {}",
            root.display()
        )))?;
        Ok(Self {
            store: Store::new(root),
            cgroup_manager,
            rootless,
            log,
        })
    }
}

/// `/run/plimrun`, or `$XDG_RUNTIME_DIR/plimrun` without root. Podman passes an empty variable, which
/// must mean the same as none.
fn default_root() -> PathBuf {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    match runtime_dir {
        Some(dir) if !nix::unistd::geteuid().is_root() => Path::new(&dir).join("plimrun"),
        _ => PathBuf::from("/run/plimrun"),
    }
}
