//! Help and version, from the table.

use std::fmt::Write;

use super::table::{COMMANDS, Command, Flag, GLOBALS};
use crate::spec::OCI_VERSION;

/// The three lines that engines read: moby wants `version` in a line and `commit: `, go-runc the first
/// line, `commit: ` and `spec: `.
pub(super) fn version() -> String {
    format!(
        "plimrun version {}\ncommit: {}\nspec: {OCI_VERSION}\n",
        env!("CARGO_PKG_VERSION"),
        env!("PLIMRUN_COMMIT")
    )
}

/// What `plimrun --help` prints.
pub(super) fn general() -> String {
    let mut text = String::from(
        "plimrun runs containers from OCI bundles.\n\n\
         Usage: plimrun [GLOBAL FLAG]... COMMAND [FLAG]... [ARG]...\n\nCommands:\n",
    );
    for command in COMMANDS.iter().filter(|command| !command.hidden) {
        line(&mut text, command.name, command.help);
    }
    flags(&mut text, "Global flags", GLOBALS);
    text.push_str("\n`plimrun COMMAND --help` says more about a command.\n");
    text
}

/// What `plimrun COMMAND --help` prints.
pub(super) fn command(command: &Command) -> String {
    let mut text = format!("Usage: plimrun {} [FLAG]...", command.name);
    if !command.args.is_empty() {
        text.push(' ');
        text.push_str(command.args);
    }
    text.push_str("\n\n");
    text.push_str(command.help);
    text.push('\n');
    flags(&mut text, "Flags", command.flags);
    text
}

fn flags(text: &mut String, title: &str, flags: &[Flag]) {
    text.push('\n');
    text.push_str(title);
    text.push_str(":\n");
    for flag in flags {
        line(text, &spelling(flag), flag.help);
    }
}

/// `-b, --bundle DIR`
pub(super) fn spelling(flag: &Flag) -> String {
    let mut text = flag
        .short
        .map_or_else(String::new, |short| format!("-{short}, "));
    text.push_str("--");
    text.push_str(flag.name);
    if let Some(value) = flag.value {
        text.push(' ');
        text.push_str(value);
    }
    text
}

fn line(text: &mut String, name: &str, help: &str) {
    writeln!(text, "  {name:<28} {help}").expect("a string takes what is written to it");
}
