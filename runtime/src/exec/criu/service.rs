//! A CRIU of one's own: found, started, asked one thing, and answered what it asks meanwhile.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType, UnixAddr, recvmsg,
    sendmsg, shutdown, socketpair,
};
use nix::unistd::{AccessFlags, access};

use super::super::{Context, StepError};
use super::wire::{Message, Value, read};
use crate::plan::Origin;
use crate::sys::process::adopt;

/// Folders where distributions put CRIU, for callers without a search path, as podman is one.
const FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Room for one answer, as in runc.
const LIMIT: usize = 40 * 1024;

const NONE: Origin = Origin::at("");

/// What CRIU is asked for: `criu_req_type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Dump = 1,
    Restore = 2,
    PreDump = 4,
    Notify = 6,
}

impl Kind {
    fn verb(self) -> &'static str {
        match self {
            Self::Dump => "save the container",
            Self::PreDump => "save the container's memory",
            Self::Restore => "restore the container",
            Self::Notify => "go on",
        }
    }
}

/// A station that CRIU has come to; it waits for the answer.
#[derive(Debug)]
pub(super) struct Notice {
    /// Its name.
    pub(super) script: String,
    /// The process that it is about.
    pub(super) pid: Option<i32>,
    /// A descriptor that came with it.
    pub(super) fd: Option<OwnedFd>,
}

/// A running CRIU.
#[derive(Debug)]
pub(super) struct Service {
    program: PathBuf,
    socket: OwnedFd,
    child: Child,
}

impl Service {
    /// Starts CRIU. What it restores gets this process's standard streams if they are to be shared.
    pub(super) fn start(share_streams: bool) -> Result<Self, StepError> {
        let program = find(env::var_os("PATH").as_deref()).ok_or_else(|| {
            StepError::refused(
                "find criu, which checkpoint and restore need: it is not installed, or not in PATH",
                &NONE,
            )
        })?;
        let describe = || format!("start {}", program.display());
        let (socket, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .step(&NONE, describe)?;
        pass_on(&theirs).step(&NONE, describe)?;
        let mut command = Command::new(&program);
        command.arg("swrk").arg(theirs.as_raw_fd().to_string());
        if !share_streams {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
        }
        let child = command.spawn().step(&NONE, describe)?;
        Ok(Self {
            program,
            socket,
            child,
        })
    }

    /// Its PID.
    pub(super) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Asks for one thing and gives the PID in CRIU's answer, if it has one. `log` is where CRIU
    /// says more of a failure. Where `heed` fails CRIU is told so, and undoes what it did.
    pub(super) fn ask<E: From<StepError>>(
        mut self,
        kind: Kind,
        options: &Message,
        log: &Path,
        mut heed: impl FnMut(Notice) -> Result<(), E>,
    ) -> Result<Option<i32>, E> {
        let mut request = Message::default();
        request.number(1, kind as i64).message(2, options);
        self.send(&request)?;
        let mut failed = None;
        loop {
            let Some((answer, fd)) = self.receive()? else {
                return Err(failed.unwrap_or_else(|| self.failure(kind, 0, log).into()));
            };
            if answer.kind != Some(Kind::Notify as u64) {
                break match (failed, answer.success) {
                    (Some(error), _) => Err(error),
                    (None, true) => Ok(answer.pid),
                    (None, false) => Err(self.failure(kind, answer.errno, log).into()),
                };
            }
            let heeded = heed(Notice {
                script: answer.script,
                pid: answer.pid,
                fd,
            });
            let mut reply = Message::default();
            reply
                .number(1, Kind::Notify as i64)
                .number(3, heeded.is_ok().into());
            failed = failed.or(heeded.err());
            self.send(&reply)?;
        }
    }

    fn send(&self, message: &Message) -> Result<(), StepError> {
        sendmsg::<UnixAddr>(
            self.socket.as_raw_fd(),
            &[IoSlice::new(message.as_bytes())],
            &[],
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
        .map(drop)
        .step(&NONE, || format!("speak to {}", self.program.display()))
    }

    /// An answer; `None` where CRIU is gone.
    fn receive(&self) -> Result<Option<(Answer, Option<OwnedFd>)>, StepError> {
        let describe = || format!("hear from {}", self.program.display());
        let mut buffer = vec![0u8; LIMIT];
        let mut space = nix::cmsg_space!([RawFd; 1]);
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let mut descriptor = None;
        let length = loop {
            let received = recvmsg::<UnixAddr>(
                self.socket.as_raw_fd(),
                &mut slices,
                Some(&mut space),
                MsgFlags::MSG_CMSG_CLOEXEC,
            );
            let received = match received {
                Err(Errno::EINTR) => continue,
                Err(Errno::ECONNRESET) => return Ok(None),
                received => received.step(&NONE, describe)?,
            };
            for control in received.cmsgs().step(&NONE, describe)? {
                if let ControlMessageOwned::ScmRights(fds) = control {
                    descriptor = fds.first().and_then(|fd| adopt(*fd));
                }
            }
            break received.bytes;
        };
        if length == 0 {
            return Ok(None);
        }
        let answer = Answer::parse(&buffer[..length]);
        let answer = answer.ok_or(Errno::EBADMSG).step(&NONE, describe)?;
        Ok(Some((answer, descriptor)))
    }

    /// What CRIU says of its failure: in its log, or by the status that it ended with.
    fn failure(&mut self, kind: Kind, errno: i32, log: &Path) -> StepError {
        let verb = kind.verb();
        let said = fs::read_to_string(log).ok().as_deref().and_then(errors);
        let why = match said {
            Some(errors) => format!("{errors} (more in {})", log.display()),
            None if errno > 0 => Errno::from_raw(errno).to_string(),
            None => self.end(),
        };
        let text = format!("{verb} with {}: {why}", self.program.display());
        StepError::refused(text, &NONE)
    }

    /// How it ended; it is done, or will not be any more.
    fn end(&mut self) -> String {
        // Gone already is as good.
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => format!("it ended with {status}"),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It ends when it is asked no more; one that does not is ended, and there is no more to do
        // where that fails.
        let _ = shutdown(self.socket.as_fd().as_raw_fd(), Shutdown::Write);
        let _ = self.child.wait();
    }
}

/// The parts of CRIU's `criu_resp` that matter here.
#[derive(Debug, Default, Eq, PartialEq)]
struct Answer {
    kind: Option<u64>,
    success: bool,
    /// Of the restored process, or of the one that a notice is about.
    pid: Option<i32>,
    script: String,
    errno: i32,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut answer = Self::default();
        for (field, value) in read(bytes)? {
            match (field, value) {
                (1, Value::Number(kind)) => answer.kind = Some(kind),
                (2, Value::Number(success)) => answer.success = success != 0,
                // criu_restore_resp
                (4, Value::Bytes(restored)) => {
                    let pid = read(restored)?.into_iter().find(|(field, _)| *field == 1);
                    answer.pid = pid.and_then(|(_, pid)| Some(pid.number()? as i32));
                }
                // criu_notify
                (5, Value::Bytes(notice)) => {
                    for (field, value) in read(notice)? {
                        match (field, value) {
                            (1, Value::Bytes(script)) => {
                                answer.script = String::from_utf8_lossy(script).into_owned();
                            }
                            (2, Value::Number(pid)) => answer.pid = Some(pid as i32),
                            _ => {}
                        }
                    }
                }
                (7, Value::Number(errno)) => answer.errno = errno as i32,
                _ => {}
            }
        }
        Some(answer)
    }
}

/// Lets the programs that this process executes have a descriptor.
pub(super) fn pass_on(fd: &OwnedFd) -> nix::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)
}

/// The executable in the search path, or where distributions put it.
fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let folders = path
        .map_or(&b""[..], OsStrExt::as_bytes)
        .split(|byte| *byte == b':');
    folders
        .chain(FOLDERS.as_bytes().split(|byte| *byte == b':'))
        .filter(|folder| folder.starts_with(b"/"))
        .map(|folder| Path::new(OsStr::from_bytes(folder)).join("criu"))
        .find(|program| program.is_file() && access(program, AccessFlags::X_OK).is_ok())
}

/// The last errors in CRIU's log without time and PID; those before them may be of no matter.
fn errors(log: &str) -> Option<String> {
    let error = |line: &'_ str| Some(line[line.find("Error (")?..].to_owned());
    let mut errors: Vec<String> = log.lines().filter_map(error).collect();
    errors.drain(..errors.len().saturating_sub(SHOWN));
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// The cause, the step that it failed, and the whole that failed with it.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_notices_are_understood() {
        let mut notice = Message::default();
        notice.text(1, "post-restore").number(2, 4711);
        let mut answer = Message::default();
        answer.number(1, Kind::Notify as i64).number(2, 1);
        answer.message(5, &notice);
        let parsed = Answer::parse(answer.as_bytes()).expect("a message");
        assert_eq!(parsed.kind, Some(Kind::Notify as u64));
        assert_eq!((&*parsed.script, parsed.pid), ("post-restore", Some(4711)));

        let mut failure = Message::default();
        failure
            .number(1, Kind::Dump as i64)
            .number(2, 0)
            .number(7, 16);
        let parsed = Answer::parse(failure.as_bytes()).expect("a message");
        assert_eq!((parsed.success, parsed.errno), (false, 16));
        assert_eq!(Answer::parse(b"\x0a"), None);
    }

    #[test]
    fn the_last_errors_of_a_log_are_shown() {
        let log = "(00.01) Dumping\n(00.02)   1: Error (criu/a.c:1): no room\n(00.03) Error (criu/b.c:2): failed\n";
        assert_eq!(
            errors(log).as_deref(),
            Some("Error (criu/a.c:1): no room; Error (criu/b.c:2): failed")
        );
        assert_eq!(errors("(00.01) Dumping\n"), None);
        assert_eq!(
            errors(&log.repeat(3)).map(|text| text.matches("Error").count()),
            Some(3)
        );
    }

    #[test]
    fn criu_is_found_where_it_can_be_executed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("criu");
        let found = || find(Some(folder.path().as_os_str()));
        fs::write(&program, "").expect("written");
        assert_ne!(
            found().as_ref(),
            Some(&program),
            "it may not be executed yet"
        );
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
        assert_eq!(found(), Some(program));
    }
}
