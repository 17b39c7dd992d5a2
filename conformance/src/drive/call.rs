//! What is asked of a runtime in one call of its command line.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limit::Limit;

/// Where one standard stream of a call leads.
#[derive(Debug, Clone, Default)]
pub enum Stdio {
    /// Standard input: /dev/null. Standard output and error: kept, for the [`super::Outcome`].
    #[default]
    Kept,
    /// A descriptor of ours, which a container made by the call inherits.
    Fd(Arc<OwnedFd>),
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Self {
        Self::Fd(Arc::new(fd))
    }
}

/// One call: the arguments, and what the process is given.
///
/// `globals` stand before the operation (`--root …`), so that `args[0]` is the operation.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// A program that makes the call, and its arguments: it gets the runtime's whole argument
    /// vector behind its own. None by default.
    pub through: Vec<String>,
    /// The options before the operation.
    pub globals: Vec<String>,
    /// The operation and its arguments.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: Stdio,
    /// Standard output.
    pub stdout: Stdio,
    /// Standard error.
    pub stderr: Stdio,
    /// Additions to the environment, which is otherwise the runner's own.
    pub env: Vec<(String, String)>,
    /// The working directory; the runner's own if absent.
    pub cwd: Option<PathBuf>,
    /// After how long the call is killed.
    pub limit: Limit,
}

impl Call {
    /// The operation: `create`, `start`, …; empty if the call has none.
    pub fn operation(&self) -> &str {
        self.args.first().map_or("", String::as_str)
    }

    /// The container's id: the last argument, but of `kill` and `exec`, where more follows it.
    pub fn id(&self) -> &str {
        let id = match self.operation() {
            "kill" | "exec" => self.args.iter().skip(1).find(|arg| !arg.starts_with('-')),
            _ => self.args.iter().skip(1).next_back(),
        };
        id.map_or("", String::as_str)
    }

    /// A path beside the directory that `--root` names: in the directory of the trial.
    pub fn beside_root(&self, name: &str) -> PathBuf {
        let root = self
            .globals
            .iter()
            .skip_while(|word| *word != "--root")
            .nth(1);
        root.and_then(|root| Path::new(root).parent())
            .map_or_else(PathBuf::new, |dir| dir.join(name))
    }

    /// The value of a flag, given as `--flag VALUE` or `--flag=VALUE`.
    pub fn flag(&self, name: &str) -> Option<&str> {
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            if arg == name {
                return args.next().map(String::as_str);
            }
            if let Some(value) = arg
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('='))
            {
                return Some(value);
            }
        }
        None
    }

    /// The bundle that the call names by `--bundle`, else its working directory.
    pub fn bundle(&self) -> Option<&Path> {
        self.flag("--bundle")
            .or_else(|| self.flag("-b"))
            .map(Path::new)
            .or(self.cwd.as_deref())
    }

    /// Sets standard input.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets standard output.
    #[must_use]
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Sets standard error.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Lets another program make the call, whose last arguments the runtime's argument vector
    /// becomes: `["nice", "-n", "5"]`.
    #[must_use]
    pub fn through<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.through = args.into_iter().map(Into::into).collect();
        self
    }

    /// Lets a shell make the call, behind these commands: `umask 027`.
    #[must_use]
    pub fn behind(self, commands: &str) -> Self {
        let script = format!("{commands}; exec \"$@\"");
        self.through(["/bin/sh", "-c", &script, "sh"])
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cwd = Some(dir.into());
        self
    }

    /// The same call with other arguments.
    #[must_use]
    pub fn with_args<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
            ..self.clone()
        }
    }

    /// Another operation in the same surroundings, with its output kept apart.
    #[must_use]
    pub fn aside<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            stdin: Stdio::Kept,
            stdout: Stdio::Kept,
            stderr: Stdio::Kept,
            ..self.with_args(args)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(args: &[&str]) -> Call {
        Call::default().with_args(args.iter().copied())
    }

    #[test]
    fn a_flag_is_found_in_both_spellings() {
        assert_eq!(
            call(&["create", "--bundle", "/b", "id"]).flag("--bundle"),
            Some("/b")
        );
        assert_eq!(
            call(&["create", "--bundle=/b", "id"]).flag("--bundle"),
            Some("/b")
        );
        assert_eq!(
            call(&["create", "--bundles=/b", "id"]).flag("--bundle"),
            None
        );
    }

    #[test]
    fn a_shell_passes_the_call_on() {
        let call = call(&["create"]).behind("umask 027");
        assert_eq!(
            call.through,
            ["/bin/sh", "-c", "umask 027; exec \"$@\"", "sh"]
        );
    }

    #[test]
    fn the_id_is_found_among_other_arguments() {
        assert_eq!(call(&["kill", "c1", "KILL"]).id(), "c1");
        assert_eq!(call(&["kill", "--all", "c1", "KILL"]).id(), "c1");
        assert_eq!(call(&["create", "--bundle", "/b", "c1"]).id(), "c1");
        assert_eq!(call(&["start"]).id(), "");
    }

    #[test]
    fn the_bundle_falls_back_to_the_working_directory() {
        assert_eq!(
            call(&["create", "id"]).cwd("/c").bundle(),
            Some(Path::new("/c"))
        );
        assert_eq!(
            call(&["create", "-b", "/b"]).cwd("/c").bundle(),
            Some(Path::new("/b"))
        );
    }
}
