//! Looks for configs that are seen differently, and shrinks each to a minimal one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Serialize;

use super::expected::expected;
use super::judge::{Difference, against, between};
use super::observe::observe;
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
    /// The numbers of the configs whose difference was gone when they were run again.
    pub unsteady: Vec<u64>,
    /// The differences.
    pub findings: Vec<Finding>,
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

/// What a search knows so far.
struct Progress<'a> {
    /// Where nothing is kept.
    plain: Options,
    /// What needs no second finding.
    known: BTreeSet<String>,
    found: Found,
    each: &'a mut dyn FnMut(&Finding),
}

impl Pair<'_> {
    /// Runs a config, and says what is seen differently and whether any runtime started it.
    pub fn differ(
        &self,
        changes: &[Change],
        name: &str,
        options: &Options,
    ) -> Check<(Vec<Difference>, bool)> {
        let see = |runtime| observe(runtime, changes, name, options, self.scratch);
        let first = see(self.first)?;
        if let Some(second) = self.second {
            let second = see(second)?;
            let differences = between(&first.shown, &second.shown);
            return Ok((differences, first.started() || second.started()));
        }
        let differences = against(&expected(&first.config), &first.shown);
        Ok((differences, first.started()))
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
            known: BTreeSet::new(),
            found: Found::default(),
            each,
        };
        let standing = self.differ(&[], "fuzz/minimal", &progress.plain)?.0;
        let names = standing.iter().map(|one| one.what.clone());
        progress.known.extend(names);
        progress.found.standing = standing;
        let mut runner = runner(search.seed);
        let strategy = configs(facts);
        while begun.elapsed() < search.budget && progress.found.configs < search.configs {
            let tree = strategy
                .new_tree(&mut runner)
                .map_err(|reason| Stop::broken("draw a config", reason))?;
            self.examine(tree, search.seed, &mut progress)?;
        }
        Ok(progress.found)
    }

    /// Runs a drawn config, and shrinks it if it shows something new.
    fn examine<T: ValueTree<Value = Changes>>(
        &self,
        mut tree: T,
        seed: u64,
        progress: &mut Progress<'_>,
    ) -> Check {
        progress.found.configs += 1;
        let number = progress.found.configs;
        let plain = progress.plain.clone();
        let ask = |changes: &[Change]| self.differ(changes, "fuzz/drawn", &plain);
        let (differences, started) = ask(&tree.current())?;
        progress.found.refused += u64::from(!started);
        let Some(aim) = new_one(&differences, &progress.known) else {
            return Ok(());
        };
        let again = ask(&tree.current())?.0;
        if !shows(&again, &aim) {
            progress.found.unsteady.push(number);
            return Ok(());
        }
        let tried = shrink(&mut tree, STEPS, &mut |changes| {
            Ok(shows(&ask(changes)?.0, &aim))
        })?;
        let name = format!("fuzz/seed-{seed}-config-{number}");
        let changes = tree.current();
        let (mut differences, _) = self.differ(&changes, &name, self.options)?;
        differences.retain(|one| !progress.known.contains(&one.what));
        progress.known.insert(aim);
        let others = differences.iter().filter(|one| one.what != "outcome");
        progress.known.extend(others.map(|one| one.what.clone()));
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

/// The first difference that was not found yet.
fn new_one(differences: &[Difference], known: &BTreeSet<String>) -> Option<String> {
    let mut new = differences.iter().map(|one| &one.what);
    new.find(|what| !known.contains(*what)).cloned()
}

fn shows(differences: &[Difference], aim: &str) -> bool {
    differences.iter().any(|one| one.what == aim)
}

/// Leaves in `tree` the smallest config found that still shows the difference; the number of
/// configs tried.
fn shrink<T: ValueTree>(
    tree: &mut T,
    most: usize,
    shows: &mut dyn FnMut(&T::Value) -> Check<bool>,
) -> Check<usize> {
    let mut steps = 0;
    let mut more = tree.simplify();
    while more {
        if steps == most {
            // The last simplification was not tried: back to what was seen to show it.
            while tree.complicate() {
                if shows(&tree.current())? {
                    break;
                }
            }
            break;
        }
        steps += 1;
        more = if shows(&tree.current())? {
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
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
    fn a_difference_is_shrunk_to_the_entry_that_makes_it() {
        let mut runner = runner(1);
        let strategy = configs(&Facts::default());
        let guilty = |changes: &Changes| changes.iter().any(|one| one.pointer == "/hostname");
        let mut tree = loop {
            let tree = strategy.new_tree(&mut runner).unwrap();
            if guilty(&tree.current()) && tree.current().len() > 3 {
                break tree;
            }
        };
        shrink(&mut tree, 10_000, &mut |changes| Ok(guilty(changes))).unwrap();
        let minimal = tree.current();
        assert_eq!(minimal.len(), 1);
        assert_eq!(minimal[0].pointer, "/hostname");
        assert_eq!(minimal[0].value, "a");
    }
}
