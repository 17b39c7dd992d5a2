//! The standard streams of the operations.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use plimsoll_fixtures::probe::Report;
use rustix::io::ioctl_fionread;
use rustix::pipe::{PipeFlags, pipe_with};

use super::create::inode;
use crate::cases::prelude::*;
use crate::drive::{Call, Stdio};
use crate::verdict::Stop;

const STDIN: &str = "cli.create.no-terminal.stdin-passed-through";
const STDOUT: &str = "cli.create.no-terminal.stdout-passed-through";
const STDERR: &str = "cli.create.no-terminal.stderr-passed-through";
const UNTOUCHED: &str = "cli.create.no-terminal.stdin-untouched";

/// Operations that have no use for their standard input, and the requirement that they leave it.
const UNREAD: &[(&str, &str)] = &[
    ("start", "cli.start.stdin-not-read"),
    ("state", "cli.state.stdin-not-read"),
    ("kill", "cli.kill.stdin-not-read"),
    ("delete", "cli.delete.stdin-not-read"),
];

/// What lies in the streams already.
const BYTES: &[u8] = b"0123456789";
/// How much of it was read or written before.
const OFFSET: u64 = 5;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        files_are_passed_through(),
        Case::new("cli/create/pipe_is_passed_through", STDIN)
            .run(|t| {
                let agent = t.agent()?;
                let answer = t.must(agent.attempt(|p| p.stat("/")))?;
                t.eq("the answer to a command on standard input", answer, "OK")
            })
            .saboteurs([led_away("standard input", |call| call.stdin = Stdio::Kept)]),
        terminal_leaves_stdin(),
    ];
    cases.extend(UNREAD.iter().map(leaves_stdin));
    cases
}

/// A runtime whose `create` leads a stream elsewhere.
fn led_away(stream: &str, lead: fn(&mut Call)) -> Saboteur {
    wraps(
        format!("create: lead {stream} elsewhere"),
        move |call, next| {
            let mut call = call.clone();
            if call.operation() == "create" {
                lead(&mut call);
            }
            next(&call)
        },
    )
}

/// A runtime whose operation reads from its standard input.
fn reads_stdin(operation: &'static str) -> Saboteur {
    wraps(
        format!("{operation}: read from standard input"),
        move |call, next| {
            if let (true, Stdio::Fd(fd)) = (call.operation() == operation, &call.stdin) {
                let mut taken = [0; 3];
                rustix::io::read(fd, &mut taken)
                    .map_err(|error| Stop::broken("read standard input", error))?;
            }
            next(call)
        },
    )
}

/// A file with bytes in it, open at an offset.
fn stream(t: &Trial, stem: &str) -> Check<(PathBuf, File)> {
    let path = t.fresh_path(stem);
    let open = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        file.write_all(BYTES)?;
        file.seek(SeekFrom::Start(OFFSET))?;
        Ok::<_, std::io::Error>(file)
    };
    match open() {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(Stop::broken(format!("make {}", path.display()), error)),
    }
}

fn files_are_passed_through() -> Case {
    Case::new(
        "cli/create/files_are_passed_through",
        [STDIN, STDOUT, STDERR, UNTOUCHED],
    )
    .bundle(|b| b.args(&["/probe", "report"]))
    .run(|t| {
        let (input, mut kept) = stream(t, "in")?;
        let (output, out) = stream(t, "out")?;
        let (errors, err) = stream(t, "err")?;
        let clone = kept
            .try_clone()
            .map_err(|error| Stop::broken("keep standard input", error))?;
        let create = t.create_call();
        let create = create.stdin(std::os::fd::OwnedFd::from(clone));
        let create = create.stdout(std::os::fd::OwnedFd::from(out));
        let outcome = t.try_create_by(create.stderr(std::os::fd::OwnedFd::from(err)))?;
        t.accepted(&outcome)?;
        t.start()?;
        t.wait()?;
        let written = t.read(&output)?;
        let (before, report) = written.split_at(OFFSET as usize);
        let report: Option<Report> = serde_json::from_str(report).ok();
        t.on(STDOUT).that(
            "the program wrote to the file behind what was there",
            before.as_bytes() == &BYTES[..OFFSET as usize] && report.is_some(),
            &written,
        )?;
        let seen = |fd: i32| {
            let fd = report.as_ref().and_then(|report| report.fd(fd));
            fd.and_then(|fd| fd.inode.value().cloned())
        };
        let same = |requirement: &'static str, fd: i32, file: &Path| {
            let what = format!("descriptor {fd} of the program");
            t.on(requirement).eq(&what, seen(fd), inode(file)?)
        };
        same(STDIN, 0, &input)?;
        same(STDOUT, 1, &output)?;
        same(STDERR, 2, &errors)?;
        let offset = kept.stream_position();
        t.on(UNTOUCHED)
            .eq("the offset of standard input", offset.ok(), OFFSET)
    })
    .saboteurs([
        led_away("standard input", |call| call.stdin = Stdio::Kept).on(STDIN),
        led_away("standard output", |call| call.stdout = Stdio::Kept).on(STDOUT),
        led_away("standard error", |call| call.stderr = Stdio::Kept).on(STDERR),
        reads_stdin("create").on(UNTOUCHED),
    ])
}

/// Gives an operation a pipe that holds bytes, and asks how many are left.
fn left_by(t: &Trial, requirement: &'static str, call: impl FnOnce(Stdio) -> Check) -> Check {
    let broken = |error: rustix::io::Errno| Stop::broken("use a pipe", error);
    let (from, to) = pipe_with(PipeFlags::CLOEXEC).map_err(broken)?;
    rustix::io::write(&to, BYTES).map_err(broken)?;
    let kept = from
        .try_clone()
        .map_err(|error| Stop::broken("keep the pipe", error))?;
    call(from.into())?;
    let left = ioctl_fionread(kept.as_fd()).map_err(broken)?;
    t.on(requirement)
        .eq("bytes left in standard input", left, BYTES.len())
}

fn leaves_stdin(&(operation, requirement): &'static (&str, &str)) -> Case {
    Case::new(format!("cli/{operation}/does_not_read_stdin"), requirement)
        .run(move |t| {
            t.create()?;
            let args = match operation {
                "delete" => {
                    t.stop()?;
                    vec!["delete", t.id()]
                }
                "kill" => vec!["kill", t.id(), "KILL"],
                other => vec![other, t.id()],
            };
            left_by(t, requirement, |stdin| {
                let outcome = t.call(&t.command(args).stdin(stdin))?;
                t.accepted(&outcome)
            })
        })
        .saboteurs([reads_stdin(operation)])
}

fn terminal_leaves_stdin() -> Case {
    const UNREAD: &str = "cli.create.terminal.stdin-not-read";
    Case::new("cli/create/does_not_read_stdin_with_a_terminal", UNREAD)
        .bundle(|b| b.set("/process/terminal", true))
        .run(|t| {
            let console = t.console()?;
            left_by(t, UNREAD, |stdin| {
                let outcome = console.try_create_by(t.create_call().stdin(stdin))?;
                t.accepted(&outcome)?;
                let mut terminal = console.terminal()?;
                t.start()?;
                terminal.read_until("\"terminals\":[{").map(|_| ())
            })
        })
        .saboteurs([reads_stdin("create")])
}
