//! Commands on the processes inside.

use super::flags::{CONSOLE_SOCKET, DETACH, HELP, PID_FILE, PIDFD_SOCKET, PRESERVE_FDS};
use super::{Command, option, switch};
use crate::cli::commands;

pub(super) const EXEC: Command = Command {
    name: "exec",
    args: "ID [COMMAND [ARG]...]",
    arity: (1, usize::MAX),
    help: "run a further process in a container",
    stops_at_positional: true,
    flags: &[
        CONSOLE_SOCKET,
        PIDFD_SOCKET,
        option("cwd", None, "DIR", "working directory"),
        option(
            "env",
            Some('e'),
            "NAME=VALUE",
            "set an environment variable",
        ),
        switch("tty", Some('t'), "give the process a terminal"),
        option("user", Some('u'), "UID[:GID]", "user, by number"),
        option(
            "additional-gids",
            Some('g'),
            "GID",
            "a further group, by number",
        ),
        option(
            "process",
            Some('p'),
            "FILE",
            "take the process object from FILE",
        ),
        DETACH,
        PID_FILE,
        option("process-label", None, "LABEL", "SELinux label"),
        option("apparmor", None, "PROFILE", "AppArmor profile"),
        switch("no-new-privs", None, "set no_new_privs"),
        option("cap", Some('c'), "CAPABILITY", "add a capability"),
        PRESERVE_FDS,
        option(
            "cgroup",
            None,
            "PATH",
            "a cgroup below the container's, as PATH or CONTROLLER:PATH",
        ),
        switch("ignore-paused", None, "allow it in a paused container"),
        HELP,
    ],
    run: commands::exec::run,
    ..Command::BASE
};

pub(super) const PS: Command = Command {
    name: "ps",
    args: "ID [PS-OPTION]...",
    arity: (1, usize::MAX),
    help: "list the container's processes",
    stops_at_positional: true,
    flags: &[option("format", Some('f'), "FORMAT", "table or json"), HELP],
    run: commands::ps::run,
    ..Command::BASE
};
