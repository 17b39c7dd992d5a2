//! `list`

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use super::print_json;
use crate::cli::{CommandError, Context, Matches, UsageError};
use crate::state::{Record, StateError, Status};

/// Narrowest column, and the least space after one: runc's.
const WIDTH: usize = 12;
const GAP: usize = 3;

/// Prints the containers as a table, as JSON or as ids only.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let format = matches.value("format").unwrap_or("table");
    if !matches!(format, "table" | "json") {
        return Err(UsageError::InvalidValue {
            flag: "format".to_owned(),
            value: format.to_owned(),
            expected: "table or json",
        }
        .into());
    }
    let records = records(context)?;
    if matches.switch("quiet") {
        let ids: Vec<_> = records.iter().map(|record| record.id.as_str()).collect();
        return print(&ids.iter().flat_map(|id| [id, "\n"]).collect::<String>());
    }
    let records: Vec<(Record, Status)> = records
        .into_iter()
        .map(|record| (record.status(), record))
        .map(|(s, r)| (r, s))
        .collect();
    if format == "table" {
        return print(&table(&records));
    }
    let views: Vec<_> = records
        .iter()
        .map(|(record, status)| record.view(*status))
        .collect();
    // An empty list is null: Go's way to write one, which clients of runc know.
    print_json(&(!views.is_empty()).then_some(views))
}

/// The records that can be read. A folder without one is a container that is about to be or has just
/// ceased to be.
fn records(context: &Context) -> Result<Vec<Record>, CommandError> {
    let mut records = Vec::new();
    for id in context.store.ids()? {
        match context.store.read(&id) {
            Ok(record) => records.push(record),
            Err(StateError::NotFound) => {}
            Err(error) => context.log.warn(format!("container {id}: {error}")),
        }
    }
    Ok(records)
}

fn table(records: &[(Record, Status)]) -> String {
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned)];
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    for (record, status) in records {
        rows.push([
            record.id.clone(),
            record.pid_in(*status).to_string(),
            status.to_string(),
            record.bundle.display().to_string(),
            record.created.clone(),
            user_name(&users, record.owner),
        ]);
    }
    let longest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..6)
        .map(|column| (longest(column).unwrap_or(0) + GAP).max(WIDTH))
        .collect();
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            write!(text, "{cell:<width$}").expect("a string takes what is written to it");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// The user's name in the text of passwd(5), else `#` and the number. The C library is not asked:
/// this program is static.
fn user_name(users: &str, uid: u32) -> String {
    let uid = uid.to_string();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{uid}"))
}

fn print(text: &str) -> Result<u8, CommandError> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(CommandError::io("write the list"))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_text_of_passwd() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(user_name(users, 0), "root");
        assert_eq!(user_name(users, 1000), "ann");
        assert_eq!(user_name(users, 7), "#7");
    }

    #[test]
    fn an_empty_table_is_the_heading_of_runc() {
        assert_eq!(
            table(&[]),
            "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"
        );
    }
}
