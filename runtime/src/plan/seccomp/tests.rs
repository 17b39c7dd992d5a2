//! Programs run in the interpreter against the reference and against libseccomp.

use oci_spec::runtime::{
    Arch as ArchName, LinuxSeccomp, LinuxSeccompAction as Action, LinuxSeccompArg,
    LinuxSeccompArgBuilder, LinuxSeccompBuilder, LinuxSeccompOperator as Op, LinuxSyscall,
    LinuxSyscallBuilder,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::arch::Arch;
use super::bpf::Instruction;
use super::interpreter::{Call, run};
use super::{arch, compile_on, oracle, reference, syscalls};

/// Calls that all tested architectures number differently, are multiplexed on x86, or are missing
/// somewhere.
const NAMES: &[&str] = &[
    "read",
    "getcwd",
    "dup2",
    "dup3",
    "personality",
    "socket",
    "sendmsg",
    "semop",
    "shmat",
    "ptrace",
    "clone",
    "openat",
    "open",
    "chown32",
    "mmap2",
    "kexec_load",
    "waitpid",
    "preadv",
    "rt_sigaction",
    "execve",
    "arch_prctl",
    "socketcall",
    "ipc",
    "clone3",
    "nosuchcall",
];

const ARCHS: &[(ArchName, &Arch)] = &[
    (ArchName::ScmpArchX86_64, &arch::X86_64),
    (ArchName::ScmpArchX86, &arch::X86),
    (ArchName::ScmpArchX32, &arch::X32),
    (ArchName::ScmpArchAarch64, &arch::AARCH64),
    (ArchName::ScmpArchArm, &arch::ARM),
];

fn action() -> impl Strategy<Value = (Action, Option<u32>)> {
    prop_oneof![
        select(vec![
            Action::ScmpActKill,
            Action::ScmpActKillThread,
            Action::ScmpActKillProcess,
            Action::ScmpActTrap,
            Action::ScmpActLog,
            Action::ScmpActNotify,
            Action::ScmpActAllow,
        ])
        .prop_map(|action| (action, None)),
        proptest::option::of(0..4096_u32).prop_map(|errno| (Action::ScmpActErrno, errno)),
        proptest::option::of(0..65_536_u32).prop_map(|data| (Action::ScmpActTrace, data)),
    ]
}

/// Values that meet each other often, near the edges of 32 and 64 bits.
fn value() -> impl Strategy<Value = u64> {
    let edges = [0, 1 << 31, 1 << 32, 1 << 63, u64::MAX];
    let near = (select(edges.to_vec()), 0..3_u64);
    prop_oneof![
        3 => near.prop_map(|(edge, add)| edge.wrapping_add(add)),
        1 => any::<u64>(),
    ]
}

fn arg() -> impl Strategy<Value = LinuxSeccompArg> {
    let ops = vec![
        Op::ScmpCmpNe,
        Op::ScmpCmpLt,
        Op::ScmpCmpLe,
        Op::ScmpCmpEq,
        Op::ScmpCmpGe,
        Op::ScmpCmpGt,
        Op::ScmpCmpMaskedEq,
    ];
    (0..6_usize, select(ops), value(), value()).prop_map(|(index, op, a, b)| {
        let builder = LinuxSeccompArgBuilder::default().index(index).op(op);
        builder.value(a).value_two(b).build().expect("complete")
    })
}

/// One `==` on the first argument: what libseccomp merges well.
fn equal() -> impl Strategy<Value = Vec<LinuxSeccompArg>> {
    value().prop_map(|value| {
        let builder = LinuxSeccompArgBuilder::default().index(0_usize);
        let builder = builder.op(Op::ScmpCmpEq).value(value);
        vec![builder.build().expect("complete")]
    })
}

fn entry(args: impl Strategy<Value = Vec<LinuxSeccompArg>>) -> impl Strategy<Value = LinuxSyscall> {
    let names = proptest::collection::vec(select(NAMES), 1..4);
    (names, action(), args).prop_map(|(names, (action, errno), args)| {
        let names: Vec<String> = names.into_iter().map(String::from).collect();
        let mut entry = LinuxSyscallBuilder::default()
            .names(names)
            .action(action)
            .args(args)
            .build()
            .expect("complete");
        entry.set_errno_ret(errno);
        entry
    })
}

fn profile(
    entries: impl Strategy<Value = Vec<LinuxSyscall>>,
) -> impl Strategy<Value = LinuxSeccomp> {
    let archs = ARCHS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let archs = proptest::sample::subsequence(archs, 0..ARCHS.len());
    (action(), archs, entries).prop_map(|((default, errno), archs, entries)| {
        let mut profile = LinuxSeccompBuilder::default()
            .default_action(default)
            .architectures(archs)
            .listener_path("/run/agent")
            .syscalls(entries)
            .build()
            .expect("complete");
        profile.set_default_errno_ret(errno);
        profile
    })
}

fn listed(profile: &LinuxSeccomp, name: ArchName) -> bool {
    name == ArchName::ScmpArchX86_64 || profile.architectures().iter().flatten().any(|&n| n == name)
}

/// Whether libseccomp can be trusted with the rules for this call: it loses rules where it merges
/// several with conditions other than `==` on one argument into its tree, and takes a rule whose only
/// condition has an empty mask for one without conditions.
fn sound(profile: &LinuxSeccomp, name: &str) -> bool {
    let mut argument = None;
    let mut rules = 0;
    let mut same = true;
    for entry in profile.syscalls().iter().flatten() {
        let concerned = multiplexes(name) || entry.names().iter().any(|n| n == name);
        let args = entry.args().as_deref().unwrap_or_default();
        if !concerned || args.is_empty() {
            continue;
        }
        if args
            .iter()
            .any(|arg| arg.op() == Op::ScmpCmpMaskedEq && arg.value() as u32 == 0)
        {
            return false;
        }
        rules += 1;
        same &= args.iter().all(|arg| {
            arg.op() == Op::ScmpCmpEq && *argument.get_or_insert(arg.index()) == arg.index()
        });
        let mut indices: Vec<usize> = args.iter().map(LinuxSeccompArg::index).collect();
        indices.sort_unstable();
        indices.dedup();
        // runc makes a rule of each condition where an argument is named twice.
        rules += usize::from(indices.len() < args.len());
    }
    same || rules <= 1
}

/// Failures are shown with their input, and found again by the next run: nothing is kept on disk.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn answer(program: &[Instruction], call: &Call) -> u32 {
    run(program, call)
        .expect("a program that the kernel takes")
        .0
}

/// A call of an architecture, by name.
fn call(arch: &Arch, name: &str, args: [u64; 6]) -> Option<Call> {
    let nr = syscalls::find(name)?.number(arch)?;
    let audit = arch.audit;
    Some(Call { audit, nr, args })
}

/// Whether other calls reach this one, so that its meaning is not in its own rules alone.
fn multiplexes(name: &str) -> bool {
    name == "socketcall" || name == "ipc"
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn programs_answer_what_the_reference_says(
        profile in profile(proptest::collection::vec(
            entry(proptest::collection::vec(arg(), 0..4)), 0..8)),
        calls in proptest::collection::vec(
            (select(NAMES), proptest::array::uniform6(value())), 40),
    ) {
        let program = compile_on(&profile, &arch::X86_64).expect("a good profile").instructions;
        for (name, args) in calls {
            for (arch_name, arch) in ARCHS {
                if !arch.wide && multiplexes(name) {
                    continue;
                }
                let args = if arch.wide { args } else { args.map(|arg| arg & 0xffff_ffff) };
                let Some(call) = call(arch, name, args) else { continue };
                let expected = if listed(&profile, *arch_name) {
                    reference::meaning(&profile, name, &call, arch.wide).answer
                } else {
                    0
                };
                prop_assert_eq!(answer(&program, &call), expected, "{} {:?}", name, call);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn programs_answer_what_libseccomp_answers(
        profile in profile(proptest::collection::vec(
            entry(prop_oneof![proptest::collection::vec(arg(), 0..4), equal()]), 0..8)),
        calls in proptest::collection::vec(
            (select(NAMES), proptest::array::uniform6(value())), 40),
    ) {
        if !oracle::available() {
            return Ok(());
        }
        let program = compile_on(&profile, &arch::X86_64).expect("a good profile").instructions;
        let mut entries = profile.syscalls().iter().flatten();
        let mut short = |value: u64| u32::try_from(value).is_ok();
        let short = entries.all(|entry| entry.args().iter().flatten().all(|arg|
            short(arg.value()) && arg.value_two().is_none_or(&mut short)));
        for (arch_name, arch) in ARCHS.iter().filter(|(name, _)| listed(&profile, *name)) {
            // libseccomp looks at the low half of x32's arguments only.
            if arch.bit != 0 && !short {
                continue;
            }
            let narrow = !arch.wide || arch.bit != 0;
            let Some(theirs) = oracle::compile(&profile, *arch_name) else { continue };
            for (name, args) in &calls {
                let args = if narrow { args.map(|arg| arg & 0xffff_ffff) } else { *args };
                let Some(call) = call(arch, name, args) else { continue };
                if !sound(&profile, name) {
                    continue;
                }
                let meaning = reference::meaning(&profile, name, &call, arch.wide);
                if meaning.holding.iter().any(|&one| one != meaning.answer) {
                    continue;
                }
                prop_assert_eq!(answer(&program, &call), answer(&theirs, &call), "{} {:?} {:?}", name, call, meaning);
            }
        }
    }
}
