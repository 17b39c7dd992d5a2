//! Commands on the life of a container, and what is told of it.

use super::flags::{
    BUNDLE, CONSOLE_SOCKET, DETACH, HELP, NO_NEW_KEYRING, NO_PIVOT, NO_SUBREAPER, PID_FILE,
    PIDFD_SOCKET, PRESERVE_FDS,
};
use super::{Command, option, switch};
use crate::cli::commands;

pub(super) const CREATE: Command = Command {
    name: "create",
    args: "ID",
    arity: (1, 1),
    help: "make a container that waits for start",
    flags: &[
        BUNDLE,
        CONSOLE_SOCKET,
        PIDFD_SOCKET,
        PID_FILE,
        NO_PIVOT,
        NO_NEW_KEYRING,
        PRESERVE_FDS,
        NO_SUBREAPER,
        HELP,
    ],
    run: commands::create::run,
    ..Command::BASE
};

pub(super) const START: Command = Command {
    name: "start",
    args: "ID",
    arity: (1, 1),
    help: "run the user's program in a container that was created",
    flags: &[HELP],
    run: commands::start::run,
    ..Command::BASE
};

pub(super) const STATE: Command = Command {
    name: "state",
    args: "ID",
    arity: (1, 1),
    help: "print the state of a container as JSON",
    flags: &[HELP],
    run: commands::state::run,
    ..Command::BASE
};

pub(super) const KILL: Command = Command {
    name: "kill",
    args: "ID [SIGNAL]",
    arity: (1, 2),
    help: "send a signal, by default SIGTERM, to the container's first process",
    flags: &[
        switch(
            "all",
            Some('a'),
            "send it to every process of the container",
        ),
        HELP,
    ],
    run: commands::kill::run,
    ..Command::BASE
};

pub(super) const DELETE: Command = Command {
    name: "delete",
    args: "ID",
    arity: (1, 1),
    help: "delete what create made for a container that has stopped",
    flags: &[
        switch(
            "force",
            Some('f'),
            "end the container first; no error where there is none",
        ),
        HELP,
    ],
    run: commands::delete::run,
    ..Command::BASE
};

pub(super) const LIST: Command = Command {
    name: "list",
    args: "",
    arity: (0, 0),
    help: "list the containers",
    flags: &[
        option("format", Some('f'), "FORMAT", "table or json"),
        switch("quiet", Some('q'), "print ids only"),
        HELP,
    ],
    run: commands::list::run,
    ..Command::BASE
};

pub(super) const RUN: Command = Command {
    name: "run",
    args: "ID",
    arity: (1, 1),
    help: "create a container, start it, wait for it and delete it",
    flags: &[
        BUNDLE,
        CONSOLE_SOCKET,
        PIDFD_SOCKET,
        PID_FILE,
        DETACH,
        switch(
            "keep",
            None,
            "do not delete the container when it has ended",
        ),
        NO_SUBREAPER,
        NO_PIVOT,
        NO_NEW_KEYRING,
        PRESERVE_FDS,
        HELP,
    ],
    run: commands::run::run,
    ..Command::BASE
};
