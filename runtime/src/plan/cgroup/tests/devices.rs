//! Device rules: the program and the v1 list against the specification's words.

use std::collections::BTreeMap;

use oci_spec::runtime::LinuxDeviceCgroup;
use proptest::prelude::*;

use super::super::devices::{Policy, both};
use super::super::program::{Instruction, code, compile};
use super::super::*;

/// What the program answers to one request.
fn run(program: &[Instruction], kind: DeviceKind, access: Access, major: u32, minor: u32) -> bool {
    let context = [u32::from(access.0) << 16 | kind as u32, major, minor];
    let mut registers = [0u64; 11];
    let mut at = 0usize;
    loop {
        let Instruction {
            code: operation,
            registers: r,
            offset,
            immediate,
        } = program[at];
        let (to, from) = (usize::from(r & 15), usize::from(r >> 4));
        let word = immediate.cast_unsigned();
        let mut jump = |taken: bool| {
            if taken {
                at = at
                    .checked_add_signed(isize::from(offset))
                    .expect("a jump inside");
            }
        };
        match operation {
            code::LOAD_WORD => registers[to] = u64::from(context[offset as usize / 4]),
            code::MOVE => registers[to] = registers[from] & 0xffff_ffff,
            code::SET => registers[to] = u64::from(word),
            code::AND => registers[to] = u64::from(registers[to] as u32 & word),
            code::SHIFT_RIGHT => registers[to] = u64::from(registers[to] as u32 >> word),
            code::JUMP_UNEQUAL => jump(registers[to] as u32 != word),
            code::JUMP_ANY_OF => jump(registers[to] as u32 & word != 0),
            code::JUMP => jump(true),
            code::EXIT => return registers[0] == 1,
            other => panic!("unknown operation {other:#x}"),
        }
        at += 1;
    }
}

/// The instructions that no way through the program leads to, for which the kernel refuses it with EINVAL
/// (kernel/bpf/verifier.c check_cfg).
fn unreachable(program: &[Instruction]) -> Vec<usize> {
    let mut reached = vec![false; program.len()];
    let mut ways = vec![0];
    while let Some(at) = ways.pop() {
        if std::mem::replace(&mut reached[at], true) {
            continue;
        }
        let Instruction {
            code: operation,
            offset,
            ..
        } = program[at];
        let target = (at + 1)
            .checked_add_signed(isize::from(offset))
            .expect("a jump inside");
        match operation {
            code::EXIT => {}
            code::JUMP => ways.push(target),
            code::JUMP_UNEQUAL | code::JUMP_ANY_OF => ways.extend([at + 1, target]),
            _ => ways.push(at + 1),
        }
    }
    (0..program.len()).filter(|at| !reached[*at]).collect()
}

/// The specification's words: entries apply in the listed order, each letter by itself.
fn oracle(policy: &Policy, kind: DeviceKind, access: Access, major: u32, minor: u32) -> bool {
    let bits = [Access::READ, Access::WRITE, Access::MKNOD];
    bits.into_iter()
        .filter(|bit| access.0 & bit.0 != 0)
        .all(|bit| {
            let matching = policy.rules.iter().rev().find(|rule| {
                rule.pattern.kind == kind
                    && rule.access.0 & bit.0 != 0
                    && rule.pattern.major.is_none_or(|m| m == major)
                    && rule.pattern.minor.is_none_or(|m| m == minor)
            });
            matching.map_or(policy.allow, |rule| rule.allow)
        })
}

/// What the v1 kernel makes of its list: some exception must hold all letters in deny mode, and none
/// may hold one in allow mode (security/device_cgroup.c).
fn kernel_v1(list: &DeviceList, kind: DeviceKind, bit: Access, major: u32, minor: u32) -> bool {
    let hit = list.exceptions.iter().any(|(pattern, access)| {
        pattern.kind == kind
            && access.0 & bit.0 != 0
            && pattern.major.is_none_or(|m| m == major)
            && pattern.minor.is_none_or(|m| m == minor)
    });
    hit != list.allow
}

fn entries() -> impl Strategy<Value = Vec<LinuxDeviceCgroup>> {
    let number = || {
        prop_oneof![
            Just(None),
            (0i64..4).prop_map(Some),
            Just(Some(4_294_967_295))
        ]
    };
    let entry = (
        any::<bool>(),
        prop_oneof![Just("a"), Just("b"), Just("c")],
        number(),
        number(),
        1u8..8,
    )
        .prop_map(|(allow, kind, major, minor, access)| {
            let json = serde_json::json!({
                "allow": allow, "type": kind, "major": major, "minor": minor,
                "access": Access(access).to_string(),
            });
            serde_json::from_value(json).expect("an entry")
        });
    proptest::collection::vec(entry, 1..8)
}

proptest! {
    #[test]
    fn program_and_list_do_what_the_entries_say(entries in entries()) {
        let (list, policy) = both(&entries);
        let program = compile(&policy);
        prop_assert_eq!(unreachable(&program), Vec::<usize>::new());
        for kind in [DeviceKind::Block, DeviceKind::Char] {
            for (major, minor) in [(0, 0), (1, 3), (1, 5), (2, 1), (u32::MAX, 3), (9, u32::MAX), (5, 1)] {
                for access in (0..8).map(Access) {
                    let wanted = oracle(&policy, kind, access, major, minor);
                    prop_assert_eq!(run(&program, kind, access, major, minor), wanted);
                }
                if policy.allows_every_node() {
                    let by_list = list.as_ref().is_none_or(|list| kernel_v1(list, kind, Access::MKNOD, major, minor));
                    prop_assert!(by_list && oracle(&policy, kind, Access::MKNOD, major, minor));
                }
                // Where a default of ours had to go, v1 may refuse more than v2, never less.
                for bit in [Access::READ, Access::WRITE, Access::MKNOD] {
                    if let Some(list) = &list {
                        let v1 = kernel_v1(list, kind, bit, major, minor);
                        let wanted = oracle(&policy, kind, bit, major, minor);
                        let ours_gone = bit == Access::MKNOD && !policy.allow;
                        prop_assert!(v1 == wanted || (ours_gone && !v1));
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_overridden_whole_is_not_in_the_program() {
    let json = r#"[
        {"allow": true, "type": "b", "major": 60, "minor": 1, "access": "rw"},
        {"allow": true, "type": "b", "access": "r"},
        {"allow": false, "type": "b", "access": "rwm"},
        {"allow": true, "type": "b", "access": "m"}
    ]"#;
    let (_, policy) = both(&serde_json::from_str::<Vec<_>>(json).expect("entries"));
    let program = compile(&policy);
    assert_eq!(unreachable(&program), [0; 0]);
    let asked = |access| run(&program, DeviceKind::Block, access, 60, 1);
    assert_eq!([Access::READ, Access::MKNOD].map(asked), [false, true]);
}

#[test]
fn a_listed_denial_comes_before_the_defaults() {
    let json = r#"[{"allow": false}, {"allow": false, "type": "c", "major": 1, "minor": 3, "access": "rw"}]"#;
    let (list, policy) = both(&serde_json::from_str::<Vec<_>>(json).expect("entries"));
    let null = DevicePattern {
        kind: DeviceKind::Char,
        major: Some(1),
        minor: Some(3),
    };
    let list: BTreeMap<_, _> = list.expect("v1 can hold it").exceptions;
    assert_eq!(list[&null], Access::MKNOD);
    assert!(!run(
        &compile(&policy),
        DeviceKind::Char,
        Access::READ,
        1,
        3
    ));
}

#[test]
fn rules_may_be_late_unless_they_keep_nodes_from_being_made() {
    for (listed, late) in [
        (r#"{"allow": false}"#, true),
        (r#"{"allow": true}"#, true),
        (
            r#"{"allow": false, "type": "c", "major": 1, "access": "rw"}"#,
            true,
        ),
        (
            r#"{"allow": false, "type": "c", "major": 1, "access": "wm"}"#,
            false,
        ),
        (r#"{"allow": false, "type": "b", "access": "m"}"#, false),
    ] {
        let json = format!(r#"[{{"allow": false}}, {listed}]"#);
        let (_, policy) = both(&serde_json::from_str::<Vec<_>>(&json).expect("entries"));
        assert_eq!(policy.allows_every_node(), late, "{listed}");
    }
}

#[test]
fn neighbours_share_their_tests_however_many_there_are() {
    let entry = |minor: usize| serde_json::json!({"allow": true, "type": "c", "major": 9, "minor": minor, "access": "rw"});
    let mut json = vec![serde_json::json!({"allow": false})];
    json.extend((0..9_000).map(entry));
    let entries = serde_json::from_value::<Vec<_>>(json.into()).expect("entries");
    let (_, policy) = both(&entries);
    let program = compile(&policy);
    // A test of the minor number and four instructions each; kind and major are asked once in thousands.
    assert!(program.len() < 9_000 * 5 + 100, "{}", program.len());
    for (minor, wanted) in [(0, true), (4_500, true), (8_999, true), (9_000, false)] {
        let answer = run(&program, DeviceKind::Char, Access::READ, 9, minor);
        assert_eq!(answer, wanted, "{minor}");
    }
}
