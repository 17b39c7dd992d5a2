//! The console socket.

use crate::cases::prelude::*;

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
    ]
}
