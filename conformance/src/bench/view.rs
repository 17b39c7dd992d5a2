//! The cgroup layout that everything is measured in.

use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::options::Layout;
use super::{Error, at};
use crate::drive::{View, private_mounts};

const ROOT: &str = "/sys/fs/cgroup";

/// Moves the calling thread, and with it what it starts, into the layout that was asked for; says which.
pub(super) fn enter(layout: Layout) -> Result<&'static str, Error> {
    match layout {
        Layout::Host => {}
        Layout::Auto | Layout::V1 => {
            if let Some(view) = at("make a cgroup v1 view", View::pure_v1())? {
                at("enter the cgroup v1 view", view.enter())?;
            }
        }
        Layout::V2 => at("make a cgroup v2 view", enter_v2())?,
    }
    Ok(present())
}

fn enter_v2() -> std::io::Result<()> {
    if present() == "v2" {
        return Ok(());
    }
    private_mounts()?;
    mount(
        Some("cgroup2"),
        ROOT,
        Some("cgroup2"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    Ok(())
}

/// The layout that the calling thread sees.
fn present() -> &'static str {
    let has = |file: &str| Path::new(ROOT).join(file).exists();
    match (has("cgroup.controllers"), has("unified/cgroup.procs")) {
        (true, _) => "v2",
        (false, true) => "hybrid",
        (false, false) => "v1",
    }
}
