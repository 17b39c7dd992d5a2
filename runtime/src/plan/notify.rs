//! sd_notify(3) for a container: a socket of its own in place of the service manager's, which it cannot reach.
//!
//! The folder with the socket is bound at a fixed place, and `NOTIFY_SOCKET` names it inside, as runc has it.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use oci_spec::runtime::LinuxNamespaceType;

use super::mounts::{Attributes, Mount, Source, c_string, relative};
use super::namespaces::Namespaces;
use super::process::Process;
use super::{Origin, PlanError};
use crate::sys::mount::attr;

/// The variable that names the socket, outside and inside.
pub const VARIABLE: &str = "NOTIFY_SOCKET";
/// Where the folder is bound, inside.
const FOLDER: &str = "/run/notify";
/// The socket in the folder.
pub const SOCKET: &str = "notify.sock";

const ORIGIN: Origin = Origin::at(VARIABLE);

/// Gives the process a socket in `folder`; false where mounts are the machine's own, since nothing may be
/// mounted there for a container.
pub(super) fn plan(
    folder: &Path,
    namespaces: &Namespaces,
    process: &mut Process,
    mounts: &mut Vec<Mount>,
) -> Result<bool, PlanError> {
    if !namespaces.creates(LinuxNamespaceType::Mount) {
        return Ok(false);
    }
    mounts.push(mount(folder));
    announce(process)?;
    Ok(true)
}

/// The mount of the socket's `folder`.
fn mount(folder: &Path) -> Mount {
    Mount {
        target: relative(Path::new(FOLDER)),
        source: Source::Bind {
            path: PathBuf::from(folder),
            recursive: false,
            idmap: None,
        },
        flags: MsFlags::empty(),
        data: CString::default(),
        attributes: Attributes {
            set: attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC,
            clear: 0,
        },
        recursive: Attributes::default(),
        propagation: Vec::new(),
        copy_up: false,
        origin: ORIGIN,
    }
}

/// Tells the process where its socket is, in place of what config.json says: nobody listens elsewhere.
fn announce(process: &mut Process) -> Result<(), PlanError> {
    let name = format!("{VARIABLE}=");
    process
        .env
        .retain(|entry| !entry.as_bytes().starts_with(name.as_bytes()));
    let entry = format!("{name}{FOLDER}/{SOCKET}");
    process.env.push(c_string(entry.into_bytes(), &ORIGIN)?);
    Ok(())
}
