//! Commands without a container.

use super::flags::{BUNDLE, HELP};
use super::{Command, option, switch};
use crate::cli::commands;

pub(super) const SPEC: Command = Command {
    name: "spec",
    args: "",
    arity: (0, 0),
    help: "write a config.json to start from",
    flags: &[
        BUNDLE,
        switch("rootless", None, "for a container without root"),
        option(
            "upgrade",
            None,
            "OLD",
            "write a valid configuration from one of the 1.0.0-rc2 shape",
        ),
        HELP,
    ],
    run: commands::spec::run,
    ..Command::BASE
};

pub(super) const FEATURES: Command = Command {
    name: "features",
    args: "",
    arity: (0, 0),
    help: "print what this runtime can do, as JSON",
    flags: &[HELP],
    run: commands::features::run,
    ..Command::BASE
};

pub(super) const COMPLETION: Command = Command {
    name: "completion",
    args: "SHELL",
    arity: (1, 1),
    help: "print a completion script for bash, zsh or fish",
    hidden: true,
    flags: &[HELP],
    run: commands::completion::run,
    ..Command::BASE
};

pub(super) const MAN: Command = Command {
    name: "man",
    args: "",
    arity: (0, 0),
    help: "print the man page",
    hidden: true,
    flags: &[HELP],
    run: commands::man::run,
    ..Command::BASE
};
