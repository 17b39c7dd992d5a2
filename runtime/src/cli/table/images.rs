//! Commands on what CRIU saves.

use super::flags::{
    AUTO_DEDUP, BUNDLE, CONSOLE_SOCKET, DETACH, EMPTY_NS, EXT_UNIX_SK, FILE_LOCKS, HELP,
    IMAGE_PATH, LAZY_PAGES, MANAGE_CGROUPS, NO_PIVOT, NO_SUBREAPER, PID_FILE, SHELL_JOB,
    TCP_ESTABLISHED, WORK_PATH,
};
use super::{Command, option, switch};
use crate::cli::commands;

pub(super) const CHECKPOINT: Command = Command {
    name: "checkpoint",
    args: "ID",
    arity: (1, 1),
    help: "save a running container with CRIU",
    flags: &[
        IMAGE_PATH,
        WORK_PATH,
        option("parent-path", None, "DIR", "images of an earlier pre-dump"),
        switch("leave-running", None, "let the container go on"),
        TCP_ESTABLISHED,
        switch("tcp-skip-in-flight", None, "skip TCP connections in flight"),
        switch("link-remap", None, "allow files that were unlinked"),
        EXT_UNIX_SK,
        SHELL_JOB,
        LAZY_PAGES,
        option(
            "status-fd",
            None,
            "FD",
            "CRIU writes a NUL there when it is ready for lazy pages",
        ),
        option(
            "page-server",
            None,
            "ADDRESS:PORT",
            "send memory pages there",
        ),
        FILE_LOCKS,
        switch("pre-dump", None, "dump memory only and go on"),
        MANAGE_CGROUPS,
        EMPTY_NS,
        AUTO_DEDUP,
        HELP,
    ],
    run: commands::checkpoint::run,
    ..Command::BASE
};

pub(super) const RESTORE: Command = Command {
    name: "restore",
    args: "ID",
    arity: (1, 1),
    help: "bring back a container saved by checkpoint",
    flags: &[
        BUNDLE,
        CONSOLE_SOCKET,
        PID_FILE,
        IMAGE_PATH,
        WORK_PATH,
        DETACH,
        TCP_ESTABLISHED,
        switch("tcp-close", None, "restore TCP connections as closed"),
        EXT_UNIX_SK,
        SHELL_JOB,
        FILE_LOCKS,
        MANAGE_CGROUPS,
        NO_SUBREAPER,
        NO_PIVOT,
        EMPTY_NS,
        AUTO_DEDUP,
        LAZY_PAGES,
        option(
            "lsm-profile",
            None,
            "TYPE:NAME",
            "LSM profile of the restored processes",
        ),
        option(
            "lsm-mount-context",
            None,
            "CONTEXT",
            "LSM mount context of the restored mounts",
        ),
        HELP,
    ],
    run: commands::restore::run,
    ..Command::BASE
};
