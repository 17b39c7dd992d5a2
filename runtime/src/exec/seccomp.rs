//! Loads the seccomp filter, and hands its listener to the agent.
//!
//! The filter is the last thing before execve(2), so that a profile need allow nothing that the
//! runtime does. Hence init cannot be asked for the listener: any call that it would send it with
//! may be the one that the filter stops. The runtime traces init through the one call of seccomp(2),
//! takes the listener by pidfd_getfd(2) while init stands still, and lets it go on only when the
//! agent has it.

use std::io::{IoSlice, Write as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::seccomp::{Listener, Program};
use crate::sys;
use crate::sys::trace::Stop;

const ORIGIN: Origin = Origin::at("/linux/seccomp");
const LISTENER_PATH: Origin = Origin::at("/linux/seccomp/listenerPath");

/// Loads the filter into this thread.
///
/// Where the program has a listener, the runtime must be in [`deliver_listener`] by now. This
/// process's own descriptor of it is left to execve(2), which closes it: close(2) may be one of the
/// calls that the filter stops.
pub fn load(program: &Program) -> Result<(), StepError> {
    let listener =
        sys::seccomp::load(&program.instructions, program.flags).step(&ORIGIN, || {
            format!(
                "load a seccomp filter of {} instructions with flags {:#x}",
                program.instructions.len(),
                program.flags
            )
        })?;
    std::mem::forget(listener);
    Ok(())
}

/// Follows `init` through [`load`] and hands the listener to the agent.
///
/// Init waits for a word before it loads; `go` says that word. `state` is the container's state as
/// JSON (runtime.md#state), and `version` the specification's. On an error init is still stopped or
/// running without anybody who answers its calls, and the caller ends it. Where the kernel refused
/// the filter, `Ok` is returned: init reports that itself.
pub fn deliver_listener(
    init: Pid,
    pidfd: BorrowedFd<'_>,
    listener: &Listener,
    message: &Message<'_>,
    go: impl FnOnce() -> Result<(), StepError>,
) -> Result<(), StepError> {
    // Before init is touched: an agent that is not there is the likeliest failure.
    let agent = UnixStream::connect(&listener.path).step(&LISTENER_PATH, || {
        format!(
            "connect to the seccomp agent at {}",
            listener.path.display()
        )
    })?;
    let trace = |action: &'static str| move || action;
    sys::trace::seize(init).step(&ORIGIN, trace("trace init for its seccomp listener"))?;
    sys::trace::interrupt(init).step(&ORIGIN, trace("stop init for its seccomp listener"))?;
    wait(init)?;
    resume(init, 0)?;
    go()?;
    let number = seccomp_result(init)?;
    if let Ok(number) = i32::try_from(number)
        && number >= 0
    {
        let fd = sys::trace::pidfd_getfd(pidfd, number)
            .step(&ORIGIN, trace("fetch the seccomp listener from init"))?;
        send(
            agent,
            &fd,
            &message.render(init, listener.metadata.as_deref()),
        )?;
    }
    sys::trace::detach(init).step(&ORIGIN, trace("let init go on with its seccomp filter"))
}

/// What the agent is told besides the metadata.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The version of the specification that the state follows.
    pub version: &'a str,
    /// The container's state, JSON.
    pub state: &'a str,
}

impl Message<'_> {
    /// config-linux.md#containerprocessstate.
    fn render(&self, pid: Pid, metadata: Option<&str>) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let metadata = metadata.map_or_else(String::new, |text| {
            format!(r#","metadata":{}"#, quoted(text))
        });
        format!(
            r#"{{"ociVersion":{},"fds":["seccompFd"],"pid":{pid}{metadata},"state":{}}}"#,
            quoted(self.version),
            self.state
        )
    }
}

/// Sends the descriptor and the message, and closes the connection.
fn send(mut agent: UnixStream, fd: &OwnedFd, message: &str) -> Result<(), StepError> {
    let context = || "send the seccomp listener to its agent";
    let fds = [fd.as_fd().as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let parts = [IoSlice::new(message.as_bytes())];
    let sent = sendmsg::<()>(
        agent.as_raw_fd(),
        &parts,
        &rights,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .step(&LISTENER_PATH, context)?;
    // A message longer than the socket takes at once goes on without the descriptor.
    agent
        .write_all(&message.as_bytes()[sent..])
        .step(&LISTENER_PATH, context)
}

/// Follows init to the end of the call that sets its filter; the call's result.
fn seccomp_result(init: Pid) -> Result<i64, StepError> {
    let mut inside = false;
    loop {
        match wait(init)? {
            WaitStatus::PtraceSyscall(_) => {
                let stop =
                    sys::trace::position(init).step(&ORIGIN, || "look at init's system call")?;
                match stop {
                    Stop::Entry { nr, first } => {
                        inside = i64::try_from(nr) == Ok(libc::SYS_seccomp)
                            && first == u64::from(libc::SECCOMP_SET_MODE_FILTER);
                    }
                    Stop::Exit(result) if inside => return Ok(result),
                    Stop::Exit(_) | Stop::Other => {}
                }
                resume(init, 0)?;
            }
            WaitStatus::Stopped(_, signal) if signal != Signal::SIGTRAP => {
                resume(init, signal as i32)?;
            }
            _ => resume(init, 0)?,
        }
    }
}

fn resume(init: Pid, signal: i32) -> Result<(), StepError> {
    sys::trace::to_syscall(init, signal).step(&ORIGIN, || "let init go on to seccomp(2)")
}

/// Waits for the next stop; an end is an error.
fn wait(init: Pid) -> Result<WaitStatus, StepError> {
    loop {
        match waitpid(init, Some(WaitPidFlag::__WALL)) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {
                let why = "init ended before its seccomp filter was loaded";
                return Err(StepError::refused(why, &ORIGIN));
            }
            other => return other.step(&ORIGIN, || "wait for init at seccomp(2)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, IoSliceMut};
    use std::os::fd::RawFd;
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::prctl::set_no_new_privs;
    use nix::sys::socket::{ControlMessageOwned, recvmsg};

    use super::*;
    use crate::plan::seccomp::compile;

    fn program(json: &str) -> Program {
        compile(&serde_json::from_str(json).expect(json)).expect("a good profile")
    }

    /// A filter binds the thread that loads it, and what that thread starts.
    #[test]
    fn a_loaded_filter_answers_the_thread_s_calls() {
        let program = program(
            r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"],"syscalls":[
                {"names":["sethostname"],"action":"SCMP_ACT_ERRNO","errnoRet":42,"args":[{"index":1,"value":5,"op":"SCMP_CMP_GE"}]},
                {"names":["getpriority"],"action":"SCMP_ACT_TRACE"}]}"#,
        );
        std::thread::spawn(move || {
            set_no_new_privs().expect("always allowed");
            load(&program).expect("the kernel takes it");
            let refused = nix::unistd::sethostname("plimsoll").expect_err("42");
            assert_eq!(refused as i32, 42);
        })
        .join()
        .expect("the thread's assertions hold");
    }

    const ROLE: &str = "PLIMRUN_TEST_SECCOMP_INIT";

    /// Plays init where the test below starts this binary again; passes at once otherwise.
    #[test]
    fn init_of_the_listener_test() {
        if std::env::var_os(ROLE).is_none() {
            return;
        }
        let program = program(
            r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/x","syscalls":[{"names":["sethostname"],"action":"SCMP_ACT_NOTIFY"}]}"#,
        );
        set_no_new_privs().expect("always allowed");
        println!("\ntid {}", nix::unistd::gettid());
        let mut word = String::new();
        std::io::stdin().read_line(&mut word).expect("the word");
        // Without a copy left here, the kernel answers when the agent's is closed.
        let listener = sys::seccomp::load(&program.instructions, program.flags);
        drop(listener.expect("the kernel takes it"));
        let answer = nix::unistd::sethostname("plimsoll");
        println!("\nanswer {answer:?}");
    }

    /// Reads lines until one begins with this word; the rest of it.
    fn line(from: &mut impl BufRead, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                from.read_line(&mut line).expect("init talks"),
                0,
                "no {word}"
            );
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    #[test]
    fn the_agent_gets_the_listener_before_init_goes_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let listener = Listener {
            path: dir.path().join("agent"),
            metadata: Some("quote \" and \n".into()),
        };
        let agent = UnixListener::bind(&listener.path).expect("a socket");
        let mut init = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "exec::seccomp::tests::init_of_the_listener_test"])
            .args(["--nocapture", "--test-threads=1"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("init starts");
        let pidfd = sys::clone::pidfd_open(Pid::from_raw(init.id().cast_signed())).expect("alive");
        let mut stdin = init.stdin.take().expect("piped");
        let mut stdout = BufReader::new(init.stdout.take().expect("piped"));
        let tid = Pid::from_raw(line(&mut stdout, "tid ").parse().expect("a number"));
        let message = Message {
            version: "1.3.0",
            state: r#"{"id":"c"}"#,
        };
        deliver_listener(tid, pidfd.as_fd(), &listener, &message, || {
            stdin.write_all(b"go\n").step(&ORIGIN, || "say the word")
        })
        .expect("delivered");

        let (connection, _) = agent.accept().expect("one connection");
        let mut bytes = [0; 4096];
        let mut space = nix::cmsg_space!([RawFd; 1]);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg::<()>(
            connection.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::empty(),
        )
        .expect("a message");
        let count = received.bytes;
        let Some(ControlMessageOwned::ScmRights(fds)) = received.cmsgs().expect("whole").next()
        else {
            panic!("no descriptor")
        };
        let [fd] = fds[..] else { panic!("{fds:?}") };
        let fd = sys::process::adopt(fd).expect("a descriptor");
        let text: serde_json::Value = serde_json::from_slice(&bytes[..count]).expect("JSON");
        assert_eq!(
            text,
            serde_json::json!({"ociVersion":"1.3.0","fds":["seccompFd"],"pid":tid.as_raw(),
                "metadata":"quote \" and \n","state":{"id":"c"}})
        );
        let mut end = [0; 1];
        let read = std::io::Read::read(&mut &connection, &mut end).expect("closed");
        assert_eq!(read, 0, "one state a connection");

        // Init's call arrives at the descriptor; when nobody holds it, the kernel says ENOSYS.
        let mut polls = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        poll(&mut polls, PollTimeout::from(5000_u16)).expect("poll");
        assert_eq!(polls[0].revents(), Some(PollFlags::POLLIN));
        drop(fd);
        assert_eq!(line(&mut stdout, "answer "), "Err(ENOSYS)");
        assert!(init.wait().expect("init ends").success());
    }

    #[test]
    fn an_agent_that_is_not_there_is_an_error_before_init_is_touched() {
        let listener = Listener {
            path: "/nonexistent/agent".into(),
            metadata: None,
        };
        let pidfd = sys::clone::pidfd_open(Pid::this()).expect("alive");
        let message = Message {
            version: "1.3.0",
            state: "{}",
        };
        let error = deliver_listener(Pid::this(), pidfd.as_fd(), &listener, &message, || {
            panic!("init is not to go on")
        })
        .expect_err("nobody listens")
        .to_string();
        assert!(error.contains("/linux/seccomp/listenerPath"), "{error}");
        assert!(error.contains("ENOENT"), "{error}");
    }
}
