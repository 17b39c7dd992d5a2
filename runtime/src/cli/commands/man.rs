//! `man`

use std::io::{self, Write};

use crate::cli::{CommandError, Context, Matches, man};

/// Prints the man page.
pub fn run(_context: &Context, _matches: &Matches) -> Result<u8, CommandError> {
    io::stdout()
        .write_all(man::page().as_bytes())
        .map_err(CommandError::io("write the page"))?;
    Ok(0)
}
