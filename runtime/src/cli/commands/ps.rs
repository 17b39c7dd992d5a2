//! `ps`
//!
//! Clients read standard output and standard error as one, so nothing but the answer is printed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::cli::{CommandError, Context, Matches, UsageError};
use crate::exec::cgroup;

/// Lists the container's processes: as JSON, as a table of our own, or as ps(1) shows them where
/// options for it were given.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let record = context.store.read(matches.id())?;
    let Some(groups) = &record.cgroup else {
        return Err(CommandError::NoCgroup { action: "ps" });
    };
    let pids = cgroup::pids(groups)?;
    let options = &matches.args()[1..];
    let text = match matches.value("format") {
        Some("json") => serde_json::json!(pids).to_string() + "\n",
        None | Some("table") if options.is_empty() => table(&pids),
        None | Some("table") => filtered(options, &pids)?,
        Some(other) => {
            return Err(UsageError::InvalidValue {
                flag: "format".into(),
                value: other.into(),
                expected: "table or json",
            }
            .into());
        }
    };
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(CommandError::io("write to standard output"))?;
    Ok(0)
}

/// One line a process: the user by number, since names are the image's and not ours.
fn table(pids: &[i32]) -> String {
    let mut out = format!(
        "{:<10} {:>7} {:>7} {:>8} {}\n",
        "UID", "PID", "PPID", "TIME", "CMD"
    );
    for row in pids.iter().filter_map(|pid| row(*pid)) {
        out += &row;
    }
    out
}

/// The line of a process; none where it has ended meanwhile.
fn row(pid: i32) -> Option<String> {
    let folder = format!("/proc/{pid}");
    let uid = fs::metadata(&folder).ok()?.uid();
    let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // The name may hold spaces and parentheses; what follows its last one does not (proc_pid_stat(5)).
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks: u64 = [fields.get(11)?, fields.get(12)?]
        .iter()
        .filter_map(|f| f.parse::<u64>().ok())
        .sum();
    // USER_HZ, the unit of these fields, is 100 on every architecture that Linux supports but alpha.
    let seconds = ticks / 100;
    let time = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let command = fs::read(format!("{folder}/cmdline")).ok()?;
    let words: Vec<_> = command
        .split(|b| *b == 0)
        .filter(|w| !w.is_empty())
        .map(String::from_utf8_lossy)
        .collect();
    let command = if words.is_empty() {
        format!("[{name}]")
    } else {
        words.join(" ")
    };
    Some(format!(
        "{uid:<10} {pid:>7} {:>7} {time:>8} {command}\n",
        fields.get(1)?
    ))
}

/// What ps(1) prints of these processes.
fn filtered(options: &[String], pids: &[i32]) -> Result<String, CommandError> {
    let output = Command::new("ps").args(options).output();
    let output = output.map_err(CommandError::io("execute ps"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CommandError::io("execute ps")(std::io::Error::other(
            message,
        )));
    }
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default();
    let column = heading
        .split_ascii_whitespace()
        .position(|title| title == "PID");
    let Some(column) = column else {
        let error = std::io::Error::other("it shows no column PID with these options");
        return Err(CommandError::io("execute ps")(error));
    };
    let ours = |line: &&str| {
        let pid = line
            .split_ascii_whitespace()
            .nth(column)
            .and_then(|word| word.parse().ok());
        pid.is_some_and(|pid: i32| pids.contains(&pid))
    };
    let lines: Vec<_> = [heading].into_iter().chain(lines.filter(ours)).collect();
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_a_line() {
        let pid = std::process::id();
        let row = super::row(pid.cast_signed()).expect("we are running");
        assert!(
            row.contains(&format!(" {pid} ")) && row.contains("plimrun"),
            "{row}"
        );
        assert_eq!(super::row(0), None);
    }
}
