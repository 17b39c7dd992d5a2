//! The builder of a call of `plimsoll`.

use std::path::PathBuf;
use std::process::Command;

use plimsoll_fixtures::executable;
use tempfile::TempDir;

/// A call of `plimsoll`, in a folder of its own.
pub(crate) struct Call {
    program: PathBuf,
    folder: TempDir,
    args: Vec<String>,
    env: Vec<(&'static str, &'static str)>,
}

/// Begins a call: words are arguments.
pub(crate) fn plimsoll(words: &str) -> Call {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Call {
        program: env!("CARGO_BIN_EXE_plimsoll").into(),
        folder,
        args: words.split_whitespace().map(str::to_owned).collect(),
        env: Vec::new(),
    }
}

impl Call {
    /// Writes a file into the folder that the call is made from.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).expect("the folder is writable");
        self
    }

    /// Writes an executable file into the folder.
    pub(crate) fn executable(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        executable::write(&path, text.as_bytes()).expect("the folder is writable");
        self
    }

    /// Calls a copy of the program that lies alone in the folder.
    pub(crate) fn alone(mut self) -> Self {
        let copy = self.folder.path().join("plimsoll");
        executable::copy(&self.program, &copy).expect("the folder is writable");
        self.program = copy;
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    /// Makes the call.
    pub(crate) fn run(self) -> Done {
        let output = Command::new(&self.program)
            .args(&self.args)
            .current_dir(self.folder.path())
            // Help is wrapped to the terminal's width.
            .env_remove("COLUMNS")
            .envs(self.env.iter().copied())
            .output()
            .expect("plimsoll starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        Done {
            call: self.args.join(" "),
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            folder: self.folder,
        }
    }
}

/// A call that has ended.
pub(crate) struct Done {
    call: String,
    status: Option<i32>,
    pub(crate) stdout: String,
    stderr: String,
    folder: TempDir,
}

impl Done {
    /// Checks the exit status.
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(
            self.status,
            Some(status),
            "{}\n{}\n{}",
            self.call,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Checks that standard output has a text.
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "{} prints no {text:?}:\n{}",
            self.call,
            self.stdout
        );
        self
    }

    /// Checks that standard error has a text, and that it is one line.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "{} says no {text:?}:\n{}",
            self.call,
            self.stderr
        );
        self
    }

    /// Checks that nothing went to standard output.
    pub(crate) fn silent(self) -> Self {
        assert_eq!(self.stdout, "", "{}", self.call);
        self
    }

    /// Reads a file from the folder of the call.
    pub(crate) fn wrote(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{} prints no JSON: {error}\n{}", self.call, self.stdout)
        })
    }
}
