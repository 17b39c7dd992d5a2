//! What an idle created container holds in memory.

use std::fs;
use std::time::Duration;

use super::contestant::Contestant;
use super::course::Course;
use super::document::{Kind, Memory};
use super::tools::Tools;
use super::{Error, at};

/// How many readings in a row make a process at rest, how far apart they are, and how many are taken at most.
const AT_REST: usize = 10;
const BETWEEN: Duration = Duration::from_millis(20);
const READINGS: usize = 100;

/// Creates one container of each runtime, and of the floor, and adds up its processes.
pub(super) fn measure(
    course: &mut Course<'_>,
    field: &mut [Contestant],
) -> Result<Vec<Memory>, Error> {
    let setting = course.default_setting("memory", &["/probe", "agent"])?;
    let mut all = Vec::new();
    for contestant in field
        .iter_mut()
        .filter(|contestant| matches!(contestant.entrant.kind, Kind::Runtime | Kind::Equipped))
    {
        let (input, kept) = at("make a pipe", std::io::pipe())?;
        match contestant.create_idle(course.tools, &setting, input.into())? {
            Ok((id, pid)) => {
                all.push(settled(course.tools, &contestant.entrant.name, pid)?);
                drop(kept);
                contestant.remove(course.tools, &id)?;
            }
            Err(miss) => course.note(&contestant.entrant.name, "memory", &miss.why),
        }
    }
    Ok(all)
}

/// As soon as it stays the same: `create` may return before the process that stays is at rest. The kernel
/// tells nobody of a change of memory, so it is looked at again and again, for two seconds at most.
fn settled(tools: &Tools, name: &str, pid: i32) -> Result<Memory, Error> {
    let mut last = of(name, &with_descendants(pid));
    let mut same = 0;
    for _ in 0..READINGS {
        tools.pause(BETWEEN)?;
        let now = of(name, &with_descendants(pid));
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same == AT_REST {
            break;
        }
    }
    Ok(last)
}

fn of(name: &str, pids: &[i32]) -> Memory {
    let rollups: Vec<String> = pids
        .iter()
        .map(|pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default())
        .collect();
    let sum = |field: &str| rollups.iter().map(|text| kib(text, field)).sum();
    let clean: u64 = sum("Private_Clean");
    let dirty: u64 = sum("Private_Dirty");
    Memory {
        contestant: name.to_owned(),
        pss_kib: sum("Pss"),
        private_kib: clean + dirty,
        processes: pids.len(),
    }
}

/// A field of smaps_rollup (proc(5)), in KiB.
fn kib(text: &str, field: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// The process and all below it.
fn with_descendants(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(
            children
                .split_whitespace()
                .filter_map(|word| word.parse::<i32>().ok()),
        );
        at += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_is_read_by_field() {
        let text = "55d4-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  2388 kB\nPss:   915 kB\nPss_Dirty: 7 kB\n";
        assert_eq!(
            (kib(text, "Pss"), kib(text, "Rss"), kib(text, "Swap")),
            (915, 2388, 0)
        );
    }

    #[test]
    fn this_process_has_memory_of_its_own() {
        let own = of("x", &with_descendants(std::process::id().cast_signed()));
        assert!(
            own.private_kib > 0 && own.pss_kib >= own.private_kib && own.processes >= 1,
            "{own:?}"
        );
    }
}
