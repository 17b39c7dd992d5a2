//! The console socket.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::cases::prelude::*;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "cli/create/console_socket_gets_the_terminal",
            "cli.create.console-socket-passes-master",
        )
        .bundle(|b| b.set("/process/terminal", true))
        .run(|t| {
            let console = t.console()?;
            let mut terminal = t.must(console.create())?;
            t.start()?;
            t.must(terminal.read_until("\"terminals\":[{")).map(|_| ())
        })
        .saboteurs([wraps("create: send no terminal", |call, next| {
            let args: Vec<String> = call
                .args
                .iter()
                .filter(|arg| !arg.contains("console"))
                .cloned()
                .collect();
            next(&call.with_args(args))
        })]),
        one_master_comes(),
        // Somebody has to get the terminal of a container that is only created.
        Case::new(
            "cli/create/terminal_without_a_console_socket_refused",
            "cli.create.console-socket-required-with-terminal",
        )
        .bundle(|b| b.set("/process/terminal", true))
        .run(Assert::refused)
        .saboteurs([alters("/process/terminal", false)]),
    ]
}

fn one_master_comes() -> Case {
    Case::new(
        "cli/create/console_socket_gets_one_master",
        "cli.console-socket.ancillary-fd",
    )
    .bundle(|b| b.set("/process/terminal", true))
    .run(|t| {
        let terminal = t.must(t.console()?.create())?;
        t.eq("descriptors in the message", terminal.descriptors(), 1)?;
        // Only a master has a name of its other side (TIOCGPTN).
        let name = rustix::pty::ptsname(terminal.master(), Vec::new());
        t.that(
            "the descriptor is the master of a terminal",
            name.is_ok(),
            format!("{name:?}"),
        )
    })
    .saboteurs([
        sends_first("another file", &["/dev/null"]),
        sends_first("two descriptors", &["/dev/ptmx", "/dev/null"]),
    ])
}

/// A runtime that sends these files to the console socket.
fn sends_first(text: &str, files: &'static [&'static str]) -> Saboteur {
    wraps(format!("create: send {text}"), move |call, next| {
        let sent = call
            .flag("--console-socket")
            .map_or(Ok(()), |path| send(path, files));
        sent.map_err(|error| Stop::broken("send to the console socket", error))?;
        next(call)
    })
}

fn send(path: &str, files: &[&str]) -> io::Result<()> {
    let files: Vec<File> = files.iter().map(File::open).collect::<io::Result<_>>()?;
    let fds: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    let stream = UnixStream::connect(path)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(
        &stream,
        &[IoSlice::new(b"tty")],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(())
}
