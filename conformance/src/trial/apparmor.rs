//! AppArmor profiles of a trial's own, which the kernel holds for as long as the case runs.

use std::path::PathBuf;

use super::trial::Trial;
use crate::observe::host;
use crate::verdict::Check;

/// apparmor_parser(8).
const PARSER: &str = "apparmor_parser";

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
        self.host(PARSER, &profile.arguments("--replace"))?;
        Ok(profile)
    }
}

impl Profile {
    /// The parser's arguments; it would otherwise keep a copy in the machine's cache.
    fn arguments(&self, operation: &str) -> Vec<String> {
        let file = self.file.display().to_string();
        let words = [operation, "--skip-cache", "--quiet", &file];
        words.map(str::to_owned).to_vec()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Harmless where it fails: the name is this trial's alone, and nothing else runs under it.
        let _ = host(PARSER, &self.arguments("--remove"));
    }
}
