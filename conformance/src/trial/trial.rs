//! The trial itself: whose it is, where it lives, and how it calls the runtime.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::Value;

use super::agent::{Output, Streams};
use super::host_mounts::Left;
use super::judge::Judge;
use super::steps::{Sign, Steps};
use crate::case::{Case, Ids, Name};
use crate::drive::{Call, Deadline, Limits, Outcome, Pidfd, Runtime};
use crate::observe::{Holder, host};
use crate::verdict::{Check, Failure, Stop};

/// One case on one runtime.
pub struct Trial {
    pub(crate) case_id: Name,
    pub(crate) covers: Vec<Name>,
    runtime: Runtime,
    pub(crate) limits: Limits,
    dir: PathBuf,
    id: String,
    /// The requirements that an assertion has judged so far.
    pub(crate) judged: RefCell<BTreeSet<Name>>,
    /// What was done, in order, for `--keep`.
    pub(crate) steps: Steps,
    /// The outcomes of all calls, in order, for the failure's report.
    pub(crate) calls: RefCell<Vec<Outcome>>,
    /// The ids that `create` or `run` were called with: cleaning up deletes them.
    pub(crate) ids: RefCell<BTreeSet<String>>,
    /// The container's init, once it is known.
    pub(crate) init: RefCell<Option<(i32, Pidfd)>>,
    /// The cgroups that init was seen in.
    pub(crate) cgroups: RefCell<BTreeSet<PathBuf>>,
    /// Our ends of the payload's streams.
    pub(crate) streams: RefCell<Option<Streams>>,
    /// The deadline of what the streams wait for just now.
    deadline: Rc<Cell<Deadline>>,
    /// The processes that hold namespaces open for the container.
    pub(crate) holders: RefCell<Vec<Holder>>,
    /// Where the case's thread came from, if it moved to mounts of its own.
    pub(super) left: RefCell<Option<Left>>,
    files: Cell<u32>,
}

impl Trial {
    /// A trial in a directory of its own, which exists and holds the bundle.
    pub(crate) fn new(
        case: &Case,
        runtime: &Runtime,
        limits: Limits,
        dir: PathBuf,
        id: String,
    ) -> Self {
        Self {
            case_id: case.id.clone(),
            covers: case.covers.clone(),
            runtime: runtime.clone(),
            limits,
            dir,
            id,
            judged: RefCell::default(),
            steps: Steps::default(),
            calls: RefCell::default(),
            ids: RefCell::default(),
            init: RefCell::default(),
            cgroups: RefCell::default(),
            streams: RefCell::default(),
            deadline: Rc::new(Cell::new(Deadline::after(limits.event))),
            holders: RefCell::default(),
            left: RefCell::default(),
            files: Cell::new(0),
        }
    }

    /// The container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The trial's directory on the host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The bundle's directory.
    pub fn bundle(&self) -> PathBuf {
        self.dir.join("bundle")
    }

    /// The bundle's directory, as an argument.
    pub fn bundle_arg(&self) -> String {
        self.bundle().display().to_string()
    }

    /// CLOCK_BOOTTIME in nanoseconds, as the probe stamps its start with.
    pub fn now(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }

    /// A path in the container's root file system, seen from the host.
    pub fn rootfs(&self, path: &str) -> PathBuf {
        self.bundle()
            .join("rootfs")
            .join(path.trim_start_matches('/'))
    }

    /// The directory that the runtime is given as `--root`.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The probe on the host.
    pub fn probe_path(&self) -> PathBuf {
        self.dir.parent().unwrap_or(&self.dir).join("probe")
    }

    /// The runtime under judgement.
    pub(crate) fn runtime_itself(&self) -> &Runtime {
        &self.runtime
    }

    /// A moment after which an event is given up.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.limits.event)
    }

    /// Lets the streams wait for so long from now.
    pub(super) fn set_deadline(&self) -> Rc<Cell<Deadline>> {
        self.deadline.set(self.deadline());
        Rc::clone(&self.deadline)
    }

    /// The bundle's config.json as it stands.
    pub fn config(&self) -> Check<Value> {
        let file = self.bundle().join("config.json");
        let text = fs::read(&file)
            .map_err(|error| Stop::broken(format!("read {}", file.display()), error))?;
        serde_json::from_slice(&text)
            .map_err(|error| Stop::broken(format!("parse {}", file.display()), error))
    }

    /// Replaces the bundle's config.json.
    pub fn set_config(&self, config: &Value) -> Check {
        self.write(&self.bundle().join("config.json"), &config.to_string())
    }

    /// Sets one entry of the bundle's config.json, by its JSON pointer, which must be there.
    pub fn set_config_at(&self, pointer: &str, value: impl Into<Value>) -> Check {
        let mut config = self.config()?;
        match config.pointer_mut(pointer) {
            Some(entry) => *entry = value.into(),
            None => return Err(Stop::Broken(format!("config.json has no {pointer}"))),
        }
        self.set_config(&config)
    }

    /// Removes a file on the host.
    pub fn remove(&self, file: &Path) -> Check {
        self.steps.host(&["rm", "-f", &file.display().to_string()]);
        fs::remove_file(file)
            .map_err(|error| Stop::broken(format!("remove {}", file.display()), error))
    }

    /// Writes a file on the host.
    pub fn write(&self, file: &Path, text: &str) -> Check {
        self.write_bytes(file, text.as_bytes())
    }

    /// As [`Trial::write`], for what is no text.
    pub fn write_bytes(&self, file: &Path, content: &[u8]) -> Check {
        self.steps.wrote(file, content);
        fs::write(file, content)
            .map_err(|error| Stop::broken(format!("write {}", file.display()), error))
    }

    /// Makes a directory on the host, and those above it.
    pub fn make_dir(&self, dir: &Path) -> Check {
        self.steps
            .host(&["mkdir", "-p", &dir.display().to_string()]);
        fs::create_dir_all(dir)
            .map_err(|error| Stop::broken(format!("make {}", dir.display()), error))
    }

    /// Makes a symbolic link on the host.
    pub fn make_link(&self, target: &str, link: &Path) -> Check {
        let path = link.display().to_string();
        self.steps.host(&["ln", "-s", target, &path]);
        std::os::unix::fs::symlink(target, link)
            .map_err(|error| Stop::broken(format!("link {}", link.display()), error))
    }

    /// Gives a file on the host another path.
    pub fn rename(&self, from: &Path, to: &Path) -> Check {
        let (old, new) = (from.display().to_string(), to.display().to_string());
        self.steps.host(&["mv", "-T", &old, &new]);
        fs::rename(from, to).map_err(|error| Stop::broken(format!("rename {old}"), error))
    }

    /// Makes a second name of a file on the host.
    pub fn link(&self, file: &Path, name: &Path) -> Check {
        let (old, new) = (file.display().to_string(), name.display().to_string());
        self.steps.host(&["ln", &old, &new]);
        fs::hard_link(file, name).map_err(|error| Stop::broken(format!("link {old}"), error))
    }

    /// Makes the node of a character device on the host.
    pub fn make_device(&self, path: &Path, major: u64, minor: u64) -> Check {
        let shown = path.display().to_string();
        let numbers = [major, minor].map(|number| number.to_string());
        let [major_word, minor_word] = &numbers;
        self.steps
            .host(&["mknod", "-m", "666", &shown, "c", major_word, minor_word]);
        let mode = Mode::from_bits_truncate(0o666);
        mknod(path, SFlag::S_IFCHR, mode, makedev(major, minor))
            .map_err(|error| Stop::broken(format!("make the device {shown}"), error))
    }

    /// Runs a program of the host that sets the scene, and hands over its standard output.
    pub fn host<A: AsRef<str>>(&self, program: &str, args: &[A]) -> Check<String> {
        let words: Vec<&str> = std::iter::once(program)
            .chain(args.iter().map(AsRef::as_ref))
            .collect();
        self.steps.host(&words);
        host(program, args)
    }

    /// Gives a file on the host to a user and group.
    pub fn give(&self, file: &Path, uid: u32, gid: u32) -> Check {
        let (owner, path) = (format!("{uid}:{gid}"), file.display().to_string());
        self.steps.host(&["chown", &owner, &path]);
        std::os::unix::fs::chown(file, Some(uid), Some(gid))
            .map_err(|error| Stop::broken(format!("chown {}", file.display()), error))
    }

    /// Reads a file on the host that must be there for the case to make sense.
    pub fn read(&self, file: impl AsRef<Path>) -> Check<String> {
        let file = file.as_ref();
        fs::read_to_string(file)
            .map_err(|error| Stop::broken(format!("read {}", file.display()), error))
    }

    /// A path in the trial's directory that nothing has used yet.
    pub fn fresh_path(&self, stem: &str) -> PathBuf {
        self.files.set(self.files.get() + 1);
        self.dir.join(format!("{stem}-{}", self.files.get()))
    }

    /// A call of the runtime with this trial's `--root`, to be made by [`Trial::call`].
    pub fn command<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> Call {
        Call {
            globals: vec!["--root".into(), self.root().display().to_string()],
            limit: self.limits.call,
            env: vec![(crate::engine::MARKER.into(), self.id.clone())],
            ..Call::default().with_args(args)
        }
    }

    /// Makes a call, and hands over what came of it. A call that hangs is killed, and stops the
    /// case: it fails.
    pub fn call(&self, call: &Call) -> Check<Outcome> {
        self.note_id(call);
        let outcome = self.runtime.call(call)?;
        self.note(call, &outcome);
        in_time(&outcome)?;
        Ok(outcome)
    }

    /// Remembers a call and what came of it.
    fn note(&self, call: &Call, outcome: &Outcome) {
        self.steps.call(call, outcome);
        self.calls.borrow_mut().push(outcome.clone());
    }

    /// Remembers the id of a call that makes a container.
    fn note_id(&self, call: &Call) {
        if let "create" | "run" | "restore" = call.operation() {
            self.ids.borrow_mut().insert(call.id().to_owned());
        }
    }

    /// Makes a call that the hook `tag` of the bundle holds (see [`super::RecordingHooks::holds`]),
    /// does something while it is held, and lets it go on.
    pub fn while_held<T>(
        &self,
        call: &Call,
        tag: &str,
        meanwhile: impl FnOnce() -> Check<T>,
    ) -> Check<(Outcome, T)> {
        self.note_id(call);
        let begun = self.steps.begun(Sign::Hook(tag.to_owned()));
        let runtime = &self.runtime;
        let watch = self.watch_hooks()?;
        let (over, end) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|errno| Stop::broken("make a pipe for a caller", errno))?;
        let (outcome, seen) = std::thread::scope(|scope| {
            let caller = scope.spawn(move || {
                // Hangs up when the call has returned.
                let _end = end;
                runtime.call(call)
            });
            let seen = self
                .await_hook(tag, &watch, over.as_fd())
                .and_then(|()| meanwhile());
            let released = self.release(tag);
            let outcome = caller
                .join()
                .unwrap_or_else(|_| Err(Stop::Broken("a caller panicked".into())));
            released.map(|()| (outcome, seen))
        })?;
        let outcome = outcome?;
        self.steps.returned(begun, call, &outcome);
        self.calls.borrow_mut().push(outcome.clone());
        let seen = seen?;
        in_time(&outcome)?;
        if call.operation() == "create" && outcome.ok() {
            self.find_init()?;
        }
        Ok((outcome, seen))
    }

    /// Makes a call that prints line after line, and reads them while it runs. Afterwards nobody reads
    /// any more, which ends the call at its next line (SIGPIPE, EPIPE).
    pub fn while_printing<T>(
        &self,
        call: Call,
        meanwhile: impl FnOnce(&mut Output) -> Check<T>,
    ) -> Check<T> {
        let (from, to) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|error| Stop::broken("make a pipe for what is printed", error))?;
        let mut printed = Output::new(from, self.set_deadline());
        let begun = self.steps.begun(Sign::Line);
        let shown = call.clone();
        let call = call.stdout(to);
        let runtime = &self.runtime;
        let (outcome, seen) = std::thread::scope(|scope| {
            // The call goes along, so that its end of the pipe is closed with it.
            let caller = scope.spawn(move || runtime.call(&call));
            let seen = meanwhile(&mut printed);
            drop(printed);
            let outcome = caller
                .join()
                .unwrap_or_else(|_| Err(Stop::Broken("a caller panicked".into())));
            (outcome, seen)
        });
        let outcome = outcome?;
        self.steps.returned(begun, &shown, &outcome);
        self.calls.borrow_mut().push(outcome);
        seen
    }

    /// Calls the runtime with these arguments behind `--root`.
    pub fn runtime<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> Check<Outcome> {
        self.call(&self.command(args))
    }

    /// Makes several calls at the same moment; the outcomes are in the order of the calls.
    pub fn together(&self, calls: &[Call]) -> Check<Vec<Outcome>> {
        for call in calls {
            self.note_id(call);
        }
        let runtime = &self.runtime;
        let outcomes: Vec<Check<Outcome>> = std::thread::scope(|scope| {
            let threads: Vec<_> = calls
                .iter()
                .map(|call| scope.spawn(move || runtime.call(call)))
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(Stop::Broken("a caller panicked".into())))
                })
                .collect()
        });
        let outcomes: Vec<Outcome> = outcomes.into_iter().collect::<Check<_>>()?;
        self.steps.together(calls, &outcomes);
        self.calls.borrow_mut().extend(outcomes.iter().cloned());
        outcomes.iter().try_for_each(in_time)?;
        Ok(outcomes)
    }

    /// Assertions that judge these requirements, rather than the case's primary one.
    pub fn on(&self, requirements: impl Ids) -> Judge<'_> {
        Judge::new(self, requirements.ids())
    }

    /// Assertions that judge all that the case covers at once, where one observation decides it.
    pub fn on_all(&self) -> Judge<'_> {
        Judge::new(self, self.covers.clone())
    }

    /// A failure of the runtime in setting the scene, which judges no requirement.
    pub(crate) fn spoilt<T>(
        what: impl Into<String>,
        expected: impl Into<Value>,
        observed: Value,
    ) -> Check<T> {
        Err(Stop::Fail(Box::new(Failure {
            requirements: Vec::new(),
            what: what.into(),
            expected: expected.into(),
            observed,
            timed_out: false,
        })))
    }
}

/// Stops the case at a call that had to be killed.
fn in_time(outcome: &Outcome) -> Check {
    if !outcome.timed_out {
        return Ok(());
    }
    Err(Stop::Fail(Box::new(Failure {
        requirements: Vec::new(),
        what: "the call returns within its time limit".into(),
        expected: true.into(),
        observed: outcome.describe(),
        timed_out: true,
    })))
}
