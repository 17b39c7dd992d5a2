//! `list`

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{self, available_parallelism};

use super::print_json;
use crate::cli::{CommandError, Context, Matches, UsageError};
use crate::state::{Freezer, StateError, Status};

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
        let records = read_all(context, |record| record)?;
        let ids = records.iter().map(|record| record.id.as_str());
        return print(&ids.flat_map(|id| [id, "\n"]).collect::<String>());
    }
    let records = read_all(context, |record| {
        let status = record.status();
        (record, status)
    })?;
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

/// So many containers are no more than one thread's work: another would be ready too late.
const SHARE: usize = 200;

/// What `with` makes of the records that can be read. A folder without one is a container that is about to be or
/// has just ceased to be.
fn read_all<T: Send>(
    context: &Context,
    with: impl Fn(Record) -> T + Sync,
) -> Result<Vec<T>, CommandError> {
    let ids = context.store.ids()?;
    let store = &context.store;
    let read = |ids: &[String]| -> Vec<Result<T, StateError>> {
        ids.iter().map(|id| store.glance(id).map(&with)).collect()
    };
    let mut results = Vec::with_capacity(ids.len());
    if ids.len() <= SHARE {
        results = read(&ids);
    } else {
        // Nearly all of it is the kernel's work on one container, which another processor can do for the next.
        let threads = available_parallelism().map_or(1, NonZero::get);
        let share = ids.len().div_ceil(threads).max(SHARE);
        thread::scope(|scope| {
            let mut shares = ids.chunks(share);
            let own = shares.next().unwrap_or_default();
            let others: Vec<_> = shares.map(|ids| scope.spawn(|| read(ids))).collect();
            results.extend(read(own));
            for other in others {
                results.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
        });
    }
    let mut all = Vec::with_capacity(ids.len());
    for (id, result) in ids.iter().zip(results) {
        match result {
            Ok(one) => all.push(one),
            Err(StateError::NotFound) => {}
            Err(error) => context.log.warn(format!("container {id}: {error}")),
        }
    }
    Ok(all)
}

fn table(records: &[(Record, Status)]) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut names: Vec<(u32, String)> = Vec::new();
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(Cow::Borrowed)];
    for (record, _) in records {
        if names.iter().all(|(uid, _)| *uid != record.owner) {
            names.push((record.owner, user_name(&users, record.owner)));
        }
    }
    for (record, status) in records {
        let owner = names.iter().find(|(uid, _)| *uid == record.owner);
        rows.push([
            Cow::Borrowed(&*record.id),
            record.pid_in(*status).to_string().into(),
            status.as_str().into(),
            record.bundle.to_string_lossy(),
            Cow::Borrowed(&*record.created),
            owner.map_or("", |(_, name)| name).into(),
        ]);
    }
    let longest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 6] =
        std::array::from_fn(|column| (longest(column).unwrap_or(0) + GAP).max(WIDTH));
    let mut text = String::with_capacity(rows.len() * widths.iter().sum::<usize>());
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
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
