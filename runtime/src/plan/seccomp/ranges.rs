//! Cuts the system call numbers of an architecture into ranges with one outcome each.

use super::arch::{self, Arch, X32_BIT};
use super::rules::{self, Group, Rule, returns};

/// What happens to the numbers of a range.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// Always the same answer.
    Always(u32),
    /// The answer of the first rule that holds, else the default.
    Depends(Layout, Vec<Rule>),
}

/// How the kernel lays out an argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    pub(super) wide: bool,
    pub(super) big_endian: bool,
}

/// The numbers from `start` up to the next range's.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) outcome: Outcome,
}

/// All numbers under an audit value: those of an architecture, and for x86_64 those of x32 as well.
pub(super) fn of(archs: &[&Arch], audit: u32, groups: &[Group], default: u32) -> Vec<Range> {
    let mut ranges = Vec::new();
    let shared = audit == arch::X86_64.audit;
    for bit in [0, X32_BIT] {
        let mut those = archs.iter();
        let listed = those.find(|arch| arch.audit == audit && arch.bit == bit);
        if let Some(arch) = listed {
            append(&mut ranges, bit, Outcome::Always(default));
            for (number, outcome) in outcomes(rules::by_number(groups, arch), arch) {
                append(&mut ranges, number, outcome);
                append(&mut ranges, number + 1, Outcome::Always(default));
            }
        } else if shared {
            append(&mut ranges, bit, Outcome::Always(returns::KILL_THREAD));
        }
    }
    if shared {
        // Not a call of x32 but what a tracer sets to skip a call.
        append(&mut ranges, u32::MAX, Outcome::Always(default));
    }
    ranges
}

/// Adds a range; the last one of the same start, or the same outcome, makes place for it.
fn append(ranges: &mut Vec<Range>, start: u32, outcome: Outcome) {
    ranges.pop_if(|last| last.start == start);
    if ranges.last().is_none_or(|last| last.outcome != outcome) {
        ranges.push(Range { start, outcome });
    }
}

/// Joins the rules for each number into its outcome.
fn outcomes(rules: Vec<(u32, Rule)>, arch: &Arch) -> Vec<(u32, Outcome)> {
    let layout = Layout {
        wide: arch.wide,
        big_endian: arch.big_endian,
    };
    let mut joined: Vec<(u32, Outcome)> = Vec::with_capacity(rules.len());
    for (number, rule) in rules {
        let always = rule.conditions.is_empty();
        match joined.last_mut() {
            Some((last, Outcome::Always(_))) if *last == number => {}
            Some((last, outcome)) if *last == number && always => {
                *outcome = Outcome::Always(rule.answer);
            }
            Some((last, Outcome::Depends(_, rules))) if *last == number => rules.push(rule),
            _ if always => joined.push((number, Outcome::Always(rule.answer))),
            _ => joined.push((number, Outcome::Depends(layout, vec![rule]))),
        }
    }
    joined
}
