//! The blocks of commands that each contestant is asked for, and their samples.

use super::Error;
use super::contestant::Contestant;
use super::document::{Kind, Phase};
use super::measured::Reading;
use super::sample::{Miss, Samples, no_stamp, stamped, whole};
use super::setting::Setting;
use super::tools::{Tools, read};

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
    /// `list`.
    List,
}

impl Block {
    /// Those of one container.
    pub(super) const ALL: [Self; 4] = [Self::Process, Self::Run, Self::Lifecycle, Self::Exec];
}

impl Contestant {
    /// Whether it takes part in `block`.
    pub(super) fn plays(&self, block: Block) -> bool {
        match (self.entrant.kind, block) {
            (_, Block::Exec) => self.resident.is_some(),
            (Kind::Runtime, _) | (Kind::Bare, Block::Process | Block::Run) => true,
            (Kind::Equipped, _) => matches!(block, Block::Run | Block::Lifecycle),
            // It ends at once, whatever it is asked.
            (Kind::Empty, _) => matches!(block, Block::Process),
            _ => false,
        }
    }

    /// Measures a block in which it takes part.
    pub(super) fn measure(
        &mut self,
        tools: &Tools,
        block: Block,
        setting: &Setting,
    ) -> Result<Samples, Error> {
        match block {
            Block::Process => {
                let words: &[&str] = match self.entrant.kind {
                    Kind::Runtime => &["--version"],
                    Kind::Empty => &[],
                    _ => &["nothing"],
                };
                self.simple(tools, Phase::Process, words)
            }
            Block::Run => self.run(tools, setting),
            Block::Lifecycle => self.lifecycle(tools, setting),
            Block::Exec => self.exec(tools),
            Block::List => self.simple(tools, Phase::List, &["list"]),
        }
    }

    fn simple(&self, tools: &Tools, phase: Phase, words: &[&str]) -> Result<Samples, Error> {
        let measured = tools.measure(&self.call(words))?;
        Ok(vec![(phase, whole(phase.name(), &measured))])
    }

    fn run(&mut self, tools: &Tools, setting: &Setting) -> Result<Samples, Error> {
        let id = self.next_id();
        let measured = tools.measure(&self.run_call(setting, &id))?;
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
            (Phase::Run, whole("run", &measured)),
        ])
    }

    fn lifecycle(&mut self, tools: &Tools, setting: &Setting) -> Result<Samples, Error> {
        let (id, output) = (self.next_id(), tools.output_file());
        let pid_file = output.with_extension("pid");
        let create = tools.measure_into(&output, &self.create_call(setting, &id, &pid_file))?;
        let mut samples = vec![(Phase::Create, whole("create", &create))];
        if !create.succeeded() {
            self.remove(tools, &id)?;
            return Ok(samples);
        }
        let pid = self.pid_of(&id, &pid_file)?;
        if self.is_runtime() {
            let state = tools.measure(&self.call_on("state", &id))?;
            samples.push((Phase::State, whole("state", &state)));
        }
        let start = tools.measure(&self.call_on("start", &id))?;
        samples.push((Phase::Start, whole("start", &start)));
        let ended = start.succeeded() && tools.await_end(pid)?;
        let stamp = read(&output)?
            .lines()
            .rev()
            .find_map(|line| line.trim().parse().ok());
        let first = match stamp {
            Some(stamp) if ended => Ok(Reading::span(start.begin_ns, stamp)),
            _ => Err(Miss {
                timed_out: !ended,
                ..no_stamp("start")
            }),
        };
        samples.push((Phase::StartFirst, first));
        let delete = tools.measure(&self.call_on("delete", &id))?;
        if !delete.succeeded() {
            self.remove(tools, &id)?;
        }
        samples.push((Phase::Delete, whole("delete", &delete)));
        Ok(samples)
    }

    fn exec(&mut self, tools: &Tools) -> Result<Samples, Error> {
        let Some(argv) = self.exec_call(&["/probe", "stamp"]) else {
            return Ok(Vec::new());
        };
        let measured = tools.measure(&argv)?;
        let first = stamped("exec", &measured).map(|stamp| Reading::span(measured.begin_ns, stamp));
        Ok(vec![
            (Phase::ExecFirst, first),
            (Phase::Exec, whole("exec", &measured)),
        ])
    }
}
