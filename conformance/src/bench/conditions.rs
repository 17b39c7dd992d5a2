//! The machine, and how busy it is.

use std::fs::read_to_string;

use super::document::Conditions;

/// What is known of the machine now, in the cgroup layout `cgroups`.
pub(super) fn look(cgroups: &str) -> Conditions {
    let uname = nix::sys::utsname::uname().ok();
    let field = |pick: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname
            .as_ref()
            .map(|names| pick(names).to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let load = load();
    Conditions {
        kernel: field(nix::sys::utsname::UtsName::release),
        arch: field(nix::sys::utsname::UtsName::machine),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        cpu_model: cpu_model(),
        cgroups: cgroups.to_owned(),
        clock_source: text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        load_before: load,
        load_after: load,
    }
}

/// The load average over one minute; 0 where /proc does not tell.
pub(super) fn load() -> f64 {
    text("/proc/loadavg")
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0)
}

fn cpu_model() -> String {
    let info = text("/proc/cpuinfo");
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": "))
        .map_or_else(String::new, |(_, model)| model.to_owned())
}

/// A small file's text, without its end; empty where it cannot be read.
fn text(path: &str) -> String {
    read_to_string(path)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}
