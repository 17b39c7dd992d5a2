//! The command line: one table of commands and flags, from which parser, help, man page and
//! completions come.

mod attend;
pub mod commands;
mod completion;
mod context;
mod criu_flags;
mod entry_process;
mod error;
mod finish;
mod help;
mod launch;
mod log;
mod man;
mod narrate;
mod parse;
mod readiness;
mod signal;
mod spread;
mod table;
mod time;

use std::ffi::OsString;
use std::io::{self, Write};

pub use context::{CgroupManager, Context};
pub use error::{CommandError, UsageError};
pub use log::Log;
pub use parse::Matches;
pub use table::{COMMANDS, Command, Flag, GLOBALS};
pub use time::rfc3339;

/// Exit status of a command that failed; runc's.
pub const FAILURE: u8 = 1;
/// Exit status where the command is unknown; runc's.
pub const UNKNOWN_COMMAND: u8 = 3;
/// Exit status of an `exec` that could not execute the process; runc's.
pub const EXEC_FAILURE: u8 = 255;

/// Runs the command line and gives the exit status for the process.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let invocation = match parse::parse(args.into_iter().skip(1)) {
        Ok(invocation) => invocation,
        Err(error) => {
            let code = error.exit_code();
            eprintln!("{error}");
            return code;
        }
    };
    match invocation {
        parse::Invocation::Print(text) => {
            // Nobody is left to tell where standard output is closed.
            let written = io::stdout().write_all(text.as_bytes());
            u8::from(written.is_err())
        }
        parse::Invocation::Run {
            command,
            globals,
            matches,
        } => {
            let context = match Context::new(&globals) {
                Ok(context) => context,
                Err(error) => {
                    eprintln!("{error}");
                    return FAILURE;
                }
            };
            context.log.debug(format_args!(
                "plimrun {}: {} {:?}",
                env!("CARGO_PKG_VERSION"),
                command.name,
                matches.args()
            ));
            match (command.run)(&context, &matches) {
                Ok(code) => {
                    context.log.finish();
                    code
                }
                Err(error) => {
                    context.log.fail(&error);
                    error.exit_code(command.name)
                }
            }
        }
    }
}
