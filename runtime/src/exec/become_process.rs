//! The last steps of every process that enters a container: limits, user, filter, execve(2).
//! config.md#process

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid};

use super::channel::{Channel, Message};
use super::procfs::Procfs;
use super::{Context, StepError, command, credentials, scheduling, seccomp};
use crate::plan::Origin;
use crate::plan::process::Process;
use crate::plan::scheduling::Scheduling;
use crate::plan::seccomp::Program;
use crate::read;
use crate::sys::clone::pidfd_open;
use crate::sys::process::{self as sys, StringVec};

/// linux/capability.h
const CAP_SYS_ADMIN: u8 = 21;

/// Steps that fail only if the runtime has gone need no origin.
const NONE: Origin = Origin::at("");

/// What a process becomes.
#[derive(Clone, Copy, Debug)]
pub struct Becoming<'a> {
    /// The process.
    pub process: &'a Process,
    /// Its scheduling.
    pub scheduling: &'a Scheduling,
    /// Its filter.
    pub seccomp: Option<&'a Program>,
    /// Where it stands in the configuration.
    pub origin: &'a Origin,
    /// The caller's file creation mask.
    pub umask: Mode,
    /// How many descriptors from 3 on it gets.
    pub inherited_fds: u32,
    /// How many of those are announced by LISTEN_FDS.
    pub listen_fds: u32,
}

impl Becoming<'_> {
    /// Labels what the next execve(2) starts.
    pub fn label(&self, proc: &Procfs) -> Result<(), StepError> {
        if let Some(profile) = &self.process.apparmor {
            let text = format!("exec {}", profile.to_string_lossy());
            proc.write_own("attr/apparmor/exec", text.as_bytes())
                .or_else(|_| proc.write_own("attr/exec", text.as_bytes()))
                .step(&self.origin.child("apparmorProfile"), || {
                    format!("set AppArmor profile {}", profile.to_string_lossy())
                })?;
        }
        if let Some(label) = &self.process.selinux {
            proc.write_own("attr/exec", label.to_bytes())
                .step(&self.origin.child("selinuxLabel"), || {
                    format!("set SELinux label {}", label.to_string_lossy())
                })?;
        }
        Ok(())
    }

    /// Sets the preference of the OOM killer, while the user is still the one to whom the file
    /// belongs.
    pub fn score(&self, proc: &Procfs) -> Result<(), StepError> {
        match self.process.oom_score_adj {
            None => Ok(()),
            Some(score) => proc
                .write_own("oom_score_adj", score.to_string().as_bytes())
                .step(&self.origin.child("oomScoreAdj"), || {
                    format!("set oom_score_adj to {score}")
                }),
        }
    }

    /// Becomes the user in the working directory; gives the program to execute.
    pub fn assume(&self) -> Result<CString, StepError> {
        credentials::limit(self.process)?;
        scheduling::apply(self.scheduling)?;
        // Without no_new_privs, loading a filter takes CAP_SYS_ADMIN (seccomp(2)); execve(2) drops
        // it.
        let keep = match self.seccomp {
            Some(_) if !self.process.no_new_privileges => 1 << CAP_SYS_ADMIN,
            _ => 0,
        };
        credentials::assume(self.process, self.origin, self.umask, keep)?;
        credentials::enter_cwd(&self.process.cwd, self.origin)?;
        command::find(&self.process.args, &self.process.env, self.origin)
    }

    /// Executes the program, the signals but SIGPIPE being at their defaults; returns only an error.
    pub fn execute(&self, program: &CStr, channel: &Channel) -> Result<Infallible, StepError> {
        let origin = self.origin.child("args");
        let describe = || format!("exec {}", program.to_string_lossy());
        let executing = Message::Executing;
        let report = || "report to the runtime";
        let mut env = self.process.env.clone();
        if self.listen_fds > 0 {
            // sd_listen_fds(3): the receiver checks that the PID is its own.
            for text in [
                format!("LISTEN_FDS={}", self.listen_fds),
                format!("LISTEN_PID={}", getpid()),
            ] {
                env.extend(CString::new(text));
            }
        }
        sys::cloexec_from(3 + self.inherited_fds).step(&origin, describe)?;
        for fd in 3..3 + self.inherited_fds {
            sys::set_cloexec(fd as i32, false).step(&origin, describe)?;
        }
        sys::reset_pipe_and_mask().step(&origin, describe)?;
        let args = StringVec::new(&self.process.args);
        let env = StringVec::new(&env);
        if let Some(filter) = self.seccomp {
            let call = sys::exec_arguments(program, &args, &env);
            if let Some(answer) = filter.refusal(libc::SYS_execve, call) {
                return Err(StepError::refused(
                    format!("{}: the filter {answer}", describe()),
                    &Origin::at("/linux/seccomp"),
                ));
            }
            prctl::set_name(WAITING).step(&origin, describe)?;
            channel.send(&executing).step(&NONE, report)?;
            seccomp::load(filter)?;
        } else {
            channel.send(&executing).step(&NONE, report)?;
        }
        let errno = sys::exec(program, &args, &env);
        Err(StepError::new(describe(), errno, &origin))
    }
}

/// The name of a process that has loaded its filter. execve(2) replaces it by a file's name, which
/// holds no slash; a process that has ended keeps the name that it had (proc(5), `comm`).
const WAITING: &CStr = c"plimrun/waits";

/// How many milliseconds the end is waited for before the name is looked at again.
const LOOK: u8 = 1;

/// Whether a process that said [`Message::Executing`] and then closed its end did execute its
/// program. A filter may keep it from saying that it did not, and even from an orderly end; hence
/// its name is looked at. One that its parent has reaped already is given the benefit: that the
/// filter lets execve(2) through was made sure before.
///
/// execve(2) closes descriptors before it gives the process its new name, and one that ends closes
/// them before it has ended: until either has happened, the old name means nothing.
pub(super) fn executed(pid: Pid) -> bool {
    let waits = || {
        let name = read::small(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim_ascii_end() == WAITING.to_bytes())
    };
    if !waits() {
        return true;
    }
    // Reaped since that look: it had ended.
    let Ok(pidfd) = pidfd_open(pid) else {
        return false;
    };
    loop {
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        let ended = poll(&mut fds, LOOK).is_ok_and(|count| count > 0);
        // Of one that has ended the name is the last.
        if !waits() {
            return true;
        }
        if ended {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that waits by its name, and has closed its end of the pipe, as `then` begins.
    fn waiting(then: &str) -> Child {
        let name = WAITING.to_str().expect("UTF-8");
        let script = format!("printf {name} >/proc/$$/comm; exec >&-; {then}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("sh starts");
        let mut pipe = child.stdout.take().expect("a pipe");
        pipe.read_to_end(&mut Vec::new()).expect("it is closed");
        child
    }

    #[test]
    fn who_has_closed_and_is_not_renamed_yet_is_waited_for() {
        let pid = |child: &Child| Pid::from_raw(child.id().cast_signed());
        let mut renamed = waiting("sleep 0.2; exec sleep 60");
        let seen = executed(pid(&renamed));
        renamed.kill().expect("killed");
        renamed.wait().expect("reaped");
        assert!(seen, "it executes a program a little later");
        let mut ended = waiting("sleep 0.2; exit 0");
        assert!(!executed(pid(&ended)), "it ends a little later");
        ended.wait().expect("reaped");
    }
}
