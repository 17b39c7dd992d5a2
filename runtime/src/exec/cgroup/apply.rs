//! Writes settings into the files of a cgroup.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use nix::errno::Errno;

use super::{Warnings, device_list, program};
use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::plan::cgroup::{CgroupPlan, Setting, Write};

/// Applies what comes before the container's process is attached. `prepare` does this by itself,
/// except where systemd makes the cgroup.
pub fn before_attach(plan: &CgroupPlan, warnings: &mut Warnings) -> Result<(), StepError> {
    for group in &plan.groups {
        let dir = group.dir();
        group
            .before
            .iter()
            .try_for_each(|setting| apply(&dir, setting, warnings))?;
    }
    Ok(())
}

/// Applies what may be late of what comes before the attach.
pub fn load_late(plan: &CgroupPlan, warnings: &mut Warnings) -> Result<(), StepError> {
    for group in &plan.groups {
        let mut late = group.before.iter().filter(|setting| setting.may_be_late());
        late.try_for_each(|setting| apply(&group.dir(), setting, warnings))?;
    }
    Ok(())
}

/// Applies what comes after the container's process was attached.
pub fn after_attach(plan: &CgroupPlan, warnings: &mut Warnings) -> Result<(), StepError> {
    for group in plan.groups.iter().filter(|group| !group.after.is_empty()) {
        let dir = group.dir();
        group
            .after
            .iter()
            .try_for_each(|setting| apply(&dir, setting, warnings))?;
    }
    Ok(())
}

/// Applies one setting in the cgroup's directory.
pub(super) fn apply(
    dir: &Path,
    setting: &Setting,
    warnings: &mut Warnings,
) -> Result<(), StepError> {
    match setting {
        Setting::Write(write) => put(dir, write),
        Setting::Effective(write) => put(dir, write).and_then(|()| took_effect(dir, write)),
        Setting::Together(writes) => together(dir, writes),
        Setting::FirstOf(writes) => first_of(dir, writes),
        Setting::CpuPeriod { period, origin } => cpu_period(dir, *period, origin),
        Setting::UsageAtMost {
            file,
            bytes,
            origin,
        } => usage_at_most(dir, file, *bytes, origin),
        Setting::DeviceList {
            list,
            origin,
            lenient,
        } => lenience(device_list::apply(dir, list, origin), *lenient, warnings),
        Setting::DeviceProgram {
            code,
            origin,
            lenient,
            ..
        } => lenience(program::apply(dir, code, origin), *lenient, warnings),
    }
}

/// Without privilege the kernel refuses device rules, which then only warns.
fn lenience(
    result: Result<(), StepError>,
    lenient: bool,
    warnings: &mut Warnings,
) -> Result<(), StepError> {
    match result {
        Err(error)
            if lenient && [Errno::EPERM as i32, Errno::EACCES as i32].contains(&error.errno) =>
        {
            warnings.push(error.to_string());
            Ok(())
        }
        result => result,
    }
}

/// Writes a value in one write(2), as cgroup files want it. Never creates a file.
pub(super) fn write_file(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}

fn try_put(dir: &Path, write: &Write) -> io::Result<()> {
    match write_file(&dir.join(&*write.file), &write.value) {
        Err(error) if write.absent_ok && error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn describe(dir: &Path, write: &Write) -> String {
    format!(
        "write {:?} to {}",
        write.value,
        dir.join(&*write.file).display()
    )
}

fn put(dir: &Path, write: &Write) -> Result<(), StepError> {
    try_put(dir, write).step(&write.origin, || describe(dir, write))
}

/// Reads a number of bytes back; the kernel rounds it down to pages.
fn took_effect(dir: &Path, write: &Write) -> Result<(), StepError> {
    let path = dir.join(&*write.file);
    let text = fs::read_to_string(&path);
    let text = text.step(&write.origin, || format!("read {}", path.display()))?;
    match (text.trim().parse::<u64>(), write.value.parse::<u64>()) {
        (Ok(is), Ok(wanted)) if is > wanted => {
            let why = format!(
                "{}: the kernel took it without effect",
                describe(dir, write)
            );
            Err(StepError::refused(why, &write.origin))
        }
        _ => Ok(()),
    }
}

/// Values that bound each other: a refused one is tried again after another was accepted.
fn together(dir: &Path, writes: &[Write]) -> Result<(), StepError> {
    let mut pending: Vec<&Write> = writes.iter().collect();
    loop {
        let before = pending.len();
        let mut refused = None;
        let mut left = Vec::new();
        for write in pending {
            match try_put(dir, write) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {
                    refused.get_or_insert((write, error));
                    left.push(write);
                }
                result => return result.step(&write.origin, || describe(dir, write)),
            }
        }
        match refused {
            None => return Ok(()),
            Some((write, error)) if left.len() == before => {
                return Err(error).step(&write.origin, || describe(dir, write));
            }
            Some(_) => pending = left,
        }
    }
}

fn first_of(dir: &Path, writes: &[Write]) -> Result<(), StepError> {
    for (index, write) in writes.iter().enumerate() {
        match try_put(dir, write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && index + 1 < writes.len() => {}
            result => return result.step(&write.origin, || describe(dir, write)),
        }
    }
    Ok(())
}

/// `cpu.max` takes the quota first, so a new period is written with the quota that is there.
fn cpu_period(dir: &Path, period: u64, origin: &Origin) -> Result<(), StepError> {
    let path = dir.join("cpu.max");
    let text = fs::read_to_string(&path).step(origin, || format!("read {}", path.display()))?;
    let quota = text.split_ascii_whitespace().next().unwrap_or("max");
    let value = format!("{quota} {period}");
    write_file(&path, &value).step(origin, || format!("write {value:?} to {}", path.display()))
}

fn usage_at_most(dir: &Path, file: &str, bytes: u64, origin: &Origin) -> Result<(), StepError> {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).step(origin, || format!("read {}", path.display()))?;
    match text.trim().parse::<u64>() {
        Ok(usage) if usage > bytes => {
            let why =
                format!("limit memory to {bytes}: {usage} bytes are in use (checkBeforeUpdate)");
            Err(StepError::refused(why, origin))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for name in names {
            fs::write(dir.path().join(name), "max 100000\n").expect("a file");
        }
        dir
    }

    fn read(dir: &Path, file: &str) -> String {
        fs::read_to_string(dir.join(file)).expect("the file")
    }

    const AT: Origin = Origin::at("/linux/resources/x");

    #[test]
    fn a_missing_file_is_an_error_that_names_the_entry_and_makes_no_file() {
        let dir = files(&[]);
        let write = Write::new("memory.max", 5, &AT);
        let error = put(dir.path(), &write).expect_err("no file");
        assert!(
            error.to_string().ends_with(
                "memory.max: ENOENT: No such file or directory (config.json /linux/resources/x)"
            ),
            "{error}"
        );
        assert!(!dir.path().join("memory.max").exists());
        put(dir.path(), &write.or_absent(true)).expect("may be absent");
    }

    #[test]
    fn the_first_file_that_exists_is_written() {
        let dir = files(&["b"]);
        let writes = ["a", "b"].map(|file| Write::new(file, 7, &AT));
        first_of(dir.path(), &writes).expect("b is there");
        assert!(read(dir.path(), "b").starts_with('7'));
        first_of(dir.path(), &writes[..1]).expect_err("a is not there");
    }

    #[test]
    fn a_period_keeps_the_quota() {
        let dir = files(&["cpu.max"]);
        cpu_period(dir.path(), 50_000, &AT).expect("written");
        assert!(read(dir.path(), "cpu.max").starts_with("max 50000"));
    }

    #[test]
    fn only_refusals_for_want_of_privilege_are_pardoned() {
        let fail = |errno| Err(StepError::new("x", errno, &AT));
        let mut warnings = Vec::new();
        lenience(fail(Errno::EPERM), true, &mut warnings).expect("a warning");
        assert_eq!(warnings.len(), 1);
        lenience(fail(Errno::EPERM), false, &mut warnings).expect_err("root");
        lenience(fail(Errno::EINVAL), true, &mut warnings).expect_err("another fault");
    }
}
