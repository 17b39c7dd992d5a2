//! Reads the rules of a profile: values checked, names looked up, actions as the kernel's numbers.

use std::borrow::Cow;

use oci_spec::runtime::{
    LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompOperator, LinuxSyscall,
};

use super::arch::Arch;
use super::mux::{Mux, Through};
use super::syscalls::{self, Entry};
use crate::plan::{Origin, PlanError};

/// `SECCOMP_RET_*` of linux/seccomp.h.
pub(super) mod returns {
    /// Ends the thread; also what a foreign architecture gets, as with libseccomp.
    pub(crate) const KILL_THREAD: u32 = 0;
    pub(crate) const KILL_PROCESS: u32 = 0x8000_0000;
    pub(crate) const TRAP: u32 = 0x0003_0000;
    pub(crate) const ERRNO: u32 = 0x0005_0000;
    pub(crate) const NOTIFY: u32 = 0x7fc0_0000;
    pub(crate) const TRACE: u32 = 0x7ff0_0000;
    pub(crate) const LOG: u32 = 0x7ffc_0000;
    pub(crate) const ALLOW: u32 = 0x7fff_0000;
}

/// seccomp(2) takes an errno of at most `MAX_ERRNO` (linux/err.h) and lowers what is above.
const MAX_ERRNO: u32 = 4095;
/// `SECCOMP_RET_DATA`: what a tracer can be told.
const MAX_DATA: u32 = 0xffff;
/// A system call has six arguments.
const ARGUMENTS: usize = 6;

/// How an argument is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    NotEqual,
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
    Masked { mask: u64 },
}

/// One comparison of one argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Condition {
    pub(super) index: u8,
    pub(super) operator: Operator,
    pub(super) value: u64,
}

/// An answer, given where all conditions hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Condition>,
    pub(super) answer: u32,
}

/// A rule with the names that it is for, as one entry of `syscalls` gives it.
#[derive(Debug)]
pub(super) struct Group {
    calls: Vec<(&'static Entry, Option<Through>)>,
    rules: Vec<Rule>,
}

/// The kernel's number for an action.
///
/// `data` is `errnoRet` or `defaultErrnoRet`, `origin` where it stands.
pub(super) fn answer(
    action: Action,
    data: Option<u32>,
    origin: &dyn Fn() -> Origin,
) -> Result<u32, PlanError> {
    let bounded = |max| match data {
        // The specification's default, EPERM.
        None => Ok(1),
        Some(value) if value <= max => Ok(value),
        Some(value) => Err(PlanError::invalid(
            origin(),
            format!("errno {value} of {action}"),
            format!("it is at most {max}"),
        )),
    };
    let plain = match action {
        Action::ScmpActErrno => return Ok(returns::ERRNO | bounded(MAX_ERRNO)?),
        Action::ScmpActTrace => return Ok(returns::TRACE | bounded(MAX_DATA)?),
        Action::ScmpActKill | Action::ScmpActKillThread => returns::KILL_THREAD,
        Action::ScmpActKillProcess => returns::KILL_PROCESS,
        Action::ScmpActTrap => returns::TRAP,
        Action::ScmpActNotify => returns::NOTIFY,
        Action::ScmpActLog => returns::LOG,
        Action::ScmpActAllow => returns::ALLOW,
    };
    match data {
        None => Ok(plain),
        Some(value) => Err(PlanError::invalid(
            origin(),
            format!("errno {value} of {action}"),
            "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one",
        )),
    }
}

/// Reads one entry of `syscalls`; `None` where it asks for nothing beyond the default.
///
/// A name that no table knows is passed over, as runc and libseccomp do: profiles are written for
/// kernels older and newer than this one.
pub(super) fn group(
    syscall: &LinuxSyscall,
    number: usize,
    default: u32,
) -> Result<Option<Group>, PlanError> {
    let origin = |key: &str| Origin::from(format!("/linux/seccomp/syscalls/{number}/{key}"));
    let wanted = answer(syscall.action(), syscall.errno_ret(), &|| {
        origin("errnoRet")
    })?;
    if syscall.names().is_empty() {
        return Err(PlanError::invalid(
            origin("names"),
            "names",
            "it is empty, and must hold a system call's name",
        ));
    }
    if let Some(at) = syscall.names().iter().position(String::is_empty) {
        return Err(PlanError::invalid(
            origin("names").child(at),
            "a system call's name",
            "it is empty",
        ));
    }
    let conditions = syscall
        .args()
        .iter()
        .flatten()
        .enumerate()
        .map(|(at, arg)| condition(arg, &|| origin("args").child(at)))
        .collect::<Result<Vec<_>, _>>()?;
    if wanted == default {
        // As with runc: such a rule adds nothing, and must not hide a conditional one.
        return Ok(None);
    }
    let rule = |conditions| Rule {
        conditions,
        answer: wanted,
    };
    let rules = if repeats(&conditions) {
        conditions.into_iter().map(|one| rule(vec![one])).collect()
    } else {
        vec![rule(conditions)]
    };
    let calls = syscall
        .names()
        .iter()
        .filter_map(|name| Some((syscalls::find(name)?, Through::of(name))))
        .collect();
    Ok(Some(Group { calls, rules }))
}

/// Whether two conditions look at the same argument; runc then takes each for a rule of its own,
/// and profiles in use rely on it.
fn repeats(conditions: &[Condition]) -> bool {
    let mut seen = [false; ARGUMENTS];
    conditions
        .iter()
        .any(|condition| std::mem::replace(&mut seen[usize::from(condition.index)], true))
}

fn condition(arg: &LinuxSeccompArg, origin: &dyn Fn() -> Origin) -> Result<Condition, PlanError> {
    if arg.index() >= ARGUMENTS {
        return Err(PlanError::invalid(
            origin().child("index"),
            format!("argument {}", arg.index()),
            "a system call's arguments are 0 to 5",
        ));
    }
    let (operator, value) = match arg.op() {
        LinuxSeccompOperator::ScmpCmpNe => (Operator::NotEqual, arg.value()),
        LinuxSeccompOperator::ScmpCmpLt => (Operator::Less, arg.value()),
        LinuxSeccompOperator::ScmpCmpLe => (Operator::LessEqual, arg.value()),
        LinuxSeccompOperator::ScmpCmpEq => (Operator::Equal, arg.value()),
        LinuxSeccompOperator::ScmpCmpGe => (Operator::GreaterEqual, arg.value()),
        LinuxSeccompOperator::ScmpCmpGt => (Operator::Greater, arg.value()),
        LinuxSeccompOperator::ScmpCmpMaskedEq => (
            Operator::Masked { mask: arg.value() },
            arg.value_two().unwrap_or(0),
        ),
    };
    Ok(Condition {
        index: arg.index() as u8,
        operator,
        value,
    })
}

/// A rule for one system call.
#[derive(Debug)]
pub(super) struct Numbered<'a> {
    pub(super) number: u32,
    /// Its place in the profile.
    place: usize,
    pub(super) rule: Cow<'a, Rule>,
}

/// The rules of an architecture, by number and then in the order of the profile.
pub(super) fn by_number<'a>(groups: &'a [Group], arch: &Arch) -> Vec<Numbered<'a>> {
    let mux = Mux::new(arch);
    let mut found = Vec::with_capacity(groups.iter().map(|group| group.calls.len()).sum());
    let mut add = |number, rule| {
        let place = found.len();
        found.push(Numbered {
            number,
            place,
            rule,
        });
    };
    for group in groups {
        for (entry, through) in &group.calls {
            for rule in &group.rules {
                if let Some(number) = entry.number(arch) {
                    add(number, Cow::Borrowed(rule));
                }
                if let Some((number, conditions)) = mux.rule(*through, &rule.conditions) {
                    let answer = rule.answer;
                    add(number, Cow::Owned(Rule { conditions, answer }));
                }
            }
        }
    }
    // The order of the profile decides between rules for the same call. With it as a part of the key nothing is
    // copied aside, as a stable sort would.
    found.sort_unstable_by_key(|rule| (rule.number, rule.place));
    found
}
