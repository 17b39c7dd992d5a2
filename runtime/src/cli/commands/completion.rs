//! `completion`

use std::io::{self, Write};

use crate::cli::completion::{SHELLS, script};
use crate::cli::{CommandError, Context, Matches, UsageError};

/// Prints the completion script for a shell.
pub fn run(_context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let shell = matches.id();
    let text = script(shell)
        .ok_or_else(|| UsageError::UnknownShell(shell.to_owned(), SHELLS.join(", ")))?;
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(CommandError::io("write the script"))?;
    Ok(0)
}
