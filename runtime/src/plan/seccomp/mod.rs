//! Compiles a seccomp profile into a BPF program: one search tree an architecture.
//! config-linux.md#seccomp
//!
//! What the specification leaves open is done as libseccomp and runc do it, since profiles in use
//! were written against them:
//! - the native architecture is filtered whether it is listed or not; a call of an architecture that
//!   is not listed ends the thread;
//! - a rule whose action is the default one is passed over, and so is a name that no table knows;
//! - a rule without conditions wins over those with, and the first one wins over later ones;
//! - two conditions on the same argument are two rules, conditions on different ones must all hold;
//! - `SCMP_CMP_MASKED_EQ` compares the bits of its mask only, and 32-bit architectures compare the
//!   low 32 bits.
//!
//! Where several rules with conditions hold for a call, the first in the profile decides. (libseccomp
//! leaves the order to its tree.) A number above all those of the profile gets the default action:
//! runc puts ENOSYS in its place, which the specification does not allow for; see DEVIATIONS.md.

mod arch;
mod bpf;
mod interpreter;
mod mux;
mod ranges;
mod rules;
mod syscalls;
mod table;
mod tree;

#[cfg(test)]
mod compiled;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use oci_spec::runtime::{
    Arch as ArchName, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompFilterFlag as Flag,
};

pub use bpf::Instruction;

use self::arch::Arch;
use self::bpf::{Emitter, Target, code};
use self::rules::{Group, returns};
use super::{Origin, PlanError};

/// Where a profile stands in config.json.
const ORIGIN: Origin = Origin::at("/linux/seccomp");

/// `BPF_MAXINSNS` of linux/bpf_common.h.
const MAX_INSTRUCTIONS: usize = 4096;

/// A compiled profile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// What the kernel runs for each call.
    pub instructions: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*` of linux/seccomp.h.
    pub flags: u32,
    /// Who is sent the listener; there is one where an action is `SCMP_ACT_NOTIFY`.
    pub listener: Option<Listener>,
}

impl Program {
    /// How the filter keeps this machine's call with these arguments from being made, if it does.
    /// An agent or a tracer may let it through.
    #[must_use]
    pub fn refusal(&self, number: i64, args: [u64; 6]) -> Option<String> {
        let call = interpreter::Call {
            audit: arch::native().audit,
            nr: u32::try_from(number).ok()?,
            args,
        };
        let (answer, _) = interpreter::run(&self.instructions, &call)?;
        let (action, data) = (answer & RETURN_ACTION, answer & !RETURN_ACTION);
        Some(match action {
            returns::KILL_PROCESS | returns::KILL_THREAD => "kills the process for it".into(),
            returns::TRAP => "answers it with SIGSYS".into(),
            returns::ERRNO => format!("answers it with errno {data}"),
            _ => return None,
        })
    }
}

/// `SECCOMP_RET_ACTION_FULL` of linux/seccomp.h.
const RETURN_ACTION: u32 = 0xffff_0000;

/// The agent that answers notifications.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// The socket that takes the listener.
    pub path: PathBuf,
    /// `listenerMetadata`, sent along.
    pub metadata: Option<String>,
}

/// Flags of seccomp(2), linux/seccomp.h.
const FLAG_TSYNC: u32 = 1;
const FLAG_LOG: u32 = 1 << 1;
const FLAG_SPEC_ALLOW: u32 = 1 << 2;
/// Asks for a listener.
pub const FLAG_NEW_LISTENER: u32 = 1 << 3;
/// Lets `FLAG_TSYNC` and `FLAG_NEW_LISTENER` go together.
const FLAG_TSYNC_ESRCH: u32 = 1 << 4;
const FLAG_WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// Compiles the profile for the machine that this binary is built for.
///
/// # Errors
/// A value that contradicts the specification, an architecture without a table of system calls or
/// of another endianness, and a profile that needs more instructions than the kernel takes.
pub fn compile(profile: &LinuxSeccomp) -> Result<Program, PlanError> {
    compile_on(profile, arch::native())
}

fn compile_on(profile: &LinuxSeccomp, native: &'static Arch) -> Result<Program, PlanError> {
    let default = rules::answer(
        profile.default_action(),
        profile.default_errno_ret(),
        &|| ORIGIN.child("defaultErrnoRet"),
    )?;
    let archs = architectures(profile, native)?;
    let mut groups = Vec::new();
    for (number, syscall) in profile.syscalls().iter().flatten().enumerate() {
        groups.extend(rules::group(syscall, number, default)?);
    }
    let listener = listener(profile)?;
    let instructions = emit(&archs, &groups, default);
    if instructions.len() > MAX_INSTRUCTIONS {
        return Err(PlanError::unsupported(
            ORIGIN.child("syscalls"),
            format!("a profile of {} BPF instructions", instructions.len()),
            format!("the kernel takes {MAX_INSTRUCTIONS}"),
        ));
    }
    Ok(Program {
        instructions,
        flags: flags(profile, listener.is_some()),
        listener,
    })
}

/// The architectures to tell apart, the native one first.
fn architectures(
    profile: &LinuxSeccomp,
    native: &'static Arch,
) -> Result<Vec<&'static Arch>, PlanError> {
    let mut archs = vec![native];
    for (at, &name) in profile.architectures().iter().flatten().enumerate() {
        let origin = || ORIGIN.child("architectures").child(at);
        if name == ArchName::ScmpArchNative {
            return Err(PlanError::invalid(
                origin(),
                format!("architecture {name}"),
                "it is none of the specification's",
            ));
        }
        let arch = arch::by_name(name).ok_or_else(|| {
            let why = "this runtime has no table of its system calls";
            PlanError::unsupported(origin(), format!("architecture {name}"), why)
        })?;
        if arch.big_endian != native.big_endian {
            let why = "this machine's byte order is the other one";
            return Err(PlanError::unsupported(
                origin(),
                format!("architecture {name}"),
                why,
            ));
        }
        if !archs.contains(&arch) {
            archs.push(arch);
        }
    }
    Ok(archs)
}

/// Checks the listener; it is ignored where nothing notifies.
pub fn listener(profile: &LinuxSeccomp) -> Result<Option<Listener>, PlanError> {
    let given = profile.listener_path().as_ref();
    let path = given.filter(|path| !path.as_os_str().is_empty());
    let metadata = profile.listener_metadata().as_ref();
    let metadata = metadata.filter(|text| !text.is_empty());
    if path.is_none() && metadata.is_some() {
        return Err(PlanError::invalid(
            ORIGIN.child("listenerMetadata"),
            "listenerMetadata",
            "it must not be set without listenerPath",
        ));
    }
    let notifies = |action| action == LinuxSeccompAction::ScmpActNotify;
    let asking = if notifies(profile.default_action()) {
        Some(ORIGIN.child("defaultAction"))
    } else {
        let mut entries = profile.syscalls().iter().flatten();
        let at = entries.position(|entry| notifies(entry.action()));
        at.map(|at| ORIGIN.child("syscalls").child(at).child("action"))
    };
    match (asking, path) {
        (None, _) => Ok(None),
        (Some(origin), None) => Err(PlanError::invalid(
            origin,
            "SCMP_ACT_NOTIFY",
            "there is no listenerPath to send the listener to",
        )),
        (Some(_), Some(path)) => Ok(Some(Listener {
            path: path.clone(),
            metadata: metadata.cloned(),
        })),
    }
}

fn flags(profile: &LinuxSeccomp, listens: bool) -> u32 {
    let mut flags = if listens { FLAG_NEW_LISTENER } else { 0 };
    for flag in profile.flags().iter().flatten() {
        flags |= match flag {
            Flag::SeccompFilterFlagTsync if listens => FLAG_TSYNC | FLAG_TSYNC_ESRCH,
            Flag::SeccompFilterFlagTsync => FLAG_TSYNC,
            Flag::SeccompFilterFlagLog => FLAG_LOG,
            Flag::SeccompFilterFlagSpecAllow => FLAG_SPEC_ALLOW,
            Flag::SeccompFilterFlagWaitKillableRecv if listens => FLAG_WAIT_KILLABLE_RECV,
            // The kernel refuses it where there is no listener whose answers could be waited for.
            Flag::SeccompFilterFlagWaitKillableRecv => 0,
        };
    }
    flags
}

fn emit(archs: &[&'static Arch], groups: &[Group], default: u32) -> Vec<Instruction> {
    let mut emitter = Emitter::default();
    let mut start = Target::Answer(returns::KILL_THREAD);
    for (at, arch) in archs.iter().enumerate().rev() {
        // x86_64 and x32 share an audit value, hence a tree.
        if archs[..at].iter().any(|other| other.audit == arch.audit) {
            continue;
        }
        let ranges = ranges::of(archs, arch.audit, groups, default);
        let tree = tree::tree(&mut emitter, &ranges, default);
        let numbered = emitter.load(tree::OFFSET_NR, u32::MAX, tree);
        start = emitter.branch(code::JEQ, arch.audit, numbered, start);
    }
    let start = emitter.load(tree::OFFSET_ARCH, u32::MAX, start);
    emitter.finish(start)
}
