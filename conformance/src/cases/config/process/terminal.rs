//! config.md#process: terminal and consoleSize.

use std::fs::File;
use std::os::fd::OwnedFd;

use plimsoll_fixtures::bundle::Bundle;
use plimsoll_fixtures::probe::Report;

use crate::cases::prelude::*;
use crate::verdict::Stop;

const TTY: &str = "config.process.terminal-controlling-tty";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "config/process/no_terminal_by_default",
            "config.process.terminal-default-false",
        )
        .bundle(|b| b.remove("/process/terminal"))
        .run(|t| {
            let terminals = t.agent()?.report.terminals.clone();
            t.eq("terminals among the standard streams", terminals, json!([]))
        })
        .saboteurs([wraps("lead standard input to a terminal", |call, next| {
            if call.operation() != "create" {
                return next(call);
            }
            let terminal = File::options().read(true).write(true).open("/dev/ptmx");
            let terminal = terminal.map_err(|error| Stop::broken("open /dev/ptmx", error))?;
            next(&call.clone().stdin(OwnedFd::from(terminal)))
        })]),
        Case::new(
            "config/process/terminal_is_allocated",
            "config.process.terminal-true-allocates-pty",
        )
        .bundle(|b| b.set("/process/terminal", true))
        .run(|t| {
            let mut terminal = t.must(t.console()?.create())?;
            t.start()?;
            let report = terminal.report()?;
            let streams: Vec<i32> = report.terminals.iter().map(|found| found.fd).collect();
            t.eq("which standard streams are terminals", streams, [0, 1, 2])?;
            let names = [0, 1, 2].map(|fd| target(&report, fd));
            let ours = |name: &str| name.starts_with("/dev/pts/") || name == "/dev/console";
            let all_ours = names.iter().all(|name| ours(name));
            t.that("they are of the container's devpts", all_ours, names)?;
            terminal.type_line("readlink /proc/self/exe")?;
            t.must(terminal.read_until("{\"ok\":\"/probe\"}"))
                .map(|_| ())
        })
        .saboteurs([
            drops("/process/terminal"),
            wraps("send no terminal", |call, next| {
                let args = call.args.iter().filter(|arg| !arg.contains("console"));
                next(&call.with_args(args.cloned().collect::<Vec<_>>()))
            }),
        ]),
        Case::new("config/process/terminal_controls_the_process", TTY)
            .bundle(|b| b.set("/process/terminal", true))
            .run(|t| {
                let mut terminal = t.console()?.create()?;
                t.start()?;
                let report = terminal.report()?;
                let controlling = report.controlling_terminal.value();
                t.ne("the controlling terminal's device", controlling, "0")?;
                // SIGINT, which PID 1 gets only if it blocks it.
                terminal.type_line("trap 2")?;
                terminal.read_until("{\"ok\"")?;
                terminal.type_text("\u{3}")?;
                terminal.type_line("wait-signal 9000")?;
                t.must(terminal.read_until("{\"ok\":2}")).map(|_| ())
            })
            .saboteurs([alters(
                "/process/args",
                // asm-generic/ioctls.h TIOCNOTTY.
                json!(["/probe", "after", "syscall-here 16 0 0x5422"]),
            )]),
    ];
    cases.extend(console_size());
    cases.extend(["height", "width"].map(|missing| {
        let other = if missing == "height" {
            "width"
        } else {
            "height"
        };
        Case::new(
            format!("config/process/console_size_needs_{missing}"),
            "config.process.console-size-height-width-required",
        )
        .bundle(move |b| sized(b, json!({ other: 40 })).set("/process/terminal", true))
        .run(|t| {
            let outcome = t.console()?.try_create()?;
            t.errors(&outcome)?;
            t.nothing_left()
        })
        .saboteurs([alters(format!("/process/consoleSize/{missing}"), 40)])
    }));
    cases
}

fn console_size() -> [Case; 2] {
    [
        Case::new(
            "config/process/console_size_is_the_terminals",
            "config.process.console-size-applied",
        )
        .bundle(|b| sized(b, json!({"height": 37, "width": 91})).set("/process/terminal", true))
        .run(|t| {
            let mut terminal = t.console()?.create()?;
            t.start()?;
            let report = terminal.report()?;
            let sizes = report
                .terminals
                .first()
                .map(|seen| (seen.rows, seen.columns));
            t.eq("rows and columns", sizes, (37, 91))
        })
        .saboteurs([
            drops("/process/consoleSize"),
            alters("/process/consoleSize/height", 36),
            alters("/process/consoleSize/width", 90),
        ]),
        Case::new(
            "config/process/console_size_ignored_without_terminal",
            "config.process.console-size-ignored-without-terminal",
        )
        .bundle(|b| sized(b, json!({"height": 37, "width": 91})))
        .run(|t| t.must(t.agent()).map(|_| ()))
        .saboteurs([lies("create", How::Refuse)]),
    ]
}

fn sized(b: Bundle, size: Value) -> Bundle {
    b.set("/process/consoleSize", size)
}

fn target(report: &Report, fd: i32) -> String {
    let target = report.fd(fd).and_then(|open| open.target.value());
    target.cloned().unwrap_or_default()
}
