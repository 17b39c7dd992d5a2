//! The conditions on arguments.

use super::{WITH_ARGUMENT, filter};
use crate::cases::prelude::*;

/// The errno that the rules answer with, which no system call here has of its own: EPROTO.
const MARK: u32 = 71;

/// An operator's name, the first values that match, and whether values 9, 10 and 11 compared with
/// 10 do; MASKED_EQ compares with 2 under the mask 10.
const OPERATORS: &[(&str, [bool; 3])] = &[
    ("NE", [true, false, true]),
    ("LT", [true, false, false]),
    ("LE", [true, true, false]),
    ("EQ", [false, true, false]),
    ("GE", [false, true, true]),
    ("GT", [false, false, true]),
    // 9 & 10 is 8, 10 & 10 is 10, 11 & 10 is 10.
    ("MASKED_EQ", [false, true, true]),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = OPERATORS
        .iter()
        .map(|&(name, matches)| operator(name, matches))
        .collect();
    cases.extend([all_must_match(), wide()]);
    cases
}

/// A filter with one rule, whose conditions these are.
fn conditions(args: &Value) -> Value {
    filter(&json!({
        "names": [WITH_ARGUMENT.0],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": MARK,
        "args": args,
    }))
}

/// Whether the rule answers a call with these arguments.
fn matches(t: &Trial, calls: &[&[u64]]) -> Check<Vec<bool>> {
    let agent = t.must(t.agent())?;
    calls
        .iter()
        .map(|args| Ok(agent.attempt(|p| p.syscall(WITH_ARGUMENT.1, args))? == "EPROTO"))
        .collect()
}

fn operator(name: &'static str, expected: [bool; 3]) -> Case {
    const VALUE: &str = "config-linux.seccomp.args.value";
    const TWO: &str = "config-linux.seccomp.args.value-two";
    let lower = name.to_lowercase();
    let requirement = format!("config-linux.seccomp.op-{}", lower.replace('_', "-"));
    let other = match name {
        "NE" => "SCMP_CMP_EQ",
        _ => "SCMP_CMP_NE",
    };
    let mut covers = vec![requirement.clone(), VALUE.to_owned()];
    let mut saboteurs = vec![
        alters("/linux/seccomp/syscalls/0/args/0/op", other).on(requirement),
        alters("/linux/seccomp/syscalls/0/args/0/value", 1000).on(VALUE),
    ];
    if name == "MASKED_EQ" {
        covers.push(TWO.into());
        let two = "/linux/seccomp/syscalls/0/args/0/valueTwo";
        saboteurs.extend([drops(two).on(TWO), alters(two, 8).on(TWO)]);
    }
    Case::new(format!("linux/seccomp/op_{lower}"), covers)
        .needs([Need::Seccomp])
        .bundle(move |b| {
            let mut condition = json!({"index": 0, "value": 10, "op": format!("SCMP_CMP_{name}")});
            if name == "MASKED_EQ" {
                condition["valueTwo"] = 10.into();
            }
            b.set("/linux/seccomp", conditions(&json!([condition])))
        })
        .run(move |t| {
            let seen = matches(t, &[&[9], &[10], &[11]])?;
            t.on_all().eq("whether 9, 10 and 11 match", seen, expected)
        })
        .saboteurs(saboteurs)
}

fn all_must_match() -> Case {
    const INDEX: &str = "config-linux.seccomp.args.index";
    const ANDED: &str = "config-linux.seccomp.args.multiple-anded";
    Case::new("linux/seccomp/all_conditions_must_match", [ANDED, INDEX])
        .needs([Need::Seccomp])
        .bundle(|b| {
            b.set(
                "/linux/seccomp",
                conditions(&json!([
                    {"index": 0, "value": 10, "op": "SCMP_CMP_EQ"},
                    {"index": 1, "value": 20, "op": "SCMP_CMP_EQ"},
                ])),
            )
        })
        .run(|t| {
            let seen = matches(t, &[&[10, 20], &[10, 21], &[11, 20]])?;
            let what = "whether both, the first and the second alone match";
            t.on_all().eq(what, seen, [true, false, false])
        })
        .saboteurs([
            drops("/linux/seccomp/syscalls/0/args/1").on(ANDED),
            alters("/linux/seccomp/syscalls/0/args/1/index", 2).on(INDEX),
        ])
}

fn wide() -> Case {
    const VALUE: u64 = (1 << 32) + 5;
    Case::new(
        "linux/seccomp/values_have_64_bits",
        "config-linux.seccomp.args.64bit",
    )
    .needs([Need::Seccomp])
    .bundle(|b| {
        let condition = json!({"index": 0, "value": VALUE, "op": "SCMP_CMP_EQ"});
        b.set("/linux/seccomp", conditions(&json!([condition])))
    })
    .run(|t| {
        let seen = matches(t, &[&[VALUE], &[5]])?;
        t.eq("whether 2^32+5 and 5 match", seen, [true, false])
    })
    .saboteurs([alters("/linux/seccomp/syscalls/0/args/0/value", 5)])
}
