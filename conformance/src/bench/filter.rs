//! Seccomp programs for the floor, which compiles nothing: what matters is their size.

/// linux/filter.h: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, ditto JGE, BPF_JMP|BPF_JA, BPF_RET|BPF_K.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;
/// linux/seccomp.h SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with EPERM.
const ALLOW: u32 = 0x7fff_0000;
const DENY: u32 = 0x0005_0001;

/// `struct sock_filter`: code, jump if true, jump if false, constant.
type Instruction = (u16, u8, u8, u32);

/// A filter that refuses the one call `number`.
pub(super) fn refusing(number: u32) -> Vec<u8> {
    bytes(&[
        (LOAD, 0, 0, 0),
        (EQUAL, 0, 1, number),
        (RETURN, 0, 0, DENY),
        (RETURN, 0, 0, ALLOW),
    ])
}

/// A filter that allows the calls `numbers`, which are sorted, as a search tree.
pub(super) fn allowing(numbers: &[u32]) -> Vec<u8> {
    let mut program = vec![(LOAD, 0, 0, 0)];
    program.extend(tree(numbers));
    bytes(&program)
}

fn tree(numbers: &[u32]) -> Vec<Instruction> {
    match numbers {
        [] => vec![(RETURN, 0, 0, DENY)],
        [number] => vec![
            (EQUAL, 0, 1, *number),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, DENY),
        ],
        _ => {
            let (left, right) = numbers.split_at(numbers.len() / 2);
            let left = tree(left);
            let mut program = match u8::try_from(left.len()) {
                Ok(skip) => vec![(AT_LEAST, skip, 0, right[0])],
                // A conditional jump reaches 255 instructions only.
                Err(_) => vec![(AT_LEAST, 0, 1, right[0]), (JUMP, 0, 0, left.len() as u32)],
            };
            program.extend(left);
            program.extend(tree(right));
            program
        }
    }
}

fn bytes(program: &[Instruction]) -> Vec<u8> {
    program
        .iter()
        .flat_map(|(code, yes, no, constant)| {
            let [low, high] = code.to_ne_bytes();
            let [a, b, c, d] = constant.to_ne_bytes();
            [low, high, *yes, *no, a, b, c, d]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would, for the call `number`.
    fn judge(program: &[u8], number: u32) -> u32 {
        let mut at = 0;
        loop {
            let i = &program[at * 8..at * 8 + 8];
            let (code, constant) = (
                u16::from_ne_bytes([i[0], i[1]]),
                u32::from_ne_bytes([i[4], i[5], i[6], i[7]]),
            );
            at += 1;
            match code {
                LOAD => {}
                EQUAL => at += usize::from(if number == constant { i[2] } else { i[3] }),
                AT_LEAST => at += usize::from(if number >= constant { i[2] } else { i[3] }),
                JUMP => at += constant as usize,
                RETURN => return constant,
                other => panic!("code {other:#x}"),
            }
        }
    }

    #[test]
    fn the_tree_allows_just_its_numbers() {
        let numbers: Vec<u32> = (0..470).filter(|number| number % 5 != 3).collect();
        let program = allowing(&numbers);
        for number in 0..600 {
            let expected = if numbers.contains(&number) {
                ALLOW
            } else {
                DENY
            };
            assert_eq!(judge(&program, number), expected, "{number}");
        }
        assert!(program.len() / 8 < 4096, "BPF_MAXINSNS");
    }

    #[test]
    fn one_call_is_refused() {
        assert_eq!(judge(&refusing(7), 7), DENY);
        assert_eq!(judge(&refusing(7), 8), ALLOW);
    }
}
