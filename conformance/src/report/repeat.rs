//! The commands by which a reader repeats a case by hand.

use std::collections::BTreeMap;

use crate::shell::quote;

/// How the runtimes of a log were called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeat {
    /// The program that ran the cases, as it was called.
    pub program: String,
    /// What was given to `--runtime`, by the runtime's name.
    pub runtimes: BTreeMap<String, String>,
}

impl Repeat {
    /// The command that repeats one case on one runtime and keeps what it leaves; none where the
    /// runtime's call is not known (a log of another machine).
    pub fn command(&self, runtime: &str, case: &str) -> Option<String> {
        let call = self.runtimes.get(runtime)?;
        Some(format!(
            "{} repro {} --runtime {}",
            self.program,
            quote(case),
            quote(call)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let repeat = Repeat {
            program: "plimsoll".into(),
            runtimes: [("runc".into(), "runc=/usr/sbin/runc --debug".into())].into(),
        };
        let command = repeat.command("runc", "a/b/it's").unwrap();
        assert_eq!(
            command,
            r"plimsoll repro 'a/b/it'\''s' --runtime 'runc=/usr/sbin/runc --debug'"
        );
        assert_eq!(repeat.command("crun", "a/b/c"), None);
    }
}
