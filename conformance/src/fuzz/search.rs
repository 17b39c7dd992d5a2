//! Looks for configs that are seen differently, and shrinks each to a minimal one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Serialize;

use super::expected::expected;
use super::free::free;
use super::judge::{Difference, against, between};
use super::observe::observe;
use super::shrink::{Shrink, members};
use super::strategy::{Change, Changes, configs};
use crate::drive::Runtime;
use crate::engine::{Options, Scratch};
use crate::machine::Facts;
use crate::verdict::{Check, Stop};

/// The most configs that shrinking one difference may take.
const STEPS: usize = 60;

/// How long, and from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// No new config is begun after that.
    pub budget: Duration,
    /// The most configs.
    pub configs: u64,
    /// Decides which configs are drawn, and in which order.
    pub seed: u64,
}

/// A minimal config and what is seen differently of it.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The number of the config that showed it first, from 1.
    pub config: u64,
    /// How many smaller configs were tried.
    pub steps: usize,
    /// What makes the minimal config of the minimal bundle.
    pub changes: Changes,
    /// What was seen.
    pub differences: Vec<Difference>,
    /// The name of what is kept of it.
    pub name: String,
}

/// What a search came to.
#[derive(Debug, Default, Serialize)]
pub struct Found {
    /// How many configs were drawn and run.
    pub configs: u64,
    /// How many of them no runtime accepted.
    pub refused: u64,
    /// What is seen differently, or otherwise than expected, of the minimal bundle already: not
    /// looked at further.
    pub standing: Vec<Difference>,
    /// What the two showed differently by free choice, and how many configs of it.
    pub set_aside: BTreeMap<&'static str, u64>,
    /// The numbers of the configs whose difference was gone when they were run again.
    pub unsteady: Vec<u64>,
    /// The differences.
    pub findings: Vec<Finding>,
    /// The signal that ended the search early; the config that it was at then is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<&'static str>,
}

/// One or two runtimes, and how they are called.
pub struct Pair<'a> {
    /// The first, or only one.
    pub first: &'a Runtime,
    /// The one it is compared with.
    pub second: Option<&'a Runtime>,
    /// The engine's options.
    pub options: &'a Options,
    /// Where the bundles are.
    pub scratch: &'a Scratch,
}

/// What was seen of a config.
#[derive(Debug)]
pub struct Compared {
    /// What is seen differently.
    pub differences: Vec<Difference>,
    /// Why something that is seen differently, too, is none of these.
    pub set_aside: BTreeSet<&'static str>,
    /// A runtime started it.
    pub started: bool,
}

/// What a search knows so far.
struct Progress<'a> {
    /// Where nothing is kept.
    plain: Options,
    /// What needs no second finding, and the smallest config that showed it.
    known: Vec<(String, Changes)>,
    found: Found,
    each: &'a mut dyn FnMut(&Finding),
}

impl Pair<'_> {
    /// Runs a config, and says what is seen of it.
    pub fn differ(&self, changes: &[Change], name: &str, options: &Options) -> Check<Compared> {
        let see = |runtime| observe(runtime, changes, name, options, self.scratch);
        let first = see(self.first)?;
        let Some(second) = self.second else {
            return Ok(Compared {
                differences: against(&expected(&first.config), &first.shown),
                set_aside: BTreeSet::new(),
                started: first.started(),
            });
        };
        let second = see(second)?;
        let mut differences = between(&first.shown, &second.shown);
        let mut set_aside = BTreeSet::new();
        differences.retain(|one| {
            let reason = free(one, &first.config);
            set_aside.extend(reason);
            reason.is_none()
        });
        Ok(Compared {
            differences,
            set_aside,
            started: first.started() || second.started(),
        })
    }

    /// Looks for differences. `each` is told of each as soon as it is minimal.
    pub fn search(
        &self,
        search: Search,
        facts: &Facts,
        each: &mut dyn FnMut(&Finding),
    ) -> Check<Found> {
        let begun = Instant::now();
        let mut progress = Progress {
            plain: Options {
                keep: None,
                ..self.options.clone()
            },
            known: Vec::new(),
            found: Found::default(),
            each,
        };
        let standing = self
            .differ(&[], "fuzz/minimal", &progress.plain)?
            .differences;
        let names = standing.iter().map(|one| (one.what.clone(), Vec::new()));
        progress.known.extend(names);
        progress.found.standing = standing;
        let mut runner = runner(search.seed);
        let strategy = configs(facts);
        while begun.elapsed() < search.budget && progress.found.configs < search.configs {
            let tree = strategy
                .new_tree(&mut runner)
                .map_err(|reason| Stop::broken("draw a config", reason))?;
            match self.examine(&tree.current(), search.seed, &mut progress) {
                Err(Stop::Interrupted(by)) => {
                    progress.found.configs -= 1;
                    progress.found.interrupted = Some(by.signal());
                    break;
                }
                examined => examined?,
            }
        }
        Ok(progress.found)
    }

    /// Runs a drawn config, and shrinks it if it shows something new.
    fn examine(&self, drawn: &[Change], seed: u64, progress: &mut Progress<'_>) -> Check {
        progress.found.configs += 1;
        let number = progress.found.configs;
        let plain = progress.plain.clone();
        let ask = |changes: &[Change]| self.differ(changes, "fuzz/drawn", &plain);
        let compared = ask(drawn)?;
        progress.found.refused += u64::from(!compared.started);
        for reason in compared.set_aside {
            *progress.found.set_aside.entry(reason).or_default() += 1;
        }
        let new = |one: &&Difference| !explained(&one.what, drawn, &progress.known);
        let Some(aim) = compared.differences.iter().find(new) else {
            return Ok(());
        };
        let aim = aim.what.clone();
        let mut shows = |changes: &[Change]| {
            let differences = ask(changes)?.differences;
            Ok(differences.iter().any(|one| one.what == aim))
        };
        if !shows(drawn)? {
            progress.found.unsteady.push(number);
            return Ok(());
        }
        let mut shrink = Shrink {
            steps: 0,
            most: STEPS,
            shows: &mut shows,
        };
        let changes = shrink.smallest(drawn)?;
        let tried = shrink.steps;
        let name = format!("fuzz/seed-{seed}-config-{number}");
        let mut differences = self.differ(&changes, &name, self.options)?.differences;
        differences.retain(|one| !explained(&one.what, &changes, &progress.known));
        let names = differences.iter().map(|one| one.what.clone());
        progress
            .known
            .extend(names.map(|name| (name, changes.clone())));
        let finding = Finding {
            config: number,
            steps: tried,
            changes,
            differences,
            name,
        };
        (progress.each)(&finding);
        progress.found.findings.push(finding);
        Ok(())
    }
}

/// The generator of a seed: the same configs in the same order.
fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

/// Whether a difference is one that was found before: the config has all that the smallest config
/// with it has.
fn explained(what: &str, changes: &[Change], known: &[(String, Changes)]) -> bool {
    let has = |wanted: &Change| {
        let mut same = changes.iter().filter(|one| one.pointer == wanted.pointer);
        let words = members(&wanted.value);
        let mut words = words.iter().filter(|word| word.is_string());
        same.any(|one| {
            let present = members(&one.value);
            words.all(|word| present.contains(word))
        })
    };
    known
        .iter()
        .any(|(name, smallest)| name == what && smallest.iter().all(has))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(seed: u64) -> Vec<Changes> {
        let mut runner = runner(seed);
        let strategy = configs(&Facts::default());
        let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
        (0..5).map(draw).collect()
    }

    #[test]
    fn a_seed_decides_the_configs() {
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn what_was_found_explains_the_same_only_where_its_cause_is() {
        let change = |pointer, value| Change { pointer, value };
        let masked = |paths| change("/linux/maskedPaths", json!(paths));
        let known = [
            ("report/env".to_owned(), Vec::new()),
            ("outcome".to_owned(), vec![masked(vec!["/proc/sys"])]),
        ];
        let more = [
            masked(vec!["/proc/bus", "/proc/sys"]),
            change("/hostname", json!("h")),
        ];
        assert!(explained("outcome", &more, &known));
        assert!(explained("report/env", &[], &known));
        assert!(!explained("outcome", &[masked(vec!["/proc/bus"])], &known));
        assert!(!explained("outcome", &more[1..], &known));
        assert!(!explained("report/umask", &more, &known));
    }
}
