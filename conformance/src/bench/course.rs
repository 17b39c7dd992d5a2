//! A whole benchmark: rounds in rotated order, part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use plimsoll_fixtures::bundle::Bundle;

use super::blocks::Block;
use super::contestant::Contestant;
use super::document::{Document, Kind, Phase, SCHEMA, Series};
use super::options::{Layout, Options};
use super::progress::Progress;
use super::sample::Sample;
use super::setting::Setting;
use super::tools::Tools;
use super::{Error, conditions, ladder, memory, order, resident, scaling, view};
use crate::drive::{Interrupt, Runtime};

/// Measures `runtimes`, in a view of the cgroup layout. After `interrupt` it ends what it made, and fails.
pub fn run(
    runtimes: &[Runtime],
    options: &Options,
    interrupt: Interrupt,
) -> Result<Document, Error> {
    // What this run leaves, and what killed ones left in whatever view, is looked for in the machine's own
    // layout; hence a thread for the view, which is entered for good.
    let tools = Tools::new(options.timeout, interrupt)?;
    thread::scope(|scope| {
        let all = scope.spawn(|| {
            let measured = in_view(&tools, runtimes, options);
            if options.layout == Layout::V2 {
                // The hierarchy may be mounted in the view alone.
                tools.clean();
            }
            measured
        });
        all.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn in_view(tools: &Tools, runtimes: &[Runtime], options: &Options) -> Result<Document, Error> {
    let layout = view::enter(options.layout)?;
    let mut conditions = conditions::look(layout);
    if let Some(warning) = conditions.load_warning() {
        eprintln!("warning: {warning}");
    }
    let references = [Kind::Bare, Kind::Equipped, Kind::Empty];
    let mut field: Vec<Contestant> = references
        .iter()
        .map(|kind| Contestant::reference(*kind, tools))
        .collect();
    for runtime in runtimes {
        field.push(Contestant::runtime(runtime, tools)?);
    }
    let mut course = Course::new(tools, options);
    phases(&mut course, &mut field)?;
    if options.ladder {
        ladder::climb(&mut course, &mut field)?;
    }
    resident::crowd(&mut course, &mut field)?;
    let scaling = if options.scaling {
        scaling::measure(&mut course, &mut field)?
    } else {
        Vec::new()
    };
    let memory = if options.memory {
        memory::measure(&mut course, &mut field)?
    } else {
        Vec::new()
    };
    conditions.load_after = conditions::load();
    let (series, notes) = course.finish();
    Ok(Document {
        schema: SCHEMA,
        plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
        conditions,
        rounds: options.rounds,
        contestants: field
            .into_iter()
            .map(|contestant| contestant.entrant)
            .collect(),
        series,
        scaling,
        memory,
        notes,
    })
}

/// Every phase of the default container.
fn phases(course: &mut Course<'_>, field: &mut [Contestant]) -> Result<(), Error> {
    let default = course.default_setting("default", &["/probe", "stamp"])?;
    let agent = course.default_setting("agent", &["/probe", "agent"])?;
    for contestant in field.iter_mut() {
        if let Some(miss) = contestant.settle(course.tools, &agent)? {
            course.note(&contestant.entrant.name, "exec", &miss.why);
        }
    }
    let measured = course.options.pauses.iter().try_for_each(|pause| {
        let part = Part {
            group: "default",
            pause: *pause,
            blocks: &Block::ALL,
            runtime: None,
        };
        course.rounds(&part, field, |_| default.clone())
    });
    field
        .iter_mut()
        .try_for_each(|contestant| contestant.unsettle(course.tools))?;
    measured
}

/// What is measured in a row of rounds.
pub(super) struct Part<'p> {
    /// What reports call it.
    pub(super) group: &'p str,
    /// The pause before each block of commands.
    pub(super) pause: Duration,
    pub(super) blocks: &'p [Block],
    /// The only runtime that takes part, besides the floor and the empty program.
    pub(super) runtime: Option<&'p str>,
}

impl Part<'_> {
    fn admits(&self, contestant: &Contestant) -> bool {
        !contestant.is_runtime()
            || self
                .runtime
                .is_none_or(|name| name == contestant.entrant.name)
    }
}

/// What is measured by, and what has been.
pub(super) struct Course<'a> {
    pub(super) tools: &'a Tools,
    pub(super) options: &'a Options,
    pub(super) progress: Progress,
    series: BTreeMap<(String, u64, usize, Phase), Series>,
    notes: Vec<String>,
    /// Who had what noted.
    noted: BTreeSet<(String, String)>,
}

impl<'a> Course<'a> {
    fn new(tools: &'a Tools, options: &'a Options) -> Self {
        Self {
            tools,
            options,
            progress: Progress::new(),
            series: BTreeMap::new(),
            notes: Vec::new(),
            noted: BTreeSet::new(),
        }
    }

    /// The default container with `args` as its payload, in a bundle called `name`.
    pub(super) fn default_setting(&self, name: &str, args: &[&str]) -> Result<Setting, Error> {
        let bundle = Bundle::default_spec().args(args);
        Setting::write(&bundle, &self.tools.dir().join("bundles").join(name), None)
    }

    /// Runs the rounds of a part: of each block, every contestant in turn, in another order each round.
    /// One round more comes first and is not counted.
    pub(super) fn rounds(
        &mut self,
        part: &Part<'_>,
        field: &mut [Contestant],
        setting: impl Fn(usize) -> Setting,
    ) -> Result<(), Error> {
        let rounds = self.options.rounds;
        for round in 0..=rounds {
            for block in part.blocks {
                let players: Vec<usize> = (0..field.len())
                    .filter(|who| part.admits(&field[*who]) && field[*who].plays(*block))
                    .collect();
                for turn in order::of_round(round, players.len()) {
                    let who = players[turn];
                    // Not a wait for anything: the pause is what is varied. After it the kernel is idle, and
                    // grace periods are not shared with the start before.
                    self.tools.pause(part.pause)?;
                    let samples = field[who].measure(self.tools, *block, &setting(who))?;
                    let name = field[who].entrant.name.clone();
                    self.progress
                        .show(part.group, round.saturating_sub(1), rounds, &name);
                    if round > 0 {
                        for (phase, sample) in samples {
                            self.record(part, (who, &name), (phase, round - 1), sample);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps one sample.
    fn record(
        &mut self,
        part: &Part<'_>,
        (who, name): (usize, &str),
        (phase, round): (Phase, usize),
        sample: Sample,
    ) {
        let pause_ms = part.pause.as_millis() as u64;
        let series = self
            .series
            .entry((part.group.to_owned(), pause_ms, who, phase))
            .or_insert_with(|| Series::new(part.group, pause_ms, name, phase));
        // Rounds in which a block broke off before this phase.
        series.ms.resize(round, None);
        series.user_ms.resize(round, None);
        series.system_ms.resize(round, None);
        series.switches.resize(round, None);
        let reading = sample.as_ref().ok();
        series.ms.push(reading.map(|reading| reading.ms));
        series
            .user_ms
            .push(reading.and_then(|reading| reading.user_ms));
        series
            .system_ms
            .push(reading.and_then(|reading| reading.system_ms));
        series
            .switches
            .push(reading.and_then(|reading| reading.switches));
        let rss = reading.and_then(|reading| reading.max_rss_kib);
        series.max_rss_kib = series.max_rss_kib.max(rss);
        if let Err(miss) = sample {
            series.failed += 1;
            series.timed_out += usize::from(miss.timed_out);
            self.note(name, part.group, &miss.why);
        }
    }

    /// Keeps what went wrong for `who` in `group`: the first time only, for messages name ids and descriptors.
    pub(super) fn note(&mut self, who: &str, group: &str, why: &str) {
        if self.noted.insert((who.to_owned(), group.to_owned())) {
            self.notes.push(format!("{who}, {group}: {why}"));
        }
    }

    fn finish(self) -> (Vec<Series>, Vec<String>) {
        (self.series.into_values().collect(), self.notes)
    }
}
