//! What the command line adds to the configuration.

use std::path::PathBuf;

/// What `create`, `run` and `restore` were told besides config.json.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Options {
    /// The container's id.
    pub id: String,
    /// The bundle's folder, absolute.
    pub bundle: PathBuf,
    /// `--no-pivot`: MS_MOVE and chroot in place of pivot_root.
    pub no_pivot: bool,
    /// `--no-new-keyring`: keep the caller's session keyring.
    pub no_new_keyring: bool,
    /// `--preserve-fds`: this many descriptors from 3 on reach the process.
    pub preserve_fds: u32,
    /// `--systemd-cgroup`: ask systemd for the cgroup.
    pub systemd_cgroup: bool,
    /// `--cgroup-manager disabled`: stay in the caller's cgroups.
    pub no_cgroup: bool,
    /// The number of descriptors announced by the caller's LISTEN_FDS, passed on from 3.
    pub listen_fds: u32,
    /// The folder whose socket stands for the service manager's; absent where the caller has none.
    pub notify: Option<PathBuf>,
}
