//! What a runtime makes of a config, flattened, without what differs from run to run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_fixtures::probe::{FileKind, Refusal, Report};
use serde_json::{Value, json};

use super::strategy::{Change, PATHS, changed};
use crate::case::Case;
use crate::drive::Runtime;
use crate::engine::{self, Options, Scratch};
use crate::observe::{Mount, facts};
use crate::trial::{Agent, Trial};
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

/// A config, as the runtime was given it, and what it made of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The config.
    pub config: Value,
    /// What was seen.
    pub shown: Observation,
}

impl Seen {
    /// The container was started.
    pub fn started(&self) -> bool {
        self.shown
            .get("outcome")
            .is_some_and(|outcome| outcome == "started")
    }
}

/// Runs a config on a runtime, under the engine's time limits, and cleans up. `name` is that of
/// what is kept, where the options ask for that.
pub fn observe(
    runtime: &Runtime,
    changes: &[Change],
    name: &str,
    options: &Options,
    scratch: &Scratch,
) -> Check<Seen> {
    let seen = Arc::new(Mutex::new((Value::Null, None)));
    let into = Arc::clone(&seen);
    let wanted = changes.to_vec();
    let case = Case::new(name.to_owned(), Vec::<String>::new())
        .bundle(move |bundle| changed(bundle, &wanted))
        .run(move |trial| {
            let mut config = trial.config()?;
            neutral(&mut config, trial);
            let put = |shown| *lock(&into) = (config.clone(), shown);
            put(None);
            put(Some(look(trial)?));
            Ok(())
        });
    let verdict = Mutex::new(Verdict::Pass);
    let each = |judged: engine::Judged<'_>| *lock(&verdict) = judged.verdict;
    engine::run(runtime, &[&case], options, scratch, &|_| None, &each)?;
    let (config, shown) = lock(&seen).clone();
    let verdict = lock(&verdict).clone();
    let shown = match (verdict, shown) {
        (Verdict::Pass, Some(observation)) => observation,
        (Verdict::Pass, None) => return Err(Stop::Broken("nothing was observed".into())),
        // The runtime hung, or its container never spoke: that is an observation too.
        (Verdict::Fail(failure), _) => outcome(&format!("failed: {}", failure.what)),
        (Verdict::Broken(why) | Verdict::Skip(why), _) => return Err(Stop::Broken(why)),
    };
    Ok(Seen { config, shown })
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is put there whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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
    let parts: [fn(&Agent<'_>) -> Check<Observation>; 4] = [calls, device, sysctls, paths];
    for part in parts {
        seen.extend(part(&agent)?);
    }
    seen.extend(limits(trial)?);
    for value in seen.values_mut() {
        neutral(value, trial);
    }
    Ok(seen)
}

/// What the calls of generated seccomp profiles come to.
fn calls(agent: &Agent<'_>) -> Check<Observation> {
    let mut seen = Observation::new();
    for (name, number, argument) in CALLS {
        let word = match agent.ask(|probe| probe.syscall(number, &[argument]))? {
            Ok(_) => json!(0),
            Err(Refusal::Errno(errno)) => json!(errno),
            Err(Refusal::Signal(signal)) => json!(format!("signal {signal}")),
        };
        seen.insert(format!("call/{name}"), word);
    }
    Ok(seen)
}

fn device(agent: &Agent<'_>) -> Check<Observation> {
    let Ok(stat) = agent.ask(|probe| probe.stat("/dev/drawn"))? else {
        return Ok(Observation::new());
    };
    let fields = [
        ("mode", stat.mode),
        ("uid", stat.uid),
        ("gid", stat.gid),
        ("major", stat.major),
        ("minor", stat.minor),
    ];
    let named = fields.map(|(what, value)| (format!("device/{what}"), value.into()));
    Ok(named.into())
}

fn sysctls(agent: &Agent<'_>) -> Check<Observation> {
    let mut seen = Observation::new();
    for name in ["kernel/msgmax", "net/ipv4/ip_forward"] {
        if let Ok(text) = agent.ask(|probe| probe.read(&format!("/proc/sys/{name}")))? {
            seen.insert(format!("sysctl/{name}"), text.trim().into());
        }
    }
    Ok(seen)
}

/// Whether there is something to be read at the paths that are masked, and whether those that are
/// read-only could be written to.
fn paths(agent: &Agent<'_>) -> Check<Observation> {
    let mut seen = Observation::new();
    for path in PATHS {
        let stat = agent.ask(|probe| probe.stat_target(path))?;
        let content = match stat.map(|stat| stat.kind) {
            Err(Refusal::Errno(nix::libc::ENOENT)) => "missing",
            Ok(FileKind::Directory) => match agent.ask(|probe| probe.list(path))? {
                Ok(entries) if !entries.is_empty() => "content",
                _ => "nothing",
            },
            Ok(FileKind::File) => match agent.ask(|probe| probe.ask(&["read", path, "1"]))? {
                Ok(Value::String(text)) if !text.is_empty() => "content",
                _ => "nothing",
            },
            _ => "nothing",
        };
        let writable = match agent.ask(|probe| probe.statfs(path))? {
            // statvfs(3) ST_RDONLY.
            Ok(system) => json!(system.flags & 1 == 0),
            Err(Refusal::Errno(nix::libc::ENOENT)) => json!("missing"),
            Err(_) => json!(false),
        };
        seen.insert(format!("path{path}/content"), content.into());
        seen.insert(format!("path{path}/writable"), writable);
    }
    Ok(seen)
}

/// Limits as they take effect.
fn limits(trial: &Trial) -> Check<Observation> {
    let mut seen = Observation::new();
    for (controller, file, v2) in [
        ("pids", "pids.max", "pids.max"),
        ("memory", "memory.limit_in_bytes", "memory.max"),
    ] {
        let least = if facts().cgroups.has_v1(controller) {
            json!(trial.effective_v1(controller, file)?)
        } else if facts().cgroups.has_v2(controller) {
            let files = trial.own_v2(v2)?;
            let numbers = files
                .iter()
                .filter_map(|text| text.trim().parse::<u64>().ok());
            json!(numbers.min())
        } else {
            continue;
        };
        seen.insert(format!("limit/{controller}"), least);
    }
    Ok(seen)
}

/// Puts names for what is the trial's own.
fn neutral(value: &mut Value, trial: &Trial) {
    rename(value, &trial.dir().display().to_string(), trial.id());
}

fn rename(value: &mut Value, dir: &str, id: &str) {
    match value {
        Value::String(text) => *text = text.replace(dir, "{dir}").replace(id, "{id}"),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, dir, id)),
        Value::Object(map) => map.values_mut().for_each(|item| rename(item, dir, id)),
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
        let own = std::fs::read_link(format!("/proc/thread-self/ns/{kind}"));
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
        rename(&mut value, "/tmp/t/3", "t-3");
        assert_eq!(value, json!({"x": ["{dir}/bundle", "pre-{id}"]}));
    }
}
