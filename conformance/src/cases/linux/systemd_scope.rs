//! runc's docs/systemd.md, unit name and placement: the scope that systemd makes of a container.

use std::process::{Command, Stdio};

use crate::cases::prelude::*;
use crate::drive::{Deadline, Limit};
use crate::observe::{host, last_load_state, unit_properties, unit_property};
use crate::verdict::Stop;

const NAME: &str = "systemd.scope.name";
const SLICE: &str = "systemd.scope.slice";
const DELEGATED: &str = "systemd.scope.delegated";
const ACCOUNTING: &str = "systemd.scope.accounting";
const ENDED: &str = "systemd.delete.ends-the-unit";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        placed(),
        default_slice(),
        default_name(),
        subslice(),
        managed(),
        ended("by_force", |t| {
            t.agent_by(t.systemd_call())?;
            t.accepted(&t.runtime(["delete", "--force", t.id()])?)
        }),
        ended("when_created", |t| {
            t.accepted(&t.try_create_by(t.systemd_call())?)?;
            t.accepted(&t.runtime(["delete", "--force", t.id()])?)
        }),
        ended("after_a_failure", |t| {
            t.agent_by(t.systemd_call())?.exit(3)?;
            t.wait()?;
            t.delete()
        }),
        ended("after_a_kill", |t| {
            t.agent_by(t.systemd_call())?;
            t.stop()?;
            t.delete()
        }),
        ended("out_of_memory", |t| {
            let agent = t.agent_by(t.systemd_call())?;
            // It is killed while it answers, so that there is no answer.
            let _ = agent.ask(|p| p.ask(&["mem-hold", "134217728"]));
            t.wait()?;
            t.delete()
        }),
    ];
    cases.extend(
        [
            ("a_path", "/{id}"),
            ("a_slash", "user.slice/x.slice:plimsoll:{id}"),
            ("a_slice_as_its_name", "system.slice:plimsoll:{id}.slice"),
        ]
        .map(bad_path),
    );
    cases
}

/// The usual `cgroupsPath`.
pub(super) const PATH: &str = "system.slice:plimsoll:{id}";

/// A case with this `cgroupsPath`.
pub(super) fn case(
    name: impl std::fmt::Display,
    covers: impl crate::case::Ids,
    path: &'static str,
) -> Case {
    Case::new(format!("linux/systemd/{name}"), covers)
        .needs([
            Need::Root,
            Need::Systemd,
            Need::CgroupV2("pids"),
            Need::Program("systemctl"),
        ])
        .bundle(move |b| b.set("/linux/cgroupsPath", path))
}

/// Creates the container by systemd, and tells where its init is.
fn place(t: &Trial) -> Check<String> {
    t.accepted(&t.try_create_by(t.systemd_call())?)?;
    Ok(t.cgroup("pids")?.1)
}

/// A runtime that takes another `cgroupsPath`.
fn path_is(path: &'static str) -> Saboteur {
    edits(format!("take the cgroupsPath for {path}"), move |config| {
        let given = config["linux"]["cgroupsPath"].as_str().unwrap_or_default();
        let name = given.rsplit(':').next().unwrap_or_default();
        config["linux"]["cgroupsPath"] = path.replace("NAME", name).into();
    })
}

fn placed() -> Case {
    case("scope_and_slice", [NAME, SLICE], "user.slice:plimsoll:{id}")
        .run(|t| {
            let path = place(t)?;
            t.on(NAME).has("the cgroup of init", &path, t.scope())?;
            t.on(SLICE).eq(
                "the slice that the scope lies in",
                path.split_once("/plimsoll-").map(|(slice, _)| slice),
                "/user.slice",
            )?;
            let slice = unit_property(&t.scope(), "Slice")?;
            t.on(SLICE)
                .eq("the unit's property Slice", slice, "user.slice")
        })
        .saboteurs([
            path_is("user.slice:other:NAME").on(NAME),
            path_is("system.slice:plimsoll:NAME").on(SLICE),
        ])
}

fn default_slice() -> Case {
    case(
        "default_slice",
        "systemd.scope.default-slice",
        ":plimsoll:{id}",
    )
    .run(|t| {
        let expected = format!("/system.slice/{}", t.scope());
        let path = place(t)?;
        // A runtime may make a cgroup for the processes below it.
        let path = path.trim_end_matches("/container").to_owned();
        t.eq("the cgroup of init", path, expected)
    })
    .saboteurs([path_is("user.slice:plimsoll:NAME")])
}

fn default_name() -> Case {
    case("default_name", "systemd.scope.default-name", "")
        .bundle(|b| b.remove("/linux/cgroupsPath"))
        .run(|t| {
            let path = place(t)?;
            let good =
                path.starts_with("/system.slice/") && path.contains(&format!("-{}.scope", t.id()));
            let expected = format!("/system.slice/RUNTIME-{}.scope", t.id());
            t.judge("the cgroup of init", good, path.into(), expected.into())
        })
        .saboteurs([edits("take another slice", |config| {
            config["linux"]["cgroupsPath"] = "user.slice::plimsoll".into();
        })])
}

/// `system-x.slice` lies in `system.slice` (systemd.slice(5)).
fn subslice() -> Case {
    case("slice_within_a_slice", SLICE, "")
        .run(|t| {
            let slice = format!("system-{}.slice", t.id().replace('-', "_"));
            t.set_config_at("/linux/cgroupsPath", format!("{slice}:plimsoll:{}", t.id()))?;
            let _ends = EndedSlice(slice.clone());
            let path = place(t)?;
            let expected = format!("/system.slice/{slice}/{}", t.scope());
            t.has("the cgroup of init", path, expected)?;
            t.stop()?;
            t.delete()
        })
        .saboteurs([path_is("system.slice:plimsoll:NAME")])
}

/// A slice of the trial's own, which ends with it.
struct EndedSlice(String);

impl Drop for EndedSlice {
    fn drop(&mut self) {
        // An empty slice is only a name; nothing else has this one.
        let _ = host("systemctl", &["stop", "--no-block", self.0.as_str()]);
    }
}

fn managed() -> Case {
    const ALL: [&str; 4] = [
        "CPUAccounting",
        "IOAccounting",
        "MemoryAccounting",
        "TasksAccounting",
    ];
    case("delegated_and_accounted", [DELEGATED, ACCOUNTING], PATH)
        .run(|t| {
            place(t)?;
            let delegate = unit_property(&t.scope(), "Delegate")?;
            t.on(DELEGATED)
                .eq("the unit's property Delegate", delegate, "yes")?;
            let seen = unit_properties(&t.scope(), &ALL)?;
            let expected = ALL.map(|name| (name, "yes"));
            t.on(ACCOUNTING).eq(
                "the unit's accounting",
                seen,
                expected
                    .into_iter()
                    .collect::<std::collections::BTreeMap<_, _>>(),
            )
        })
        .saboteurs([
            alters("/annotations/org.systemd.property.Delegate", "false").on(DELEGATED),
            alters("/annotations/org.systemd.property.IOAccounting", "false").on(ACCOUNTING),
        ])
}

/// After `delete` the unit is unknown, however the program came to its end.
fn ended(name: &str, end: fn(&Trial) -> Check) -> Case {
    case(format!("unit_gone_{name}"), ENDED, PATH)
        .needs([Need::CgroupV2("memory"), Need::Program("systemd-run")])
        .bundle(|b| {
            b.set("/linux/cgroupsPath", PATH).set(
                "/linux/resources/memory",
                json!({"limit": 32 << 20, "swap": 32 << 20}),
            )
        })
        .run(move |t| {
            end(t)?;
            let look = |name: &str| unit_property(&t.scope(), name);
            let seen = last_load_state(look, t.deadline())?;
            t.eq("the unit's LoadState", seen, "not-found")
        })
        .saboteurs([wraps(
            "leave something in a scope of that name",
            |call, next| {
                let outcome = next(call)?;
                if call.operation() == "delete" {
                    occupy(&format!("plimsoll-{}.scope", call.id()), call.limit)?;
                }
                Ok(outcome)
            },
        )])
}

/// Runs something in a scope of this name, until the trial is cleaned up.
fn occupy(unit: &str, limit: Limit) -> Check {
    let what = format!("make the scope {unit}");
    let failed = |error| Stop::broken(what.as_str(), error);
    let mut command = Command::new("systemd-run");
    command
        .args(["--scope", "--quiet", "--unit", unit, "sleep", "600"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    let deadline = Deadline::after(limit);
    while unit_property(unit, "ActiveState")? != "active" {
        if child.try_wait().map_err(failed)?.is_some() || deadline.left().is_zero() {
            return Err(Stop::Broken(format!("{what}: it is not active")));
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn bad_path((name, path): (&str, &'static str)) -> Case {
    case(
        format!("refused_cgroups_path_with_{name}"),
        "systemd.scope.bad-path-errors",
        path,
    )
    .run(|t| {
        t.errors(&t.try_create_by(t.systemd_call())?)?;
        t.nothing_left()
    })
    .saboteurs([drops("/linux/cgroupsPath")])
}
