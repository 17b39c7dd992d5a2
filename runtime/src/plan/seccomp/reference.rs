//! What a profile means, said straightforwardly and apart from the compiler: for tests.

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompOperator as Op,
};

use super::interpreter::Call;

/// What the profile says about a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Meaning {
    /// The answer.
    pub(super) answer: u32,
    /// Answers of all rules that hold, where none without conditions decides.
    pub(super) holding: Vec<u32>,
}

/// The kernel's number of an action.
fn value(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::ScmpActKill | Action::ScmpActKillThread => 0,
        Action::ScmpActKillProcess => 0x8000_0000,
        Action::ScmpActTrap => 0x0003_0000,
        Action::ScmpActErrno => 0x0005_0000 + errno.unwrap_or(1),
        Action::ScmpActNotify => 0x7fc0_0000,
        Action::ScmpActTrace => 0x7ff0_0000 + errno.unwrap_or(1),
        Action::ScmpActLog => 0x7ffc_0000,
        Action::ScmpActAllow => 0x7fff_0000,
    }
}

/// The meaning for a call of this name on an architecture of the profile.
pub(super) fn meaning(profile: &LinuxSeccomp, name: &str, call: &Call, wide: bool) -> Meaning {
    let default = value(profile.default_action(), profile.default_errno_ret());
    let cut = |number: u64| if wide { number } else { number & 0xffff_ffff };
    let mut holding = Vec::new();
    for entry in profile.syscalls().iter().flatten() {
        let answer = value(entry.action(), entry.errno_ret());
        if answer == default || !entry.names().iter().any(|n| n == name) {
            continue;
        }
        let args = entry.args().as_deref().unwrap_or_default();
        if args.is_empty() {
            let holding = vec![answer];
            return Meaning { answer, holding };
        }
        let tests = args.iter().map(|arg| {
            let actual = cut(call.args[arg.index()]);
            let wanted = cut(arg.value());
            match arg.op() {
                Op::ScmpCmpNe => actual != wanted,
                Op::ScmpCmpLt => actual < wanted,
                Op::ScmpCmpLe => actual <= wanted,
                Op::ScmpCmpEq => actual == wanted,
                Op::ScmpCmpGe => actual >= wanted,
                Op::ScmpCmpGt => actual > wanted,
                Op::ScmpCmpMaskedEq => actual & wanted == arg.value_two().unwrap_or(0) & wanted,
            }
        });
        let mut indices: Vec<usize> = args.iter().map(LinuxSeccompArg::index).collect();
        indices.sort_unstable();
        let repeated = indices.windows(2).any(|pair| pair[0] == pair[1]);
        let results: Vec<bool> = tests.collect();
        if if repeated {
            results.contains(&true)
        } else {
            !results.contains(&false)
        } {
            holding.push(answer);
        }
    }
    Meaning {
        answer: holding.first().copied().unwrap_or(default),
        holding,
    }
}
