//! Those who are measured, and the blocks of commands that each is asked for.

use std::io::{BufRead, BufReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plimsoll_fixtures::bundle::Bundle;
use serde_json::Value;

use super::document::{Entrant, Kind, Phase};
use super::measured::{Measured, Reading};
use super::tools::{Tools, read};
use super::{Error, at};
use crate::drive::Runtime;

/// Commands that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// The program's own start.
    Process,
    /// `run`.
    Run,
    /// `create`, `state`, `start`, `delete`.
    Lifecycle,
    /// `exec` in a resident container.
    Exec,
}

impl Block {
    pub(super) const ALL: [Self; 4] = [Self::Process, Self::Run, Self::Lifecycle, Self::Exec];
}

/// One sample, or why there is none.
pub(super) type Sample = Result<Reading, Miss>;

/// A command that gave no sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Miss {
    pub(super) timed_out: bool,
    pub(super) why: String,
}

impl Miss {
    fn of(command: &str, measured: &Measured) -> Self {
        let text = measured.output.trim();
        let why = match (measured.timed_out, text.is_empty()) {
            (true, _) => format!("{command}: killed at the time limit"),
            (false, true) => format!("{command}: wait status {:#x}", measured.status),
            (false, false) => format!("{command}: {}", text.lines().last().unwrap_or_default()),
        };
        Self {
            timed_out: measured.timed_out,
            why,
        }
    }
}

/// What to run, in the form that each kind of contestant takes.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The bundle of runtimes, whose root file system serves the floor as well.
    pub(super) bundle: PathBuf,
    /// The floor's options for the same container.
    pub(super) floor: Vec<String>,
}

impl Setting {
    /// Writes `bundle` to `dir`; the floor makes the parts `only`, or all.
    pub(super) fn write(bundle: &Bundle, dir: &Path, only: Option<&[&str]>) -> Result<Self, Error> {
        bundle.write_to(dir)?;
        let mut floor = Vec::new();
        for (option, list) in [("--mask", "maskedPaths"), ("--read-only", "readonlyPaths")] {
            let paths: Vec<&str> = bundle.spec()["linux"][list]
                .as_array()
                .map(|paths| paths.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            if !paths.is_empty() {
                floor.extend([option.to_owned(), paths.join(",")]);
            }
        }
        if let Some(only) = only {
            floor.extend(["--only".to_owned(), only.join(",")]);
        }
        Ok(Self {
            bundle: dir.to_owned(),
            floor,
        })
    }
}

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
    resident: Option<Resident>,
}

/// A container that lives on, for `exec`. Its agent ends when this is dropped.
enum Resident {
    Container { id: String, _input: PipeWriter },
    Floor { process: Child, inner: i32 },
}

impl Contestant {
    /// A runtime.
    pub(super) fn runtime(runtime: &Runtime, tools: &Tools) -> Result<Self, Error> {
        let root = tools.dir().join(format!("state-{}", runtime.name));
        let mut argv = runtime.argv.clone();
        argv.extend(["--root".to_owned(), root.display().to_string()]);
        let version =
            tools.measure(&[runtime.argv.as_slice(), &["--version".to_owned()]].concat())?;
        let first = version.output.lines().next().unwrap_or_default().to_owned();
        Ok(Self::new(
            Kind::Runtime,
            &runtime.name,
            runtime.argv.join(" "),
            first,
            argv,
            root,
            tools.token(),
        ))
    }

    /// The floor in one of its forms, or the empty program.
    pub(super) fn reference(kind: Kind, tools: &Tools) -> Self {
        let floor = tools.floor().display().to_string();
        let (name, argv) = match kind {
            Kind::Empty => ("empty", vec![tools.empty().display().to_string()]),
            Kind::Bare => ("bare", vec![floor]),
            Kind::Equipped | Kind::Runtime => ("floor", vec![floor]),
        };
        let root = tools.dir().join(format!("state-{name}"));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self::new(
            kind,
            name,
            "built in".to_owned(),
            version,
            argv,
            root,
            tools.token(),
        )
    }

    fn new(
        kind: Kind,
        name: &str,
        command: String,
        version: String,
        argv: Vec<String>,
        root: PathBuf,
        token: &str,
    ) -> Self {
        let entrant = Entrant {
            name: name.to_owned(),
            kind,
            command,
            version,
        };
        Self {
            entrant,
            argv,
            root,
            token: token.to_owned(),
            made: 0,
            resident: None,
        }
    }

    /// Measures one block; nothing where the contestant does not take part in it.
    pub(super) fn measure(
        &mut self,
        tools: &Tools,
        block: Block,
        setting: &Setting,
    ) -> Result<Vec<(Phase, Sample)>, Error> {
        match (self.entrant.kind, block) {
            (Kind::Runtime, Block::Process) => self.simple(tools, Phase::Process, &["--version"]),
            (Kind::Empty, Block::Process) => self.simple(tools, Phase::Process, &[]),
            (Kind::Bare, Block::Process) => self.simple(tools, Phase::Process, &["nothing"]),
            (Kind::Runtime | Kind::Bare | Kind::Equipped, Block::Run) => self.run(tools, setting),
            (Kind::Runtime, Block::Lifecycle) => self.lifecycle(tools, setting),
            (Kind::Runtime | Kind::Equipped, Block::Exec) => self.exec(tools),
            _ => Ok(Vec::new()),
        }
    }

    fn simple(
        &self,
        tools: &Tools,
        phase: Phase,
        words: &[&str],
    ) -> Result<Vec<(Phase, Sample)>, Error> {
        Ok(vec![(
            phase,
            whole(phase.name(), &tools.measure(&self.call(words))?),
        )])
    }

    /// The argument vector of one command.
    fn call(&self, words: &[&str]) -> Vec<String> {
        self.argv
            .iter()
            .cloned()
            .chain(words.iter().map(ToString::to_string))
            .collect()
    }

    /// How a container of `setting` is run, and its id.
    pub(super) fn run_call(
        &mut self,
        setting: &Setting,
        payload: &[&str],
    ) -> (Vec<String>, String) {
        let id = self.next_id();
        let bundle = setting.bundle.display().to_string();
        if self.entrant.kind == Kind::Runtime {
            return (self.call(&["run", "--bundle", &bundle, &id]), id);
        }
        let mut argv = self.call(&[
            "run",
            "--id",
            &id,
            "--state",
            &self.root.display().to_string(),
        ]);
        if self.entrant.kind == Kind::Equipped {
            argv.push("--equipped".to_owned());
        }
        argv.extend(setting.floor.iter().cloned());
        argv.push(setting.bundle.join("rootfs").display().to_string());
        argv.extend(payload.iter().map(ToString::to_string));
        (argv, id)
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        format!("{}-{}-{}", self.token, self.entrant.name, self.made)
    }

    fn run(&mut self, tools: &Tools, setting: &Setting) -> Result<Vec<(Phase, Sample)>, Error> {
        let (argv, id) = self.run_call(setting, &["/probe", "stamp"]);
        let measured = tools.measure(&argv)?;
        let sample = whole("run", &measured);
        let stamp = stamped("run", &measured);
        if stamp.is_err() {
            self.remove(tools, &id)?;
        }
        let first = stamp
            .clone()
            .map(|stamp| Reading::span(measured.begin_ns, stamp));
        let exit_seen = stamp.map(|stamp| Reading::span(stamp, measured.end_ns));
        Ok(vec![
            (Phase::First, first),
            (Phase::ExitSeen, exit_seen),
            (Phase::Run, sample),
        ])
    }

    fn lifecycle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
    ) -> Result<Vec<(Phase, Sample)>, Error> {
        let (id, output) = (self.next_id(), tools.output_file());
        let pid_file = output.with_extension("pid");
        let create = tools.measure_into(&output, &self.create_call(setting, &id, &pid_file))?;
        let mut samples = vec![(Phase::Create, whole("create", &create))];
        if !create.succeeded() {
            self.remove(tools, &id)?;
            return Ok(samples);
        }
        let state = tools.measure(&self.call(&["state", &id]))?;
        samples.push((Phase::State, whole("state", &state)));
        let start = tools.measure(&self.call(&["start", &id]))?;
        samples.push((Phase::Start, whole("start", &start)));
        let pid = read(&pid_file)?.trim().parse().unwrap_or(0);
        let ended = start.succeeded() && tools.await_end(pid)?;
        let stamp = read(&output)?
            .lines()
            .rev()
            .find_map(|line| line.trim().parse().ok());
        let first = match stamp {
            Some(stamp) if ended => Ok(Reading::span(start.begin_ns, stamp)),
            _ => Err(Miss {
                timed_out: !ended,
                why: "start: the payload left no stamp".to_owned(),
            }),
        };
        samples.push((Phase::StartFirst, first));
        let delete = tools.measure(&self.call(&["delete", &id]))?;
        if !delete.succeeded() {
            self.remove(tools, &id)?;
        }
        samples.push((Phase::Delete, whole("delete", &delete)));
        Ok(samples)
    }

    /// How a container is created.
    pub(super) fn create_call(&self, setting: &Setting, id: &str, pid_file: &Path) -> Vec<String> {
        let (bundle, pid_file) = (
            setting.bundle.display().to_string(),
            pid_file.display().to_string(),
        );
        self.call(&["create", "--bundle", &bundle, "--pid-file", &pid_file, id])
    }

    fn exec(&mut self, tools: &Tools) -> Result<Vec<(Phase, Sample)>, Error> {
        let argv = match &self.resident {
            None => return Ok(Vec::new()),
            Some(Resident::Container { id, .. }) => self.call(&["exec", id, "/probe", "stamp"]),
            Some(Resident::Floor { inner, .. }) => {
                self.call(&["exec", &inner.to_string(), "/probe", "stamp"])
            }
        };
        let measured = tools.measure(&argv)?;
        let sample = whole("exec", &measured);
        let first = stamped("exec", &measured).map(|stamp| Reading::span(measured.begin_ns, stamp));
        Ok(vec![(Phase::ExecFirst, first), (Phase::Exec, sample)])
    }

    /// Starts the container that `exec` enters; `setting` plays the agent.
    pub(super) fn settle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
    ) -> Result<Option<Miss>, Error> {
        match self.entrant.kind {
            Kind::Runtime => {
                let (input, kept) = at("make a pipe", std::io::pipe())?;
                let started = self.start_idle(tools, setting, input.into())?;
                Ok(started
                    .map(|id| self.resident = Some(Resident::Container { id, _input: kept }))
                    .err())
            }
            Kind::Equipped => {
                self.resident = Some(self.floor_resident(setting)?);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn floor_resident(&mut self, setting: &Setting) -> Result<Resident, Error> {
        let (argv, _) = self.run_call(setting, &["/probe", "agent"]);
        let process = Command::new(&argv[0])
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = at("start the floor", process)?;
        // Its report says that it is up.
        let mut report = String::new();
        if let Some(output) = process.stdout.take() {
            at(
                "read the report",
                BufReader::new(output).read_line(&mut report),
            )?;
        }
        let children = format!("/proc/{0}/task/{0}/children", process.id());
        let text = at(
            format!("read {children}"),
            std::fs::read_to_string(&children),
        )?;
        let inner = text.trim().parse().unwrap_or(0);
        Ok(Resident::Floor { process, inner })
    }

    /// Creates a container that keeps `input`, whose end ends its payload, the agent. Answers its id, or what
    /// is missing, and the PID of its first process.
    pub(super) fn create_idle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
        input: Stdio,
    ) -> Result<Result<(String, i32), Miss>, Error> {
        let (id, output) = (self.next_id(), tools.output_file());
        let pid_file = output.with_extension("pid");
        let create =
            tools.measure_fed(input, &output, &self.create_call(setting, &id, &pid_file))?;
        match whole("create", &create) {
            Ok(_) => Ok(Ok((id, read(&pid_file)?.trim().parse().unwrap_or(0)))),
            Err(miss) => {
                self.remove(tools, &id)?;
                Ok(Err(miss))
            }
        }
    }

    /// As [`Self::create_idle`], and starts it.
    pub(super) fn start_idle(
        &mut self,
        tools: &Tools,
        setting: &Setting,
        input: Stdio,
    ) -> Result<Result<String, Miss>, Error> {
        let id = match self.create_idle(tools, setting, input)? {
            Ok((id, _)) => id,
            Err(miss) => return Ok(Err(miss)),
        };
        match whole("start", &tools.measure(&self.call(&["start", &id]))?) {
            Ok(_) => Ok(Ok(id)),
            Err(miss) => {
                self.remove(tools, &id)?;
                Ok(Err(miss))
            }
        }
    }

    /// `list`, measured.
    pub(super) fn list(&self, tools: &Tools) -> Result<Vec<(Phase, Sample)>, Error> {
        self.simple(tools, Phase::List, &["list"])
    }

    /// Removes a container by force, whatever is left of it.
    pub(super) fn remove(&self, tools: &Tools, id: &str) -> Result<(), Error> {
        if self.entrant.kind == Kind::Runtime {
            // A refusal is no news: the container may never have come to be.
            tools.measure(&self.call(&["delete", "--force", id]))?;
        }
        Ok(())
    }

    /// Ends the resident container.
    pub(super) fn unsettle(&mut self, tools: &Tools) -> Result<(), Error> {
        match self.resident.take() {
            Some(Resident::Container { id, .. }) => self.remove(tools, &id),
            Some(Resident::Floor { mut process, .. }) => {
                drop(process.stdin.take());
                at("wait for the floor", process.wait()).map(drop)
            }
            None => Ok(()),
        }
    }
}

/// A whole command as a sample.
fn whole(command: &str, measured: &Measured) -> Sample {
    if measured.succeeded() {
        Ok(measured.whole())
    } else {
        Err(Miss::of(command, measured))
    }
}

/// What the payload stamped during a command that succeeded.
fn stamped(command: &str, measured: &Measured) -> Result<u64, Miss> {
    whole(command, measured)?;
    measured.stamp().ok_or_else(|| Miss {
        timed_out: false,
        why: format!("{command}: the payload left no stamp"),
    })
}
