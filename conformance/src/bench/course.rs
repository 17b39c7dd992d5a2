//! A whole benchmark: rounds in rotated order, part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use plimsoll_fixtures::bundle::Bundle;

use super::contestant::{Block, Contestant, Sample, Setting};
use super::document::{Document, Kind, Phase, SCHEMA, Series};
use super::options::Options;
use super::progress::Progress;
use super::tools::Tools;
use super::{Error, conditions, ladder, memory, resident, scaling, view};
use crate::drive::Runtime;

/// Measures `runtimes`, in a view of the cgroup layout that the calling thread enters for good.
pub fn run(runtimes: &[Runtime], options: &Options) -> Result<Document, Error> {
    let layout = view::enter(options.layout)?;
    let mut conditions = conditions::look(layout);
    if let Some(warning) = conditions.load_warning() {
        eprintln!("warning: {warning}");
    }
    let tools = Tools::new(options.timeout)?;
    let references = [Kind::Bare, Kind::Equipped, Kind::Empty];
    let mut field: Vec<Contestant> = references
        .iter()
        .map(|kind| Contestant::reference(*kind, &tools))
        .collect();
    for runtime in runtimes {
        field.push(Contestant::runtime(runtime, &tools)?);
    }
    let mut course = Course::new(&tools, options);
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
        course.rounds("default", *pause, &Block::ALL, field, |_| default.clone())
    });
    field
        .iter_mut()
        .try_for_each(|contestant| contestant.unsettle(course.tools))?;
    measured
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

    /// Runs the rounds of a group: of each block, every contestant in turn, first another one each round.
    /// One round more comes first and is not counted.
    pub(super) fn rounds(
        &mut self,
        group: &str,
        pause: Duration,
        blocks: &[Block],
        field: &mut [Contestant],
        setting: impl Fn(usize) -> Setting,
    ) -> Result<(), Error> {
        let rounds = self.options.rounds;
        for round in 0..=rounds {
            for block in blocks {
                for turn in 0..field.len() {
                    let who = (turn + round) % field.len();
                    sleep(pause);
                    let samples = field[who].measure(self.tools, *block, &setting(who))?;
                    let name = field[who].entrant.name.clone();
                    self.progress
                        .show(group, round.saturating_sub(1), rounds, &name);
                    if round > 0 {
                        for (phase, sample) in samples {
                            self.record(group, pause, (who, &name), (phase, round - 1), sample);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps one sample.
    pub(super) fn record(
        &mut self,
        group: &str,
        pause: Duration,
        (who, name): (usize, &str),
        (phase, round): (Phase, usize),
        sample: Sample,
    ) {
        let pause_ms = pause.as_millis() as u64;
        let series = self
            .series
            .entry((group.to_owned(), pause_ms, who, phase))
            .or_insert_with(|| Series {
                group: group.to_owned(),
                pause_ms,
                contestant: name.to_owned(),
                phase,
                ms: Vec::new(),
                cpu_ms: Vec::new(),
                switches: Vec::new(),
                max_rss_kib: None,
                failed: 0,
                timed_out: 0,
            });
        series.ms.resize(round, None);
        series.cpu_ms.resize(round, None);
        series.switches.resize(round, None);
        let reading = match sample {
            Ok(reading) => Some(reading),
            Err(miss) => {
                series.failed += 1;
                series.timed_out += usize::from(miss.timed_out);
                self.note(name, group, &miss.why);
                None
            }
        };
        // The entry again: the note needed the whole of `self`.
        if let Some(series) = self
            .series
            .get_mut(&(group.to_owned(), pause_ms, who, phase))
        {
            series.ms.push(reading.map(|reading| reading.ms));
            series
                .cpu_ms
                .push(reading.and_then(|reading| reading.cpu_ms));
            series
                .switches
                .push(reading.and_then(|reading| reading.switches));
            let rss = reading.and_then(|reading| reading.max_rss_kib);
            series.max_rss_kib = series.max_rss_kib.max(rss);
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
