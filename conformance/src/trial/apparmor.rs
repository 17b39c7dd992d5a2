//! AppArmor profiles of a trial's own, which the kernel holds for as long as the case runs.

use std::path::PathBuf;

use super::trial::Trial;
use crate::observe::host;
use crate::verdict::Check;

/// A loaded profile; dropped, it is unloaded.
pub struct Profile {
    file: PathBuf,
}

impl Trial {
    /// Loads an AppArmor profile named `plimsoll-{id}` that allows everything but what `rules` deny
    /// (apparmor.d(5)).
    pub fn load_profile(&self, rules: &str) -> Check<Profile> {
        let file = self.fresh_path("profile");
        let name = format!("plimsoll-{}", self.id());
        let all = "file, capability, network, mount, umount, signal, ptrace, unix,";
        // The pipes that the program is given belong to no mount of its root.
        let flags = "flags=(attach_disconnected)";
        self.write(
            &file,
            &format!("profile {name} {flags} {{\n  {all}\n  {rules}\n}}\n"),
        )?;
        let profile = Profile { file };
        profile.parser("--replace")?;
        Ok(profile)
    }
}

impl Profile {
    /// `apparmor_parser(8)`, which would otherwise keep a copy in the machine's cache.
    fn parser(&self, operation: &str) -> Check<String> {
        let file = self.file.display().to_string();
        host(
            "apparmor_parser",
            &[operation, "--skip-cache", "--quiet", file.as_str()],
        )
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Harmless where it fails: the name is this trial's alone, and nothing else runs under it.
        let _ = self.parser("--remove");
    }
}
