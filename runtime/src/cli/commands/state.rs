//! `state`: runtime.md#query-state

use super::print_json;
use crate::cli::{CommandError, Context, Matches};

/// Prints the state as JSON; nothing else, also on standard error, since clients read both.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let record = context.store.glance(matches.id())?;
    print_json(&record.view(record.status()?))
}
