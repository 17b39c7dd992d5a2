//! Compiles a device policy into an eBPF program for cgroup v2.
//! linux/bpf.h: BPF_PROG_TYPE_CGROUP_DEVICE, struct bpf_cgroup_dev_ctx.

use super::devices::{Access, Policy, Rule};

/// An instruction as bpf(2) takes it: operation, registers (source above destination), offset and
/// immediate value, which is `struct bpf_insn`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Instruction {
    /// The operation.
    pub code: u8,
    /// The destination register in the lower half, the source register in the upper.
    pub registers: u8,
    /// A jump's distance, or a load's offset.
    pub offset: i16,
    /// The immediate value.
    pub immediate: i32,
}

/// Operations (linux/bpf_common.h, linux/bpf.h); jumps compare the lower 32 bits, since numbers are
/// unsigned and an immediate value would be sign-extended to 64.
pub(super) mod code {
    /// dst = *(u32 *)(src + off)
    pub(crate) const LOAD_WORD: u8 = 0x61;
    /// dst = src, 32 bits
    pub(crate) const MOVE: u8 = 0xbc;
    /// dst = imm, 64 bits
    pub(crate) const SET: u8 = 0xb7;
    /// dst &= imm, 32 bits
    pub(crate) const AND: u8 = 0x54;
    /// dst >>= imm, 32 bits
    pub(crate) const SHIFT_RIGHT: u8 = 0x74;
    /// if dst != imm, 32 bits
    pub(crate) const JUMP_UNEQUAL: u8 = 0x56;
    /// if dst & imm, 32 bits
    pub(crate) const JUMP_ANY_OF: u8 = 0x46;
    /// pc += off
    pub(crate) const JUMP: u8 = 0x05;
    /// return r0
    pub(crate) const EXIT: u8 = 0x95;
}

/// The registers' use; r0 is the result and r1 the context.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
/// What was asked and not yet allowed.
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

fn immediate(code: u8, register: u8, offset: i16, immediate: u32) -> Instruction {
    Instruction {
        code,
        registers: register,
        offset,
        immediate: immediate.cast_signed(),
    }
}

fn between(code: u8, to: u8, from: u8, offset: i16) -> Instruction {
    Instruction {
        code,
        registers: from << 4 | to,
        offset,
        immediate: 0,
    }
}

fn verdict(allow: bool) -> [Instruction; 2] {
    [
        immediate(code::SET, RESULT, 0, u32::from(allow)),
        immediate(code::EXIT, 0, 0, 0),
    ]
}

/// A program that answers 1 where the policy allows all of what is asked.
///
/// Rules are tried from the last to the first, since a later one overrides. A rule that allows takes
/// its letters off what is asked, and nothing left means yes; one that denies a letter that is still
/// asked means no; what no rule settles goes by the default.
pub(super) fn compile(policy: &Policy) -> Vec<Instruction> {
    let mut program = vec![
        // The context's first word is access << 16 | kind.
        between(code::LOAD_WORD, KIND, CONTEXT, 0),
        between(code::MOVE, ACCESS, KIND, 0),
        immediate(code::AND, KIND, 0, 0xffff),
        immediate(code::SHIFT_RIGHT, ACCESS, 0, 16),
        between(code::LOAD_WORD, MAJOR, CONTEXT, 4),
        between(code::LOAD_WORD, MINOR, CONTEXT, 8),
        // access(2) with F_OK asks for nothing.
        immediate(code::JUMP_UNEQUAL, ACCESS, 2, 0),
    ];
    program.extend(verdict(true));
    let rules: Vec<Tested<'_>> = policy.rules.iter().rev().map(Tested::of).collect();
    program.extend(compile_rules(&rules, 0));
    program.extend(verdict(policy.allow));
    program
}

/// A rule with its tests: register and value.
struct Tested<'a> {
    tests: Vec<(u8, u32)>,
    rule: &'a Rule,
}

impl<'a> Tested<'a> {
    fn of(rule: &'a Rule) -> Self {
        let tests = [
            Some((KIND, rule.pattern.kind as u32)),
            rule.pattern.major.map(|major| (MAJOR, major)),
            rule.pattern.minor.map(|minor| (MINOR, minor)),
        ];
        Self {
            tests: tests.into_iter().flatten().collect(),
            rule,
        }
    }
}

/// So many rules share a test at most: a rule has seven instructions or fewer, and a jump is of 16 bits.
const MOST: usize = 4000;

/// Rules from their test number `depth` on. Neighbours that begin with the same test share it: the kernel
/// follows every way through a program before it takes it, and each costs a microsecond.
fn compile_rules(rules: &[Tested<'_>], depth: usize) -> Vec<Instruction> {
    let mut out = Vec::new();
    for alike in rules.chunk_by(|one, next| one.tests.get(depth) == next.tests.get(depth)) {
        let Some((register, value)) = alike[0].tests.get(depth) else {
            for tested in alike {
                out.extend(body(tested.rule));
                if tested.rule.access == Access::ALL {
                    // It has answered: nothing goes on to what follows, which the kernel refuses to take.
                    return out;
                }
            }
            continue;
        };
        for alike in alike.chunks(MOST) {
            let inner = compile_rules(alike, depth + 1);
            let distance = inner.len() as i16;
            out.push(immediate(code::JUMP_UNEQUAL, *register, distance, *value));
            out.extend(inner);
        }
    }
    out
}

/// What a rule does with a request that it matches.
fn body(rule: &Rule) -> Vec<Instruction> {
    let access = u32::from(rule.access.0);
    match (rule.allow, rule.access == Access::ALL) {
        (allow, true) => verdict(allow).to_vec(),
        (true, false) => {
            let left = !access & u32::from(Access::ALL.0);
            let mut body = vec![
                immediate(code::AND, ACCESS, 0, left),
                immediate(code::JUMP_UNEQUAL, ACCESS, 2, 0),
            ];
            body.extend(verdict(true));
            body
        }
        (false, false) => {
            let mut body = vec![
                immediate(code::JUMP_ANY_OF, ACCESS, 1, access),
                immediate(code::JUMP, 0, 2, 0),
            ];
            body.extend(verdict(false));
            body
        }
    }
}
