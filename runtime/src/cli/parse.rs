//! Parses a command line by the table.
//!
//! One dash and two are the same before a long name, as clients written for Go's flag package expect;
//! letters are never bundled. A switch takes `=true` and `=false`. A flag may be repeated.

use std::ffi::OsString;

use super::error::UsageError;
use super::help;
use super::table::{COMMANDS, Command, Flag, GLOBALS};

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Invocation {
    /// Print this and exit with status 0.
    Print(String),
    /// Run a command.
    Run {
        /// Its entry in the table.
        command: &'static Command,
        /// The flags before it.
        globals: Matches,
        /// Its own flags and arguments.
        matches: Matches,
    },
}

/// The flags and arguments that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    flags: Vec<(&'static str, String)>,
    args: Vec<String>,
}

impl Matches {
    /// Whether a switch was given; the last one counts.
    pub fn switch(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    /// A flag's value; the last one counts.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).last()
    }

    /// All values of a repeated flag.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.flags
            .iter()
            .filter(move |(flag, _)| *flag == name)
            .map(|(_, value)| value.as_str())
    }

    /// A flag's value as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, UsageError> {
        let parse = |value: &str| {
            value.parse().map_err(|_| UsageError::InvalidValue {
                flag: name.to_owned(),
                value: value.to_owned(),
                expected: "a number in range is expected",
            })
        };
        self.value(name).map(parse).transpose()
    }

    /// The positional arguments.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The first positional argument, for commands whose arity demands one.
    pub fn id(&self) -> &str {
        self.args.first().map_or("", String::as_str)
    }
}

/// Parses the arguments that follow the program's name.
pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let mut args = args.map(|arg| arg.into_string().map_err(UsageError::NotUtf8));
    let mut globals = Matches::default();
    while let Some(arg) = args.next() {
        let arg = arg?;
        if let Some(flag) = split(&arg) {
            take(flag, GLOBALS, &mut args, &mut globals)?;
            if globals.switch("help") {
                return Ok(Invocation::Print(help::general()));
            }
            if globals.switch("version") {
                return Ok(Invocation::Print(help::version()));
            }
            continue;
        }
        if arg == "help" {
            return match args.next().transpose()? {
                None => Ok(Invocation::Print(help::general())),
                Some(name) => Ok(Invocation::Print(help::command(find(&name)?))),
            };
        }
        let command = find(&arg)?;
        let matches = command_line(command, args)?;
        if matches.switch("help") {
            return Ok(Invocation::Print(help::command(command)));
        }
        return Ok(Invocation::Run {
            command,
            globals,
            matches,
        });
    }
    Ok(Invocation::Print(help::general()))
}

fn find(name: &str) -> Result<&'static Command, UsageError> {
    COMMANDS
        .iter()
        .find(|command| command.name == name)
        .ok_or_else(|| UsageError::UnknownCommand(name.to_owned()))
}

/// Parses what follows the command's name.
fn command_line(
    command: &'static Command,
    mut args: impl Iterator<Item = Result<String, UsageError>>,
) -> Result<Matches, UsageError> {
    let mut matches = Matches::default();
    while let Some(arg) = args.next() {
        let arg = arg?;
        if arg == "--" {
            for rest in args.by_ref() {
                matches.args.push(rest?);
            }
        } else if let Some(flag) = split(&arg) {
            take(flag, command.flags, &mut args, &mut matches)?;
        } else {
            matches.args.push(arg);
            if command.stops_at_positional {
                for rest in args.by_ref() {
                    matches.args.push(rest?);
                }
            }
        }
    }
    let (least, most) = command.arity;
    let got = matches.args.len();
    if (least..=most).contains(&got) || matches.switch("help") {
        return Ok(matches);
    }
    let expected = match command.arity {
        (least, usize::MAX) => format!("at least {least}"),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    Err(UsageError::Arity {
        command: command.name,
        expected,
        got,
        args: command.args,
    })
}

/// Splits `--name=value`; `None` for what is no flag, such as a lone dash.
fn split(arg: &str) -> Option<(&str, Option<&str>)> {
    let flag = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))?;
    if flag.is_empty() {
        return None;
    }
    Some(
        flag.split_once('=')
            .map_or((flag, None), |(name, value)| (name, Some(value))),
    )
}

/// Finds a flag in the table and takes its value, from the next argument if need be.
fn take(
    (name, value): (&str, Option<&str>),
    flags: &[Flag],
    rest: &mut impl Iterator<Item = Result<String, UsageError>>,
    matches: &mut Matches,
) -> Result<(), UsageError> {
    let letter = |short: Option<char>| short.is_some_and(|short| name.chars().eq([short]));
    let Some(flag) = flags
        .iter()
        .find(|flag| flag.name == name || letter(flag.short))
    else {
        return Err(UsageError::UnknownFlag(format!("-{name}")));
    };
    let value = match (flag.value, value) {
        (Some(_), Some(value)) => value.to_owned(),
        (Some(_), None) => rest
            .next()
            .unwrap_or_else(|| Err(UsageError::MissingValue(format!("-{name}"))))?,
        (None, None | Some("true" | "1")) => "true".to_owned(),
        (None, Some("false" | "0")) => "false".to_owned(),
        (None, Some(other)) => {
            return Err(UsageError::InvalidValue {
                flag: name.to_owned(),
                value: other.to_owned(),
                expected: "true or false",
            });
        }
    };
    matches.flags.push((flag.name, value));
    Ok(())
}
