//! The operations of the specification, and what engines add to them.
//!
//! `try_…` hands over the outcome; the plain form sets the scene and stops the case where the
//! runtime refuses.

use std::fs;

use serde_json::{Value, json};

use super::agent::{Agent, Streams};
use super::judge::Assert;
use super::state::State;
use super::steps::Step;
use super::trial::Trial;
use crate::catalogue::Release;
use crate::declared::declared_release;
use crate::drive::{Call, Exit, Outcome, Pidfd, Stdio};
use crate::verdict::{Check, Stop};

impl Trial {
    /// The call of `create` by a caller with one attribute changed, as the probe's payload `as` names
    /// it: `("nice", "5")`.
    pub fn create_call_as(&self, [setting, value]: [&str; 2]) -> Call {
        let probe = self.probe_path().display().to_string();
        self.create_call().through([&probe, "as", setting, value])
    }

    /// The call of `create` for this trial's bundle and id, its streams kept.
    pub fn create_call(&self) -> Call {
        let bundle = self.bundle().display().to_string();
        let pid_file = self.pid_file().display().to_string();
        self.command([
            "create",
            "--bundle",
            &bundle,
            "--pid-file",
            &pid_file,
            self.id(),
        ])
    }

    /// The call of `create` that has systemd make the cgroup.
    pub fn systemd_call(&self) -> Call {
        let mut call = self.create_call();
        if !self.runtime_itself().systemd_driver() {
            call.globals.push("--systemd-cgroup".into());
        }
        call
    }

    /// The unit that systemd makes of it, by a `cgroupsPath` of the form `SLICE:plimsoll:{id}`.
    pub fn scope(&self) -> String {
        format!("plimsoll-{}.scope", self.id())
    }

    fn pid_file(&self) -> std::path::PathBuf {
        self.dir().join("pid")
    }

    /// Creates the container, with the payload's streams led to us.
    pub fn try_create(&self) -> Check<Outcome> {
        self.try_create_by(self.create_call())
    }

    /// Creates the container by a call of the case's own. The payload's streams are led to us,
    /// unless the call leads them elsewhere.
    pub fn try_create_by(&self, mut call: Call) -> Check<Outcome> {
        if let (Stdio::Kept, Stdio::Kept) = (&call.stdin, &call.stdout) {
            let (streams, stdin, stdout) = Streams::new(self.set_deadline())
                .map_err(|error| Stop::broken("make pipes for the payload", error))?;
            call = call.stdin(stdin).stdout(stdout);
            *self.streams.borrow_mut() = Some(streams);
        }
        let outcome = self.call(&call)?;
        drop(call);
        if outcome.ok() {
            self.find_init()?;
        }
        Ok(outcome)
    }

    /// Goes on where a call that sets the scene was accepted, and stops the case where not.
    pub fn accepted(&self, outcome: &Outcome) -> Check {
        accepted(outcome)
    }

    /// Creates the container.
    pub fn create(&self) -> Check {
        accepted(&self.try_create()?)
    }

    /// Starts the container.
    pub fn try_start(&self) -> Check<Outcome> {
        self.runtime(["start", self.id()])
    }

    /// Starts the container.
    pub fn start(&self) -> Check {
        accepted(&self.try_start()?)
    }

    /// Asks for the container's state.
    pub fn try_state(&self) -> Check<Outcome> {
        self.runtime(["state", self.id()])
    }

    /// The container's state.
    pub fn state(&self) -> Check<State> {
        let outcome = self.try_state()?;
        accepted(&outcome)?;
        match State::parse(&outcome.stdout) {
            Some(state) => Ok(state),
            None => Self::spoilt(
                "what `state` prints",
                "a state document",
                outcome.stdout.into(),
            ),
        }
    }

    /// The newest release of the specification that the runtime declares; none if it declares
    /// nothing.
    pub fn declared(&self) -> Check<Option<Release>> {
        let features = self.runtime(["features"])?;
        let version = self.runtime(["--version"])?;
        let text = if features.ok() { &features.stdout } else { "" };
        let declared = declared_release(text, &version.stdout);
        Ok(declared.as_deref().and_then(Release::parse))
    }

    /// Sends a signal: by name, with or without `SIG`, or by number.
    pub fn try_kill(&self, signal: &str) -> Check<Outcome> {
        self.runtime(["kill", self.id(), signal])
    }

    /// Sends a signal.
    pub fn kill(&self, signal: &str) -> Check {
        accepted(&self.try_kill(signal)?)
    }

    /// Deletes the container.
    pub fn try_delete(&self) -> Check<Outcome> {
        self.runtime(["delete", self.id()])
    }

    /// Deletes the container.
    pub fn delete(&self) -> Check {
        accepted(&self.try_delete()?)
    }

    /// Runs a further program in the container, and waits for its end.
    pub fn exec<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> Check<Outcome> {
        let head = ["exec".to_owned(), self.id().to_owned()];
        self.runtime(head.into_iter().chain(args.into_iter().map(Into::into)))
    }

    /// Runs a further program by a process document, made of the bundle's own by `edit`.
    pub fn exec_process(&self, edit: impl FnOnce(&mut Value)) -> Check<Outcome> {
        let mut process = self.config()?["process"].take();
        edit(&mut process);
        let file = self.fresh_path("process.json");
        self.write(&file, &process.to_string())?;
        self.runtime(["exec", "--process", &file.display().to_string(), self.id()])
    }

    /// Creates and starts the container with the probe as its program, and waits for the probe's
    /// report.
    pub fn agent(&self) -> Check<Agent<'_>> {
        self.create()?;
        self.start()?;
        self.started()
    }

    /// As [`Trial::agent`], where `create` must succeed for the case's primary requirement to be met.
    pub fn judged_agent(&self) -> Check<Agent<'_>> {
        self.judged_agent_by(self.create_call())
    }

    /// As [`Trial::judged_agent`], with a `create` of the case's own.
    pub fn judged_agent_by(&self, create: Call) -> Check<Agent<'_>> {
        let outcome = self.try_create_by(create);
        self.must(outcome.and_then(|outcome| accepted(&outcome)))?;
        self.start()?;
        self.started()
    }

    /// As [`Trial::agent`], where a refusal by `create` or `start` is right as well: then nothing.
    pub fn agent_or_refusal(&self, create: Call) -> Check<Option<Agent<'_>>> {
        if self.try_create_by(create)?.refused() || self.try_start()?.refused() {
            return Ok(None);
        }
        self.started().map(Some)
    }

    /// As [`Trial::agent`], with a `create` of the case's own.
    pub fn agent_by(&self, create: Call) -> Check<Agent<'_>> {
        accepted(&self.try_create_by(create)?)?;
        self.start()?;
        self.started()
    }

    /// Waits for the report of the probe in a container that was started.
    pub fn started(&self) -> Check<Agent<'_>> {
        Agent::meet(self)
    }

    /// Creates and starts the container, and waits for the end of its program. Its standard input
    /// is closed, which ends a probe that waits for commands.
    pub fn run_to_exit(&self) -> Check<Exit> {
        self.create()?;
        self.start()?;
        self.hang_up();
        self.wait()
    }

    /// Closes the payload's standard input.
    pub fn hang_up(&self) {
        self.steps.push(Step::HungUp);
        let mut streams = self.streams.borrow_mut();
        match streams.as_mut() {
            // Its output may still be read.
            Some(Streams::Silent { to, .. }) => *to = None,
            _ => *streams = None,
        }
    }

    /// Waits for the end of the container's init.
    pub fn wait(&self) -> Check<Exit> {
        let init = self.init.borrow();
        let Some((_, pidfd)) = init.as_ref() else {
            return Err(Stop::Broken("the container has no init to wait for".into()));
        };
        self.steps.push(Step::Ended);
        match pidfd.wait(self.deadline()) {
            Ok(Some(exit)) => Ok(exit),
            Ok(None) => Self::spoilt("the container's program ends", true, false.into()),
            Err(error) => Err(Stop::broken("wait for the container's init", error)),
        }
    }

    /// Kills the container, and waits until it is gone.
    pub fn stop(&self) -> Check {
        self.kill("KILL")?;
        self.wait().map(|_| ())
    }

    /// The process id of the container's init, as the runtime gave it at `create`.
    pub fn pid(&self) -> Check<i32> {
        match self.init.borrow().as_ref() {
            Some((pid, _)) => Ok(*pid),
            None => Err(Stop::Broken("the container was not created".into())),
        }
    }

    /// The container's init has not ended.
    pub fn init_lives(&self) -> Check<bool> {
        match self.init.borrow().as_ref() {
            Some((_, pidfd)) => pidfd
                .alive()
                .map_err(|error| Stop::broken("look at the container's init", error)),
            None => Ok(false),
        }
    }

    /// Takes hold of init by the pid file, or by `state` where a runtime wrote none. Where neither
    /// knows it, the case goes on without: it may be just about that.
    pub(super) fn find_init(&self) -> Check {
        let written = fs::read_to_string(self.pid_file()).ok();
        let pid = match written.and_then(|text| text.trim().parse().ok()) {
            Some(pid) => pid,
            None => State::parse(&self.try_state()?.stdout).map_or(0, |state| state.pid),
        };
        let pidfd =
            Pidfd::open(pid).map_err(|error| Stop::broken(format!("hold process {pid}"), error))?;
        self.cgroups
            .borrow_mut()
            .extend(crate::engine::cgroups_of(pid, self.id()));
        *self.init.borrow_mut() = pidfd.map(|pidfd| (pid, pidfd));
        Ok(())
    }
}

/// Stops the case where the runtime refused a call that only sets the scene.
pub(super) fn accepted(outcome: &Outcome) -> Check {
    if outcome.ok() {
        return Ok(());
    }
    Trial::spoilt(
        "the runtime accepts the call",
        json!("exit status 0"),
        outcome.describe(),
    )
}
