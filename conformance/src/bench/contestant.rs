//! Those who are measured, and how each is called.

use std::path::{Path, PathBuf};

use super::Error;
use super::document::{Entrant, Kind};
use super::idle::Resident;
use super::setting::Setting;
use super::tools::{Tools, read};
use crate::drive::Runtime;

/// One who is measured.
pub struct Contestant {
    pub(super) entrant: Entrant,
    /// How it is called, before a command.
    argv: Vec<String>,
    /// Where a runtime keeps its state; the floor as well.
    root: PathBuf,
    /// The run's part of the ids of containers.
    token: String,
    /// Containers so far: each has an id of its own.
    made: usize,
    /// The container that `exec` enters.
    pub(super) resident: Option<Resident>,
}

impl Contestant {
    /// A runtime.
    pub(super) fn runtime(runtime: &Runtime, tools: &Tools) -> Result<Self, Error> {
        let version =
            tools.measure(&[runtime.argv.as_slice(), &["--version".to_owned()]].concat())?;
        let entrant = Entrant {
            name: runtime.name.clone(),
            kind: Kind::Runtime,
            command: runtime.argv.join(" "),
            version: version.output.lines().next().unwrap_or_default().to_owned(),
        };
        let mut contestant = Self::new(entrant, runtime.argv.clone(), tools);
        let root = contestant.root.display().to_string();
        contestant.argv.extend(["--root".to_owned(), root]);
        Ok(contestant)
    }

    /// The floor in one of its forms, or the empty program.
    pub(super) fn reference(kind: Kind, tools: &Tools) -> Self {
        let (name, program) = match kind {
            Kind::Empty => ("empty", tools.empty()),
            Kind::Bare => ("bare", tools.floor()),
            Kind::Equipped | Kind::Runtime => ("floor", tools.floor()),
        };
        let entrant = Entrant {
            name: name.to_owned(),
            kind,
            command: "built in".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Self::new(entrant, vec![program.display().to_string()], tools)
    }

    fn new(entrant: Entrant, argv: Vec<String>, tools: &Tools) -> Self {
        Self {
            root: tools.dir().join(format!("state-{}", entrant.name)),
            token: tools.token().to_owned(),
            made: 0,
            resident: None,
            entrant,
            argv,
        }
    }

    /// Whether it is a runtime.
    pub(super) fn is_runtime(&self) -> bool {
        self.entrant.kind == Kind::Runtime
    }

    /// The argument vector of one command.
    pub(super) fn call(&self, words: &[&str]) -> Vec<String> {
        self.argv
            .iter()
            .cloned()
            .chain(words.iter().map(ToString::to_string))
            .collect()
    }

    /// The argument vector of a command on the container `id` that takes no more.
    pub(super) fn call_on(&self, command: &str, id: &str) -> Vec<String> {
        if self.is_runtime() {
            self.call(&[command, id])
        } else {
            self.floor_call(command, id)
        }
    }

    /// How the container `id` of `setting` is run.
    pub(super) fn run_call(&self, setting: &Setting, id: &str) -> Vec<String> {
        if self.is_runtime() {
            let bundle = setting.bundle.display().to_string();
            return self.call(&["run", "--bundle", &bundle, id]);
        }
        let mut argv = self.floor_call("run", id);
        if self.entrant.kind == Kind::Equipped {
            argv.push("--equipped".to_owned());
        }
        argv.extend(floor_container(setting));
        argv
    }

    /// How the container `id` of `setting` is created.
    pub(super) fn create_call(&self, setting: &Setting, id: &str, pid_file: &Path) -> Vec<String> {
        if self.is_runtime() {
            let bundle = setting.bundle.display().to_string();
            let pid_file = pid_file.display().to_string();
            return self.call(&["create", "--bundle", &bundle, "--pid-file", &pid_file, id]);
        }
        let mut argv = self.floor_call("create", id);
        argv.extend(floor_container(setting));
        argv
    }

    /// How the resident container is entered; nothing where there is none.
    pub(super) fn exec_call(&self, payload: &[&str]) -> Option<Vec<String>> {
        let resident = self.resident.as_ref()?;
        let pid = resident.pid.to_string();
        let words: &[&str] = match self.entrant.kind {
            Kind::Runtime => &["exec", &resident.id],
            Kind::Equipped => &["exec", "--equipped", &pid],
            _ => &["exec", &pid],
        };
        Some(self.call(&[words, payload].concat()))
    }

    fn floor_call(&self, command: &str, id: &str) -> Vec<String> {
        let root = self.root.display().to_string();
        self.call(&[command, "--id", id, "--state", &root])
    }

    /// An id that no container has had.
    pub(super) fn next_id(&mut self) -> String {
        self.made += 1;
        format!("{}-{}-{}", self.token, self.entrant.name, self.made)
    }

    /// The first process of the created container `id`, which wrote `pid_file` if it is a runtime's.
    pub(super) fn pid_of(&self, id: &str, pid_file: &Path) -> Result<i32, Error> {
        if self.is_runtime() {
            return Ok(read(pid_file)?.trim().parse().unwrap_or(0));
        }
        let state = read(&self.root.join(id).join("state.json"))?;
        let state: serde_json::Value = serde_json::from_str(&state).unwrap_or_default();
        Ok(state["pid"].as_i64().unwrap_or(0) as i32)
    }
}

/// The floor's options for the container of `setting`, its root file system and its program.
fn floor_container(setting: &Setting) -> Vec<String> {
    let mut words = setting.floor.clone();
    words.push(setting.bundle.join("rootfs").display().to_string());
    words.extend(setting.payload.iter().cloned());
    words
}
