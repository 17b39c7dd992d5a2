//! One file a command; each has `run(&Context, &Matches) -> Result<exit status, CommandError>`.

pub mod checkpoint;
pub mod completion;
pub mod create;
pub mod delete;
pub mod events;
pub mod exec;
pub mod features;
pub mod kill;
pub mod list;
pub mod man;
pub mod pause;
pub mod ps;
pub mod restore;
pub mod resume;
pub mod run;
pub mod spec;
pub mod start;
pub mod state;
pub mod update;

use std::io::{self, Write};

use serde::Serialize;

use super::CommandError;

/// Prints a value as indented JSON, the way runc prints states and lists.
fn print_json(value: &impl Serialize) -> Result<u8, CommandError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| CommandError::io("write JSON")(error.into()))?;
    text.push(b'\n');
    io::stdout()
        .write_all(&text)
        .map_err(CommandError::io("write to standard output"))?;
    Ok(0)
}
