//! The one table of commands and flags, a file for each family of commands.

mod about;
mod flags;
mod images;
mod inside;
mod lifecycle;
mod resources;

use super::context::Context;
use super::error::CommandError;
use super::parse::Matches;
pub use flags::GLOBALS;

/// A flag: of a command, or one that stands before the command.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Long name, without dashes; one dash and two both introduce it.
    pub name: &'static str,
    /// One-letter name.
    pub short: Option<char>,
    /// What help calls the flag's value; `None` for a switch.
    pub value: Option<&'static str>,
    /// One line for help, man page and completions.
    pub help: &'static str,
}

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Name.
    pub name: &'static str,
    /// The positional arguments, as help shows them.
    pub args: &'static str,
    /// Fewest and most positional arguments.
    pub arity: (usize, usize),
    /// One line.
    pub help: &'static str,
    /// Whether help leaves it out.
    pub hidden: bool,
    /// Whether everything after the first positional argument is positional, as in `exec`.
    pub stops_at_positional: bool,
    /// Its flags.
    pub flags: &'static [Flag],
    /// Does the work and gives the exit status.
    pub run: fn(&Context, &Matches) -> Result<u8, CommandError>,
}

const fn switch(name: &'static str, short: Option<char>, help: &'static str) -> Flag {
    Flag {
        name,
        short,
        value: None,
        help,
    }
}

const fn option(
    name: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        short,
        value: Some(value),
        help,
    }
}

/// The commands, in the order of help.
pub static COMMANDS: &[Command] = &[
    lifecycle::CREATE,
    lifecycle::START,
    lifecycle::STATE,
    lifecycle::KILL,
    lifecycle::DELETE,
    lifecycle::LIST,
    lifecycle::RUN,
    inside::EXEC,
    about::SPEC,
    inside::PS,
    resources::PAUSE,
    resources::RESUME,
    resources::UPDATE,
    resources::EVENTS,
    images::CHECKPOINT,
    images::RESTORE,
    about::FEATURES,
    about::COMPLETION,
    about::MAN,
];

impl Command {
    /// What most commands share.
    const BASE: Self = Self {
        name: "",
        args: "",
        arity: (0, 0),
        help: "",
        hidden: false,
        stops_at_positional: false,
        flags: &[],
        run: |_, _| Ok(0),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let mut lists = vec![("plimrun", GLOBALS)];
        lists.extend(COMMANDS.iter().map(|command| (command.name, command.flags)));
        for (owner, flags) in lists {
            for (i, flag) in flags.iter().enumerate() {
                for other in &flags[i + 1..] {
                    assert_ne!(flag.name, other.name, "{owner}");
                    assert!(
                        flag.short.is_none() || flag.short != other.short,
                        "{owner} {}",
                        flag.name
                    );
                }
            }
            assert!(flags.iter().any(|flag| flag.name == "help"), "{owner}");
        }
        for (i, command) in COMMANDS.iter().enumerate() {
            assert!(
                COMMANDS[i + 1..]
                    .iter()
                    .all(|other| other.name != command.name)
            );
        }
    }
}
