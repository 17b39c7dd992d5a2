//! `list`

use std::fs;
use std::io::{self, Write as _};

use super::print_json;
use crate::cli::spread::spread;
use crate::cli::{CommandError, Context, Matches, UsageError};
use crate::state::{Freezer, Reader, StateError, Status};

/// What is read of a container.
type Record = crate::state::Record<Freezer>;

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
    if matches.switch("quiet") {
        let records = read_all(context, |_, records, _| records)?;
        let records = records.iter().flatten();
        let lines = records.flat_map(|record| [record.id.as_str(), "\n"]);
        return print(&lines.collect::<String>());
    }
    if format == "table" {
        return print(&table(&read_all(context, with_status(Row::new))?));
    }
    let records = read_all(context, with_status(|known| known))?;
    let views: Vec<_> = records
        .iter()
        .flatten()
        .map(|(record, status)| record.view(*status))
        .collect();
    // An empty list is null: Go's way to write one, which clients of runc know.
    print_json(&(!views.is_empty()).then_some(views))
}

/// What `make` makes of each record and the status that goes with it. Where that cannot be told, it is said.
fn with_status<T>(
    make: impl Fn((Record, Status)) -> T,
) -> impl Fn(&mut Reader, Vec<Record>, &mut Vec<String>) -> Vec<T> {
    move |reader, records, errors| {
        let statuses = reader.statuses(&records);
        let each = records.into_iter().zip(statuses);
        let known = each.filter_map(|(record, status)| match status {
            Ok(status) => Some(make((record, status))),
            Err(error) => {
                errors.push(refusal(&record.id, &error));
                None
            }
        });
        known.collect()
    }
}

fn refusal(id: &str, error: &StateError) -> String {
    format!("container {id}: {error}")
}

/// What `with` makes of the records that can be read, in pieces and in the order of their ids. A folder without one
/// is a container that is about to be or has just ceased to be.
fn read_all<T: Send>(
    context: &Context,
    with: impl Fn(&mut Reader, Vec<Record>, &mut Vec<String>) -> Vec<T> + Sync,
) -> Result<Vec<Vec<T>>, CommandError> {
    let store = &context.store;
    let ids = store.ids()?;
    // Nearly all of it is the kernel's work on one container, which another processor can do for the next.
    let pieces = spread(&ids, || {
        let (mut reader, with) = (store.reader(), &with);
        move |ids: &[String]| {
            let (mut records, mut errors) = (Vec::with_capacity(ids.len()), Vec::new());
            for id in ids {
                match reader.glance(id) {
                    Ok(record) => records.push(record),
                    Err(StateError::NotFound) => {}
                    Err(error) => errors.push(refusal(id, &error)),
                }
            }
            (with(&mut reader, records, &mut errors), errors)
        }
    });
    let warned = |(made, errors): (_, Vec<String>)| {
        for error in errors {
            context.log.warn(error);
        }
        made
    };
    Ok(pieces.into_iter().map(warned).collect())
}

/// The columns of the table.
const COLUMNS: [&str; 6] = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];

/// What the table shows of a container, in one piece: the cells of all columns but the last, one after the other.
struct Row {
    cells: String,
    ends: [usize; COLUMNS.len() - 1],
    owner: u32,
}

impl Row {
    fn new((record, status): (Record, Status)) -> Self {
        let pid = record.pid_in(status).to_string();
        let bundle = record.bundle.to_string_lossy();
        let texts = [&record.id, &pid, status.as_str(), &bundle, &record.created];
        let mut cells = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        let ends = texts.map(|text| {
            cells.push_str(text);
            cells.len()
        });
        Self {
            cells,
            ends,
            owner: record.owner,
        }
    }

    fn cells<'a>(&'a self, owner: &'a str) -> [&'a str; COLUMNS.len()] {
        let mut start = 0;
        let mut cells = [owner; COLUMNS.len()];
        for (cell, end) in cells.iter_mut().zip(self.ends) {
            *cell = &self.cells[start..end];
            start = end;
        }
        cells
    }
}

fn table(containers: &[Vec<Row>]) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut names: Vec<(u32, String)> = Vec::new();
    for Row { owner, .. } in containers.iter().flatten() {
        if names.iter().all(|(uid, _)| uid != owner) {
            names.push((*owner, user_name(&users, *owner)));
        }
    }
    let rows = || {
        let cells = containers.iter().flatten().map(|row| {
            let owner = names.iter().find(|(uid, _)| *uid == row.owner);
            row.cells(owner.map_or("", |(_, name)| name))
        });
        [COLUMNS].into_iter().chain(cells)
    };
    let mut widths = [WIDTH; COLUMNS.len()];
    let mut count = 0;
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count() + GAP);
        }
        count += 1;
    }
    let spaces = " ".repeat(widths.into_iter().max().unwrap_or(0));
    let mut text = String::with_capacity(count * widths.iter().sum::<usize>());
    for row in rows() {
        for (cell, width) in row.into_iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&spaces[cell.chars().count().min(width)..width]);
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
    fn a_column_is_as_wide_as_its_longest_cell() {
        let record = |id: &str, bundle: &str, owner: u32| {
            let record = serde_json::json!({
                "ociVersion": "1.3.0", "id": id, "status": "running", "pid": 7, "bundle": bundle,
                "rootfs": "/r", "created": "now", "owner": owner,
            });
            serde_json::from_value::<Record>(record).expect("a record")
        };
        let rows = [
            vec![(
                record("a", "/\u{e4}\u{e4}\u{e4}/bundle", 4_000_000_000),
                Status::Running,
            )],
            vec![(record("twelve-chars", "/b", 4_000_000_001), Status::Stopped)],
        ];
        let rows = rows.map(|piece| piece.into_iter().map(Row::new).collect());
        assert_eq!(
            table(&rows),
            "ID             PID         STATUS      BUNDLE        CREATED     OWNER\n\
             a              7           running     /\u{e4}\u{e4}\u{e4}/bundle   now         #4000000000\n\
             twelve-chars   0           stopped     /b            now         #4000000001\n"
        );
    }

    #[test]
    fn an_empty_table_is_the_heading_of_runc() {
        assert_eq!(
            table(&[]),
            "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"
        );
    }
}
