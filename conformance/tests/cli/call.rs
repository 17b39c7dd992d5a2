//! The builder of a call of `plimsoll`.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A call of `plimsoll`, in a folder of its own.
pub(crate) struct Call {
    program: PathBuf,
    folder: TempDir,
    args: Vec<String>,
}

/// Begins a call: words are arguments.
pub(crate) fn plimsoll(words: &str) -> Call {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Call {
        program: env!("CARGO_BIN_EXE_plimsoll").into(),
        folder,
        args: words.split_whitespace().map(str::to_owned).collect(),
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
        let call = self.file(name, text);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(call.folder.path().join(name), mode).expect("the file is ours");
        call
    }

    /// Calls a copy of the program that lies alone in the folder.
    pub(crate) fn alone(mut self) -> Self {
        let copy = self.folder.path().join("plimsoll");
        std::fs::copy(&self.program, &copy).expect("the folder is writable");
        self.program = copy;
        self
    }

    /// Makes the call.
    pub(crate) fn run(self) -> Done {
        let output = Command::new(&self.program)
            .args(&self.args)
            .current_dir(self.folder.path())
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
