//! The search tree over system call numbers.
//!
//! Numbers are cut into ranges with the same outcome; a balanced tree of comparisons finds the range.
//! The kernel walks the program once for every number when it is loaded, and again for each call
//! whose answer depends on arguments, so that the depth is what costs.

use super::bpf::{Emitter, Target, code};
use super::ranges::{Layout, Outcome, Range};
use super::rules::{Condition, Operator};

/// Offsets in `struct seccomp_data`, linux/seccomp.h.
pub(super) const OFFSET_NR: u32 = 0;
pub(super) const OFFSET_ARCH: u32 = 4;
pub(super) const OFFSET_ARGS: u32 = 16;

/// Writes the tree over these ranges, of which the first begins at 0.
pub(super) fn tree(emitter: &mut Emitter, ranges: &[Range], default: u32) -> Target {
    if let [a, one, b] = ranges
        && b.start - one.start == 1
        && a.outcome == b.outcome
        && matches!(a.outcome, Outcome::Always(_))
    {
        let others = leaf(emitter, a, default);
        let yes = leaf(emitter, one, default);
        return emitter.branch(code::JEQ, one.start, yes, others);
    }
    if let [only] = ranges {
        return leaf(emitter, only, default);
    }
    let (left, right) = ranges.split_at(ranges.len() / 2);
    let yes = tree(emitter, right, default);
    let no = tree(emitter, left, default);
    emitter.branch(code::JGE, right[0].start, yes, no)
}

fn leaf(emitter: &mut Emitter, range: &Range, default: u32) -> Target {
    match &range.outcome {
        Outcome::Always(answer) => Target::Answer(*answer),
        Outcome::Depends(layout, rules) => {
            rules
                .iter()
                .rev()
                .fold(Target::Answer(default), |otherwise, rule| {
                    rule.conditions
                        .iter()
                        .rev()
                        .fold(Target::Answer(rule.answer), |holds, condition| {
                            compare(emitter, condition, *layout, holds, otherwise)
                        })
                })
        }
    }
}

fn compare(
    emitter: &mut Emitter,
    condition: &Condition,
    layout: Layout,
    yes: Target,
    no: Target,
) -> Target {
    let Condition {
        index,
        operator,
        value,
        ..
    } = *condition;
    match operator {
        Operator::Equal => equal(emitter, index, layout, (u64::MAX, value), (yes, no)),
        Operator::NotEqual => equal(emitter, index, layout, (u64::MAX, value), (no, yes)),
        Operator::Masked { mask } => equal(emitter, index, layout, (mask, value), (yes, no)),
        Operator::Greater => above(emitter, index, layout, (code::JGT, value), (yes, no)),
        Operator::GreaterEqual => above(emitter, index, layout, (code::JGE, value), (yes, no)),
        Operator::LessEqual => above(emitter, index, layout, (code::JGT, value), (no, yes)),
        Operator::Less => above(emitter, index, layout, (code::JGE, value), (no, yes)),
    }
}

/// The two words of a value: high, low.
fn words(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

/// Offsets of an argument's two words: high, low.
fn offsets(index: u8, layout: Layout) -> (u32, u32) {
    let start = OFFSET_ARGS + 8 * u32::from(index);
    if layout.big_endian {
        (start, start + 4)
    } else {
        (start + 4, start)
    }
}

fn equal(
    emitter: &mut Emitter,
    index: u8,
    layout: Layout,
    (mask, value): (u64, u64),
    (yes, no): (Target, Target),
) -> Target {
    let (offset_high, offset_low) = offsets(index, layout);
    let (mask_high, mask_low) = words(mask);
    // A bit outside the mask is not compared, as in libseccomp.
    let (high, low) = words(value & mask);
    let mut next = yes;
    if mask_low != 0 {
        next = emitter.branch(code::JEQ, low, next, no);
        next = emitter.load(offset_low, mask_low, next);
    }
    if layout.wide && mask_high != 0 {
        next = emitter.branch(code::JEQ, high, next, no);
        next = emitter.load(offset_high, mask_high, next);
    }
    next
}

fn above(
    emitter: &mut Emitter,
    index: u8,
    layout: Layout,
    (code, value): (u16, u64),
    (yes, no): (Target, Target),
) -> Target {
    let (offset_high, offset_low) = offsets(index, layout);
    let (high, low) = words(value);
    let next = emitter.branch(code, low, yes, no);
    let next = emitter.load(offset_low, u32::MAX, next);
    if !layout.wide {
        return next;
    }
    let next = emitter.branch(code::JEQ, high, next, no);
    let next = emitter.branch(code::JGT, high, yes, next);
    emitter.load(offset_high, u32::MAX, next)
}
