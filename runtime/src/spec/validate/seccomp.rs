//! config-linux.md#seccomp

use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction};

use super::Checked;
use super::rules::{absolute, require};
use crate::spec::pointer::child;

const BASE: &str = "/linux/seccomp";

/// System calls have six arguments: syscall(2).
const ARGUMENTS: usize = 6;

/// Checks what needs no compiler.
pub(super) fn check(seccomp: &LinuxSeccomp) -> Checked {
    errno(
        seccomp.default_action(),
        seccomp.default_errno_ret(),
        child(BASE, "defaultErrnoRet"),
    )?;
    let rules = seccomp.syscalls().as_deref().unwrap_or_default();
    for (index, rule) in rules.iter().enumerate() {
        let here = child(&child(BASE, "syscalls"), index);
        require(
            !rule.names().is_empty(),
            child(&here, "names"),
            "at least one entry is required",
        )?;
        errno(rule.action(), rule.errno_ret(), child(&here, "errnoRet"))?;
        for (index, argument) in rule.args().iter().flatten().enumerate() {
            let pointer = format!("{here}/args/{index}/index");
            require(argument.index() < ARGUMENTS, pointer, "must be from 0 to 5")?;
        }
    }
    let metadata = seccomp
        .listener_metadata()
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    let listener = seccomp
        .listener_path()
        .as_ref()
        .filter(|path| !path.as_os_str().is_empty());
    require(
        !metadata || listener.is_some(),
        child(BASE, "listenerMetadata"),
        "must not be set without listenerPath",
    )?;
    let notifies = rules
        .iter()
        .any(|rule| rule.action() == LinuxSeccompAction::ScmpActNotify);
    if !notifies {
        return Ok(()); // then listenerPath is ignored
    }
    match listener {
        Some(path) => absolute(path, &child(BASE, "listenerPath")),
        None => require(
            false,
            child(BASE, "listenerPath"),
            "SCMP_ACT_NOTIFY needs a listener",
        ),
    }
}

/// Only two actions have a number to return.
fn errno(action: LinuxSeccompAction, number: Option<u32>, pointer: String) -> Checked {
    use LinuxSeccompAction::{ScmpActErrno, ScmpActTrace};
    let allowed = matches!(action, ScmpActErrno | ScmpActTrace);
    // 16 bits of data: SECCOMP_RET_DATA, linux/seccomp.h. An errno has 12: MAX_ERRNO.
    let most = if action == ScmpActTrace { 0xffff } else { 4095 };
    require(
        number.is_none() || allowed,
        pointer.as_str(),
        format!("{action} takes no errno"),
    )?;
    require(
        number.is_none_or(|it| it <= most),
        pointer,
        format!("must not exceed {most}"),
    )
}
