//! Runs a compiled program on a call, as the kernel would.

use super::bpf::{Instruction, code};

/// A call as the filter sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) audit: u32,
    pub(super) nr: u32,
    pub(super) args: [u64; 6],
}

impl Call {
    /// The bytes of `struct seccomp_data`, little-endian.
    fn word(&self, offset: u32, big_endian: bool) -> Option<u32> {
        let mut bytes = Vec::with_capacity(64);
        let pointer = 0_u64;
        if big_endian {
            bytes.extend(self.nr.to_be_bytes());
            bytes.extend(self.audit.to_be_bytes());
            bytes.extend(pointer.to_be_bytes());
            bytes.extend(self.args.iter().flat_map(|arg| arg.to_be_bytes()));
        } else {
            bytes.extend(self.nr.to_le_bytes());
            bytes.extend(self.audit.to_le_bytes());
            bytes.extend(pointer.to_le_bytes());
            bytes.extend(self.args.iter().flat_map(|arg| arg.to_le_bytes()));
        }
        let at = offset as usize;
        let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        })
    }
}

/// The answer, and how many instructions it took; `None` for a program that the kernel would refuse.
pub(super) fn run(program: &[Instruction], call: &Call) -> Option<(u32, usize)> {
    let big_endian = call.audit & 0x4000_0000 == 0;
    let (mut accumulator, mut at, mut steps) = (0_u32, 0, 0);
    loop {
        let Instruction { code, jt, jf, k } = *program.get(at)?;
        steps += 1;
        at += 1;
        let branch = |holds| usize::from(if holds { jt } else { jf });
        match code {
            code::LOAD => accumulator = call.word(k, big_endian)?,
            code::AND => accumulator &= k,
            // BPF_ALU | BPF_AND | BPF_X and others are written neither by this compiler nor by
            // libseccomp.
            code::JUMP => at += k as usize,
            code::JEQ => at += branch(accumulator == k),
            code::JGT => at += branch(accumulator > k),
            code::JGE => at += branch(accumulator >= k),
            code::RETURN => return Some((k, steps)),
            _ => return None,
        }
    }
}
