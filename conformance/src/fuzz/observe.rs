//! What a runtime makes of a config, flattened, without what differs from run to run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_fixtures::probe::Report;
use serde_json::{Value, json};

use super::strategy::{Change, changed};
use crate::case::Case;
use crate::drive::Runtime;
use crate::engine::{self, Options, Scratch};
use crate::observe::{Mount, facts};
use crate::trial::Trial;
use crate::verdict::{Check, Stop, Verdict};

/// What was seen, by name: `report/umask`, `mount//dev/options`.
pub type Observation = BTreeMap<String, Value>;

/// The calls that generated seccomp profiles are about, each with arguments that do no harm.
pub(super) const CALLS: [(&str, i64, u64); 3] = [
    ("sysinfo", nix::libc::SYS_sysinfo, 0),
    ("mincore", nix::libc::SYS_mincore, 1),
    ("syncfs", nix::libc::SYS_syncfs, 999),
];

/// Fields of the report that tell of the run, not of the runtime: clocks, inodes and random ids.
/// Namespaces and mounts are compared in a form of their own.
const PASSING: [&str; 10] = [
    "stamp",
    "cwd_inode",
    "root_inode",
    "fds",
    "namespaces",
    "mountinfo",
    "cgroup",
    "status",
    "session_keyring",
    "session_keyring_description",
];

/// Runs a config on a runtime, under the engine's time limits, and cleans up. `name` is that of
/// what is kept, where the options ask for that.
pub fn observe(
    runtime: &Runtime,
    changes: &[Change],
    name: &str,
    options: &Options,
    scratch: &Scratch,
) -> Check<Observation> {
    let seen = Arc::new(Mutex::new(None));
    let into = Arc::clone(&seen);
    let wanted = changes.to_vec();
    let case = Case::new(name.to_owned(), Vec::<String>::new())
        .bundle(move |bundle| changed(bundle, &wanted))
        .run(move |trial| {
            let observation = look(trial)?;
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(observation);
            Ok(())
        });
    let verdict = Mutex::new(Verdict::Pass);
    let each = |judged: engine::Judged<'_>| {
        *verdict.lock().unwrap_or_else(PoisonError::into_inner) = judged.verdict;
    };
    engine::run(runtime, &[&case], options, scratch, &|_| None, &each)?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (
        verdict.into_inner().unwrap_or_else(PoisonError::into_inner),
        seen,
    ) {
        (Verdict::Pass, Some(observation)) => Ok(observation),
        (Verdict::Pass, None) => Err(Stop::Broken("nothing was observed".into())),
        // The runtime hung, or its container never spoke: that is an observation too.
        (Verdict::Fail(failure), _) => Ok(outcome(&format!("failed: {}", failure.what))),
        (Verdict::Broken(why) | Verdict::Skip(why), _) => Err(Stop::Broken(why)),
    }
}

fn outcome(text: &str) -> Observation {
    Observation::from([("outcome".into(), text.into())])
}

/// Creates, starts and asks.
fn look(trial: &Trial) -> Check<Observation> {
    if !trial.try_create()?.ok() {
        return Ok(outcome("create refused"));
    }
    if !trial.try_start()?.ok() {
        return Ok(outcome("start refused"));
    }
    let agent = trial.started()?;
    let mut seen = normalised(&agent.report)?;
    seen.extend(outcome("started"));
    for (name, number, argument) in CALLS {
        let answer = agent.ask(|probe| probe.syscall(number, &[argument]))?;
        let errno = match answer {
            Ok(_) => json!(0),
            Err(plimsoll_fixtures::probe::Refusal::Errno(errno)) => json!(errno),
            Err(plimsoll_fixtures::probe::Refusal::Signal(signal)) => {
                json!(format!("signal {signal}"))
            }
        };
        seen.insert(format!("call/{name}"), errno);
    }
    if let Ok(stat) = agent.ask(|probe| probe.stat("/dev/drawn"))? {
        for (what, value) in [
            ("mode", stat.mode),
            ("uid", stat.uid),
            ("gid", stat.gid),
            ("major", stat.major),
            ("minor", stat.minor),
        ] {
            seen.insert(format!("device/{what}"), value.into());
        }
    }
    for name in ["kernel/msgmax", "net/ipv4/ip_forward"] {
        if let Ok(text) = agent.ask(|probe| probe.read(&format!("/proc/sys/{name}")))? {
            seen.insert(format!("sysctl/{name}"), text.trim().into());
        }
    }
    for (controller, file, v2) in [
        ("pids", "pids.max", "pids.max"),
        ("memory", "memory.limit_in_bytes", "memory.max"),
    ] {
        if facts().cgroups.has_v1(controller) {
            seen.insert(
                format!("limit/{controller}"),
                json!(trial.effective_v1(controller, file)?),
            );
        } else if facts().cgroups.has_v2(controller) {
            let least = trial
                .own_v2(v2)?
                .iter()
                .filter_map(|text| text.trim().parse::<u64>().ok())
                .min();
            seen.insert(format!("limit/{controller}"), json!(least));
        }
    }
    let (dir, id) = (trial.dir().display().to_string(), trial.id());
    for value in seen.values_mut() {
        neutral(value, &dir, id);
    }
    Ok(seen)
}

/// Puts names for what is the trial's own.
fn neutral(value: &mut Value, dir: &str, id: &str) {
    match value {
        Value::String(text) => *text = text.replace(dir, "{dir}").replace(id, "{id}"),
        Value::Array(items) => items.iter_mut().for_each(|item| neutral(item, dir, id)),
        Value::Object(map) => map.values_mut().for_each(|item| neutral(item, dir, id)),
        _ => {}
    }
}

/// The report without what differs between two runs of the same runtime.
pub fn normalised(report: &Report) -> Check<Observation> {
    let json =
        serde_json::to_value(report).map_err(|error| Stop::broken("write a report", error))?;
    let mut seen = Observation::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        if !PASSING.contains(&name.as_str()) {
            flatten(&format!("report/{name}"), value, &mut seen);
        }
    }
    seen.insert(
        "fds".into(),
        json!(report.fds.iter().map(|open| open.fd).collect::<Vec<_>>()),
    );
    for (kind, link) in &report.namespaces {
        let own = std::fs::read_link(format!("/proc/self/ns/{kind}"));
        let own = own.ok().map(|link| link.display().to_string());
        let word = match link.value() {
            None => "not seen",
            Some(link) if Some(link) == own.as_ref() => "the runner's",
            Some(_) => "another",
        };
        seen.insert(format!("namespace/{kind}"), word.into());
    }
    let lines = report.mountinfo.value().into_iter().flatten();
    for mount in lines.filter_map(|line| Mount::parse(line)) {
        let point = &mount.point;
        let mut put =
            |what: &str, value: Value| seen.insert(format!("mount/{point}/{what}"), value);
        put("options", sorted(&mount.options));
        put("kind", mount.kind.clone().into());
        put("super", sorted(&mount.super_options));
        // Without the number of the peer group.
        let kinds = mount
            .propagation
            .iter()
            .map(|field| field.split(':').next().unwrap_or(field).to_owned());
        put("propagation", sorted(&kinds.collect::<Vec<_>>()));
    }
    Ok(seen)
}

fn sorted(words: &[String]) -> Value {
    let mut words = words.to_vec();
    words.sort();
    json!(words)
}

fn flatten(name: &str, value: &Value, into: &mut Observation) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(&format!("{name}/{key}"), value, into);
            }
        }
        other => {
            into.insert(name.to_owned(), other.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_flattened_and_lists_are_kept() {
        let mut seen = Observation::new();
        flatten("a", &json!({"b": {"c": 1}, "d": [1, 2]}), &mut seen);
        assert_eq!(
            seen,
            Observation::from([("a/b/c".into(), json!(1)), ("a/d".into(), json!([1, 2]))])
        );
    }

    #[test]
    fn the_trials_own_names_are_put_neutrally() {
        let mut value = json!({"x": ["/tmp/t/3/bundle", "pre-t-3"]});
        neutral(&mut value, "/tmp/t/3", "t-3");
        assert_eq!(value, json!({"x": ["{dir}/bundle", "pre-{id}"]}));
    }
}
