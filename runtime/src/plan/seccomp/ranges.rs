//! Cuts the system call numbers of an architecture into ranges with one outcome each.

use super::arch::{self, Arch, X32_BIT};
use super::rules::{self, Group, Numbered, Rule, returns};

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
            let rules = rules::by_number(groups, arch);
            for same in rules.chunk_by(|one, next| one.number == next.number) {
                let number = same[0].number;
                append(&mut ranges, number, outcome(same, arch));
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

/// Joins the rules for a number into its outcome: the first one without conditions, else all in their order.
fn outcome(rules: &[Numbered<'_>], arch: &Arch) -> Outcome {
    let always = rules
        .iter()
        .find(|numbered| numbered.rule.conditions.is_empty());
    if let Some(numbered) = always {
        return Outcome::Always(numbered.rule.answer);
    }
    let layout = Layout {
        wide: arch.wide,
        big_endian: arch.big_endian,
    };
    let rules = rules
        .iter()
        .map(|numbered| numbered.rule.clone().into_owned());
    Outcome::Depends(layout, rules.collect())
}
