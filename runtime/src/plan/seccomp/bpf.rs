//! Classic BPF: instructions, and an emitter that writes a program from its end to its start.
//!
//! Jumps go only forwards, so that a program written backwards knows every target when it needs it,
//! and a jump that is too far for its eight bits is seen at once.

/// One instruction, laid out as `struct sock_filter` of linux/filter.h.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip where the comparison holds.
    pub jt: u8,
    /// How many to skip where it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// Codes used here: linux/bpf_common.h, `BPF_LD | BPF_W | BPF_ABS` and so on.
pub(super) mod code {
    /// Loads the word at the offset k of `struct seccomp_data`.
    pub(crate) const LOAD: u16 = 0x20;
    /// Ands the accumulator with k.
    pub(crate) const AND: u16 = 0x54;
    /// Skips k instructions.
    pub(crate) const JUMP: u16 = 0x05;
    /// Compares the accumulator with k.
    pub(crate) const JEQ: u16 = 0x15;
    /// Whether it is greater, unsigned.
    pub(crate) const JGT: u16 = 0x25;
    /// Whether it is greater or equal, unsigned.
    pub(crate) const JGE: u16 = 0x35;
    /// Ends with k as the answer.
    pub(crate) const RETURN: u16 = 0x06;
}

/// The longest distance of a conditional jump.
const FAR: usize = u8::MAX as usize;

/// Where a jump goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// To the end, with this answer.
    Answer(u32),
    /// To an instruction that is already written.
    At(Label),
}

/// A written instruction, counted from the program's end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Label(usize);

/// Writes a program backwards.
#[derive(Debug, Default)]
pub(super) struct Emitter {
    backwards: Vec<Instruction>,
    /// The last return for each answer, to be shared by jumps that reach it.
    answers: Vec<(u32, Label)>,
}

impl Emitter {
    fn push(&mut self, code: u16, k: u32) -> Label {
        self.backwards.push(Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        });
        Label(self.backwards.len())
    }

    /// How many instructions lie between the next one to be written and this one.
    fn distance(&self, label: Label) -> usize {
        self.backwards.len() - label.0
    }

    /// A label of the target that is at most this far from the next instruction.
    fn near(&mut self, target: Target, far: usize) -> Label {
        match target {
            Target::At(label) if self.distance(label) <= far => label,
            Target::At(label) => {
                let distance = self.distance(label);
                // A program is at most 4,096 long, or refused.
                self.push(code::JUMP, u32::try_from(distance).unwrap_or(u32::MAX))
            }
            Target::Answer(answer) => {
                let known = self.answers.iter().position(|&(a, _)| a == answer);
                if let Some(at) = known {
                    let label = self.answers[at].1;
                    if self.distance(label) <= far {
                        return label;
                    }
                    self.answers.swap_remove(at);
                }
                let label = self.push(code::RETURN, answer);
                self.answers.push((answer, label));
                label
            }
        }
    }

    /// Writes a comparison of the accumulator with `k`.
    pub(super) fn branch(&mut self, code: u16, k: u32, yes: Target, no: Target) -> Target {
        if yes == no {
            return yes;
        }
        // Making `yes` reachable may write one more instruction.
        let no = self.near(no, FAR - 1);
        let yes = self.near(yes, FAR);
        let (jt, jf) = (self.distance(yes) as u8, self.distance(no) as u8);
        self.backwards.push(Instruction { code, jt, jf, k });
        Target::At(Label(self.backwards.len()))
    }

    /// Writes a load (and a mask) that goes on to `next`.
    pub(super) fn load(&mut self, offset: u32, mask: u32, next: Target) -> Target {
        let Target::At(mut label) = next else {
            return next;
        };
        if self.distance(label) != 0 {
            label = self.near(next, 0);
        }
        debug_assert_eq!(self.distance(label), 0, "a load falls through");
        if mask != u32::MAX {
            self.push(code::AND, mask);
        }
        Target::At(self.push(code::LOAD, offset))
    }

    /// The program that begins at this target.
    pub(super) fn finish(mut self, start: Target) -> Vec<Instruction> {
        self.near(start, 0);
        self.backwards.reverse();
        self.backwards
    }
}
