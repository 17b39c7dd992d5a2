//! What a filter covers: whom, which architectures, with which errno and flags.

use super::{OTHER, RARE, WITH_ARGUMENT, filter, supported};
use crate::cases::prelude::*;

/// The flags of linux/seccomp.h that config-linux.md lists, by the names after
/// `SECCOMP_FILTER_FLAG_`; the requirement's in lower case with hyphens.
const FLAGS: &[&str] = &["TSYNC", "LOG", "SPEC_ALLOW"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        applied(),
        children(),
        default_errno(),
        rule_errno(),
        several_names(),
        foreign_architecture(),
        architecture_names(),
        without_rules(),
    ];
    cases.extend(FLAGS.iter().map(|&name| flag(name)));
    cases
}

/// A filter whose one rule refuses the rare call with EPROTO, without naming an architecture.
fn refusing() -> Value {
    filter(&json!({"names": [RARE.0], "action": "SCMP_ACT_ERRNO", "errnoRet": 71}))
}

/// What becomes of the rare call.
fn rare(t: &Trial) -> Check<String> {
    t.must(t.agent())?.attempt(|p| p.syscall(RARE.1, &[0]))
}

fn applied() -> Case {
    const APPLIED: &str = "config-linux.seccomp.applied";
    const NATIVE: &str = "config-linux.seccomp.architectures-native-always";
    const PRIVILEGES: &str = "config-linux.seccomp.no-new-privs-not-forced";
    Case::new("linux/seccomp/applied", [APPLIED, NATIVE, PRIVILEGES])
        .needs([Need::Seccomp])
        .bundle(|b| b.set("/linux/seccomp", refusing()))
        .run(|t| {
            let agent = t.agent()?;
            let report = &agent.report;
            t.eq("PR_GET_SECCOMP", report.seccomp.value(), 2)?;
            let call = agent.attempt(|p| p.syscall(RARE.1, &[0]))?;
            t.on(NATIVE)
                .eq("the call that is refused", call, "EPROTO")?;
            let seen = report.no_new_privs.value();
            t.on(PRIVILEGES).eq("PR_GET_NO_NEW_PRIVS", seen, 0)
        })
        .saboteurs([
            drops("/linux/seccomp").on(APPLIED),
            drops("/linux/seccomp/syscalls").on(NATIVE),
            alters("/process/noNewPrivileges", true).on(PRIVILEGES),
        ])
}

fn children() -> Case {
    Case::new(
        "linux/seccomp/children_are_bound",
        "config-linux.seccomp.survives-exec-fork",
    )
    .needs([Need::Seccomp])
    .bundle(|b| b.set("/linux/seccomp", refusing()))
    .run(|t| {
        let agent = t.agent()?;
        let number = RARE.1.to_string();
        let child = agent.get(|p| p.run(&["/probe", "do", "syscall-here", &number, "0"]))?;
        t.eq(
            "what a program of a child is told",
            child.output.trim(),
            "probe: errno 71",
        )
    })
    .saboteurs([drops("/linux/seccomp")])
}

fn default_errno() -> Case {
    Case::new(
        "linux/seccomp/default_errno",
        "config-linux.seccomp.default-errno-ret",
    )
    .needs([Need::Seccomp])
    .bundle(|b| {
        let mut profile = super::allow_list(|name| name != RARE.0);
        profile["defaultErrnoRet"] = 71.into();
        b.set("/linux/seccomp", profile)
    })
    .run(|t| t.eq("a call that no rule names", rare(t)?, "EPROTO"))
    .saboteurs([drops("/linux/seccomp/defaultErrnoRet")])
}

fn rule_errno() -> Case {
    const SET: &str = "config-linux.seccomp.errno-ret";
    const DEFAULT: &str = "config-linux.seccomp.errno-ret-default-eperm";
    Case::new("linux/seccomp/errno_of_a_rule", [SET, DEFAULT])
        .needs([Need::Seccomp])
        .bundle(|b| {
            let bare = json!({"names": [OTHER.0], "action": "SCMP_ACT_ERRNO"});
            b.set("/linux/seccomp", refusing())
                .push("/linux/seccomp/syscalls", bare)
        })
        .run(|t| {
            let agent = t.agent()?;
            let call = agent.attempt(|p| p.syscall(RARE.1, &[0]))?;
            t.eq("a call whose rule has an errnoRet", call, "EPROTO")?;
            let call = agent.attempt(|p| p.syscall(OTHER.1, &[0, 0]))?;
            t.on(DEFAULT)
                .eq("a call whose rule has none", call, "EPERM")
        })
        .saboteurs([
            drops("/linux/seccomp/syscalls/0/errnoRet").on(SET),
            alters("/linux/seccomp/syscalls/1/errnoRet", 38).on(DEFAULT),
        ])
}

fn several_names() -> Case {
    Case::new(
        "linux/seccomp/several_names",
        "config-linux.seccomp.syscalls.several-names",
    )
    .needs([Need::Seccomp])
    .bundle(|b| {
        b.set("/linux/seccomp", refusing())
            .push("/linux/seccomp/syscalls/0/names", OTHER.0)
            .push("/linux/seccomp/syscalls/0/names", WITH_ARGUMENT.0)
    })
    .run(|t| {
        let agent = t.agent()?;
        for (name, number) in [RARE, OTHER, WITH_ARGUMENT] {
            let call = agent.attempt(|p| p.syscall(number, &[0, 0]))?;
            t.eq(name, call, "EPROTO")?;
        }
        Ok(())
    })
    .saboteurs([0, 1, 2].map(|at| drops(format!("/linux/seccomp/syscalls/0/names/{at}"))))
}

fn foreign_architecture() -> Case {
    /// asm/unistd_32.h times.
    const TIMES_32: i64 = 43;
    Case::new(
        "linux/seccomp/listed_architectures",
        "config-linux.seccomp.architectures-effective",
    )
    .needs([Need::Seccomp, Need::Path("/proc/sys/abi/vsyscall32")])
    .bundle(|b| {
        b.set("/linux/seccomp", refusing()).set(
            "/linux/seccomp/architectures",
            ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        )
    })
    .run(|t| {
        let agent = t.agent()?;
        let call = agent.attempt(|p| p.syscall(RARE.1, &[0]))?;
        t.eq("the call of the native architecture", call, "EPROTO")?;
        let call = agent.attempt(|p| p.syscall_32(TIMES_32, 0))?;
        t.eq("the same call of a 32-bit program", call, "EPROTO")
    })
    .saboteurs([
        drops("/linux/seccomp/architectures/1"),
        alters("/linux/seccomp/architectures/1", "SCMP_ARCH_ARM"),
    ])
}

/// The names of machines that containers run on. A runtime may support some names only
/// (config.md#valid-values), but these are in the profiles of engines; a filter cannot mix byte
/// orders, so that s390x is missing.
const LITTLE_ENDIAN: &[&str] = &[
    "X86", "X86_64", "X32", "ARM", "AARCH64", "PPC64LE", "RISCV64",
];

fn architecture_names() -> Case {
    let names: Vec<String> = LITTLE_ENDIAN
        .iter()
        .map(|name| format!("SCMP_ARCH_{name}"))
        .collect();
    Case::new(
        "linux/seccomp/architecture_names",
        "config-linux.seccomp.architectures-valid",
    )
    .needs([Need::Seccomp])
    .bundle(move |b| {
        b.set("/linux/seccomp", refusing())
            .set("/linux/seccomp/architectures", names.clone())
    })
    .run(|t| {
        supported(t)?;
        let call = t.started()?.attempt(|p| p.syscall(RARE.1, &[0]))?;
        t.eq("the call that is refused", call, "EPROTO")
    })
    .saboteurs([drops("/linux/seccomp")])
}

fn without_rules() -> Case {
    Case::new(
        "linux/seccomp/without_rules",
        "config-linux.seccomp.syscalls-optional",
    )
    .needs([Need::Seccomp])
    .bundle(|b| b.set("/linux/seccomp/defaultAction", "SCMP_ACT_ALLOW"))
    .run(|t| {
        let agent = t.must(t.agent())?;
        let call = agent.attempt(|p| p.syscall(RARE.1, &[0]))?;
        t.eq("any call", call, "OK")
    })
    .saboteurs([lies("create", How::Refuse), lies("start", How::Refuse)])
}

fn flag(name: &'static str) -> Case {
    let lower = name.to_lowercase();
    Case::new(
        format!("linux/seccomp/flag_{lower}"),
        format!("config-linux.seccomp.flag-{}", lower.replace('_', "-")),
    )
    .needs([Need::Seccomp])
    .bundle(move |b| {
        let flag = format!("SECCOMP_FILTER_FLAG_{name}");
        b.set("/linux/seccomp", refusing())
            .set("/linux/seccomp/flags", [flag])
    })
    .run(|t| {
        supported(t)?;
        let call = t.started()?.attempt(|p| p.syscall(RARE.1, &[0]))?;
        t.eq("the call that is refused", call, "EPROTO")
    })
    .saboteurs([drops("/linux/seccomp")])
}
