//! `restore`

use crate::cli::{CommandError, Context, Matches};

/// Runs the command.
pub fn run(_context: &Context, _matches: &Matches) -> Result<u8, CommandError> {
    Err(CommandError::Unsupported("restore"))
}
