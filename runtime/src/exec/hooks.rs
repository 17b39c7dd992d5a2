//! Runs hooks.
//! config.md#posix-platform-hooks

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stdin, pipe2, read, setpgid, write};

use super::{Context, StepError};
use crate::plan::hooks::{Hook, Hooks, StateTemplate};
use crate::sys::clone::{Side, clone, pidfd_open};
use crate::sys::process::{StringVec, cloexec_from, exec, exit, reset_signals};

/// Runs hooks in order, each with the state on standard input, until one fails. Where there are none, nobody
/// asks for the state.
pub fn run(hooks: &[Hook], state: impl FnOnce() -> String) -> Result<(), StepError> {
    if hooks.is_empty() {
        return Ok(());
    }
    let state = state();
    hooks.iter().try_for_each(|hook| run_one(hook, &state))
}

/// Runs all hooks, whatever becomes of each, and returns what failed.
pub fn run_all(hooks: &[Hook], state: &str) -> Vec<StepError> {
    hooks
        .iter()
        .filter_map(|hook| run_one(hook, state).err())
        .collect()
}

/// The hooks that follow a container's destruction; their failures are for the log only
/// (runtime.md#lifecycle, step 13).
pub fn poststop(hooks: &Hooks, state: &StateTemplate) -> Vec<StepError> {
    run_all(&hooks.poststop, &state.render("stopped", None))
}

fn run_one(hook: &Hook, state: &str) -> Result<(), StepError> {
    let path = hook.path.to_string_lossy();
    let describe = || format!("run hook {path}");
    let input = input(state).step(&hook.origin, describe)?;
    // The write end closes by execve(2), or brings the reason why that failed.
    let (failed, fails) = pipe2(OFlag::O_CLOEXEC).step(&hook.origin, describe)?;
    let child = match clone(0, false).step(&hook.origin, describe)? {
        Side::Child => {
            let errno = become_hook(hook, input.as_fd());
            // Nobody hears a failure to report the failure; the exit status still tells.
            let _ = write(&fails, &(errno as i32).to_le_bytes());
            exit(127)
        }
        Side::Parent(child, _) => child,
    };
    drop(fails);
    let outcome = wait(child, hook);
    let mut errno = [0u8; 4];
    if read(&failed, &mut errno) == Ok(4) {
        let errno = Errno::from_raw(i32::from_le_bytes(errno));
        return Err(StepError::new(describe(), errno, &hook.origin));
    }
    match outcome? {
        WaitStatus::Exited(_, 0) => Ok(()),
        WaitStatus::Exited(_, code) => Err(StepError::refused(
            format!("{}: it exited with status {code}", describe()),
            &hook.origin,
        )),
        WaitStatus::Signaled(_, signal, _) => Err(StepError::refused(
            format!("{}: it was ended by {signal}", describe()),
            &hook.origin,
        )),
        _ => Err(StepError::refused(
            format!("{}: it did not end", describe()),
            &hook.origin,
        )),
    }
}

/// The state as a file, so that a hook that does not read it delays nobody.
fn input(state: &str) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"state", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(state.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

fn become_hook(hook: &Hook, input: BorrowedFd<'_>) -> Errno {
    let prepared = setpgid(Pid::from_raw(0), Pid::from_raw(0))
        .and_then(|()| dup2_stdin(input))
        .and_then(|()| reset_signals())
        .and_then(|()| cloexec_from(3));
    match prepared {
        Ok(()) => exec(
            &hook.path,
            &StringVec::new(&hook.args),
            &StringVec::new(&hook.env),
        ),
        Err(errno) => errno,
    }
}

/// Waits for a hook; when its time is over, its whole process group ends.
fn wait(child: Pid, hook: &Hook) -> Result<WaitStatus, StepError> {
    let describe = || format!("wait for hook {}", hook.path.to_string_lossy());
    if let Some(limit) = hook.timeout {
        let pidfd = pidfd_open(child).step(&hook.origin, describe)?;
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(0) if Instant::now() >= deadline => {
                    // The group may have ended in this very moment.
                    let _ = killpg(child, Signal::SIGKILL);
                    reap(child).step(&hook.origin, describe)?;
                    return Err(StepError::refused(
                        format!(
                            "run hook {}: it took longer than {} s",
                            OsStr::from_bytes(hook.path.as_bytes()).display(),
                            limit.as_secs()
                        ),
                        &hook.origin,
                    ));
                }
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => break,
                Err(errno) => return Err(StepError::new(describe(), errno, &hook.origin)),
            }
        }
    }
    reap(child).step(&hook.origin, describe)
}

fn reap(child: Pid) -> nix::Result<WaitStatus> {
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Origin;
    use std::ffi::CString;
    use std::time::Duration;

    fn hook(script: &str, timeout: Option<u64>) -> Hook {
        let string = |text: &str| CString::new(text).expect("no NUL");
        Hook {
            path: string("/bin/sh"),
            args: vec![string("sh"), string("-c"), string(script)],
            env: vec![string("K=v"), string("PATH=/bin:/usr/bin")],
            timeout: timeout.map(Duration::from_secs),
            origin: Origin::at("/hooks/poststart/0"),
        }
    }

    #[test]
    fn a_hook_reads_the_state_and_has_its_own_environment_only() {
        let hooks = [hook(
            r#"read -r s; [ "$s" = state ] && [ "$K" = v ] && [ -z "$HOME" ]"#,
            None,
        )];
        assert_eq!(run(&hooks, || "state\n".to_owned()), Ok(()));
    }

    #[test]
    fn the_first_failure_ends_the_sequence_and_names_the_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder.path().join("mark");
        let second = hook(&format!("touch {}", mark.display()), None);
        let error = run(&[hook("exit 3", None), second], String::new).expect_err("it failed");
        assert!(error.to_string().contains("/hooks/poststart/0"), "{error}");
        assert!(error.to_string().contains("status 3"), "{error}");
        assert!(!mark.exists());
    }

    #[test]
    fn a_timeout_ends_the_whole_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let script = format!("sleep 300 & echo $! > {}; wait", file.display());
        let timed_out = |seconds: &u64| {
            let error = run(&[hook(&script, Some(*seconds))], String::new).expect_err("too long");
            let told = format!("longer than {seconds} s");
            assert!(error.to_string().contains(&told), "{error}");
            // Nothing where the machine was too busy for the script to come so far.
            let pid = std::fs::read_to_string(&file).unwrap_or_default();
            pid.ends_with('\n').then_some(pid)
        };
        let begin = Instant::now();
        let pid = [1, 5, 25]
            .iter()
            .find_map(timed_out)
            .expect("the script ran");
        assert!(begin.elapsed() < Duration::from_secs(200));
        // The kill has been sent; a busy machine takes a moment to see it through.
        let alive = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        while alive() {
            assert!(begin.elapsed() < Duration::from_secs(200), "{pid} lives on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_is_not_there_says_so() {
        let mut absent = hook("", None);
        absent.path = c"/no/such/program".into();
        let error = run(&[absent], String::new).expect_err("absent");
        assert_eq!(error.errno, Errno::ENOENT as i32);
    }
}
