//! What compiled programs look like, and what is refused.

use std::time::{Duration, Instant};

use oci_spec::runtime::LinuxSeccomp;

use super::arch::{self, Arch};
use super::interpreter::{Call, run};
use super::{Program, compile_on, syscalls};
use crate::plan::PlanError;

fn profile(json: &str) -> LinuxSeccomp {
    serde_json::from_str(json).expect(json)
}

fn compiled(json: &str) -> Result<Program, PlanError> {
    compile_on(&profile(json), &arch::X86_64)
}

fn engine() -> LinuxSeccomp {
    profile(plimsoll_fixtures::seccomp::ENGINE)
}

/// The answer for a call by number, and the instructions that it took.
fn answer(program: &Program, arch: &Arch, nr: u32, args: [u64; 6]) -> (u32, usize) {
    let audit = arch.audit;
    run(&program.instructions, &Call { audit, nr, args }).expect("a good program")
}

fn number(arch: &Arch, name: &str) -> u32 {
    let entry = syscalls::find(name).expect(name);
    entry.number(arch).expect(name)
}

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;

#[test]
fn the_path_to_an_answer_grows_with_the_logarithm_of_the_profile() {
    let program = compile_on(&engine(), &arch::X86_64).expect("a good profile");
    for arch in [&arch::X86_64, &arch::X86, &arch::X32] {
        for nr in 0..600 {
            let (_, steps) = answer(&program, arch, arch.bit | nr, [u64::MAX; 6]);
            // Two loads, the choice of the architecture, a tree of less than 2^8 ranges with a far
            // jump here and there, and the longest chain of conditions, personality's.
            assert!(steps <= 40, "{nr} of {:#x} takes {steps}", arch.audit);
        }
        let (_, steps) = answer(&program, arch, number(arch, "read"), [0; 6]);
        assert!(steps <= 16, "read takes {steps}");
    }
    let length = program.instructions.len();
    assert!(length < 600, "{length} instructions");
}

/// The best of several times, since other tests run beside this one.
fn best(work: impl Fn()) -> Duration {
    let times = (0..20).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    times.min().expect("twenty times")
}

/// How fast a machine is shows in what it takes to read the profile, a millisecond or less.
#[test]
fn the_profile_of_an_engine_compiles_in_a_few_times_what_its_reading_takes() {
    let profile = engine();
    let reading = best(|| drop(engine()));
    let compiling = best(|| {
        compile_on(&profile, &arch::X86_64).expect("a good profile");
    });
    println!("read in {reading:?}, compiled in {compiling:?}");
    assert!(compiling < 10 * reading, "{compiling:?} and {reading:?}");
}

#[test]
fn an_engine_s_conditions_hold() {
    let program = compile_on(&engine(), &arch::X86_64).expect("a good profile");
    let ask = |arch, name, first| {
        let nr = number(arch, name);
        answer(&program, arch, nr, [first, 0, 0, 0, 0, 0]).0
    };
    assert_eq!(ask(&arch::X86_64, "socket", 2), ALLOW);
    assert_eq!(ask(&arch::X86_64, "socket", 40), EPERM);
    assert_eq!(ask(&arch::X86_64, "clone", 0x11), ALLOW);
    assert_eq!(ask(&arch::X86_64, "clone", 0x1000_0011), EPERM);
    assert_eq!(ask(&arch::X86_64, "clone3", 0), 0x0005_0000 + 38);
    for (persona, allowed) in [
        (0, true),
        (8, true),
        (9, false),
        (0xffff_ffff, true),
        (1, false),
    ] {
        let expected = if allowed { ALLOW } else { EPERM };
        assert_eq!(
            ask(&arch::X86, "personality", persona),
            expected,
            "{persona}"
        );
    }
    assert_eq!(ask(&arch::X32, "mount", 0), EPERM);
    assert_eq!(ask(&arch::X32, "getcwd", 0), ALLOW);
}

#[test]
fn an_architecture_that_is_not_listed_cannot_be_used_to_pass_by() {
    let json = r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#;
    let program = compiled(json).expect("a good profile");
    assert_eq!(answer(&program, &arch::X86_64, 1, [0; 6]).0, ALLOW);
    for (arch, nr) in [
        (&arch::X86, 1),
        (&arch::AARCH64, 1),
        (&arch::X32, 0x4000_0001),
    ] {
        assert_eq!(answer(&program, arch, nr, [0; 6]).0, 0, "{:#x}", arch.audit);
    }
    // What a tracer sets to skip a call.
    assert_eq!(answer(&program, &arch::X86_64, u32::MAX, [0; 6]).0, ALLOW);
}

#[test]
fn conditional_jumps_reach_over_more_than_255_instructions() {
    let values: Vec<String> = (0..80)
        .map(|value| {
            format!(
                r#"{{"names":["read","write","ioctl","getcwd"],"action":"SCMP_ACT_ERRNO","errnoRet":{value},"args":[{{"index":1,"value":{},"op":"SCMP_CMP_EQ"}}]}}"#,
                value * 0x1_0000_0001_u64
            )
        })
        .collect();
    let program = compiled(&format!(
        r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{}]}}"#,
        values.join(",")
    ))
    .expect("a good profile");
    assert!(program.instructions.len() > 1200);
    for name in ["read", "write", "ioctl", "getcwd"] {
        for value in 0..80_u64 {
            let nr = number(&arch::X86_64, name);
            let args = [0, value * 0x1_0000_0001, 0, 0, 0, 0];
            let expected = 0x0005_0000 + value as u32;
            assert_eq!(answer(&program, &arch::X86_64, nr, args).0, expected);
            let args = [0, value, 0, 0, 0, 0];
            let expected = if value == 0 { 0x0005_0000 } else { ALLOW };
            assert_eq!(answer(&program, &arch::X86_64, nr, args).0, expected);
        }
    }
    assert_eq!(answer(&program, &arch::X86_64, 400, [0; 6]).0, ALLOW);
}

#[test]
fn a_big_endian_machine_has_its_high_words_first() {
    let s390x = arch::by_name(oci_spec::runtime::Arch::ScmpArchS390x).expect("a known one");
    let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getcwd"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":4294967301,"op":"SCMP_CMP_GE"}]}]}"#;
    let program = compile_on(&profile(json), s390x).expect("a good profile");
    let ask = |first| answer(&program, s390x, 183, [first, 0, 0, 0, 0, 0]).0;
    assert_eq!(ask(0x1_0000_0005), EPERM);
    assert_eq!(ask(0x5_0000_0001), EPERM);
    assert_eq!(ask(0x1_0000_0004), ALLOW);
    let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"]}"#;
    let error = compile_on(&profile(json), s390x).expect_err("the other byte order");
    assert!(error.to_string().contains("/linux/seccomp/architectures/0"));
}

#[test]
fn a_multiplexed_call_is_filtered_on_both_ways() {
    let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"syscalls":[{"names":["sendmsg","shmget"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let program = compiled(json).expect("a good profile");
    let ask = |name, first| {
        let nr = number(&arch::X86, name);
        answer(&program, &arch::X86, nr, [first, 0, 0, 0, 0, 0]).0
    };
    assert_eq!(ask("sendmsg", 3), EPERM);
    assert_eq!(ask("socketcall", 16), EPERM);
    assert_eq!(ask("socketcall", 17), ALLOW);
    assert_eq!(ask("ipc", 23), EPERM);
    assert_eq!(ask("ipc", 24), ALLOW);
}

#[test]
fn flags_are_the_kernel_s_and_a_listener_adds_its_own() {
    let json = |action: &str| {
        format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/agent","listenerMetadata":"m","flags":["SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW","SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],"syscalls":[{{"names":["getcwd"],"action":"{action}"}}]}}"#
        )
    };
    let program = compiled(&json("SCMP_ACT_ERRNO")).expect("a good profile");
    assert_eq!(program.flags, 0b111);
    assert_eq!(program.listener, None, "ignored where nothing notifies");
    let program = compiled(&json("SCMP_ACT_NOTIFY")).expect("a good profile");
    assert_eq!(program.flags, 0b11_1111);
    let listener = program.listener.expect("there is one");
    assert_eq!(listener.path.to_str(), Some("/run/agent"));
    assert_eq!(listener.metadata.as_deref(), Some("m"));
}

#[test]
fn what_is_wrong_is_named() {
    let entry = |entry: &str| {
        format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{{"names":["read"],"action":"SCMP_ACT_KILL"}},{entry}]}}"#
        )
    };
    for (json, pointer) in [
        (entry(r#"{"names":[],"action":"SCMP_ACT_KILL"}"#), "/syscalls/1/names)"),
        (entry(r#"{"names":["read",""],"action":"SCMP_ACT_KILL"}"#), "/syscalls/1/names/1"),
        (entry(r#"{"names":["read"],"action":"SCMP_ACT_KILL","errnoRet":1}"#), "/syscalls/1/errnoRet"),
        (entry(r#"{"names":["read"],"action":"SCMP_ACT_ALLOW","errnoRet":1}"#), "/syscalls/1/errnoRet"),
        (entry(r#"{"names":["read"],"action":"SCMP_ACT_ERRNO","errnoRet":4096}"#), "/syscalls/1/errnoRet"),
        (entry(r#"{"names":["read"],"action":"SCMP_ACT_TRACE","errnoRet":65536}"#), "/syscalls/1/errnoRet"),
        (
            entry(r#"{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"},{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}"#),
            "/syscalls/1/args/1/index",
        ),
        (entry(r#"{"names":["read"],"action":"SCMP_ACT_NOTIFY"}"#), "/syscalls/1/action"),
        (r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#.into(), "/defaultAction"),
        (r#"{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}"#.into(), "/defaultErrnoRet"),
        (r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"x"}"#.into(), "/listenerMetadata"),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86","SCMP_ARCH_PARISC"]}"#.into(),
            "/architectures/1",
        ),
        (r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_NATIVE"]}"#.into(), "/architectures/0"),
    ] {
        let error = compiled(&json).expect_err(&json).to_string();
        assert!(error.contains(&format!("config.json /linux/seccomp{pointer}")), "{json}: {error}");
    }
}

#[test]
fn a_profile_longer_than_the_kernel_takes_is_refused() {
    let rules: Vec<String> = (0..1500_u64)
        .map(|value| format!(r#"{{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{{"index":0,"value":{value},"op":"SCMP_CMP_EQ"}}]}}"#))
        .collect();
    let json = format!(
        r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{}]}}"#,
        rules.join(",")
    );
    let error = compiled(&json).expect_err("too long").to_string();
    assert!(error.contains("the kernel takes 4096"), "{error}");
}
