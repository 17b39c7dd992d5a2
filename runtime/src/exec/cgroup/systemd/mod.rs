//! The systemd driver: asks the manager for a scope, and to end it.
//! org.freedesktop.systemd1(5)

mod bus;
mod wire;

use std::path::PathBuf;

use super::{Prepared, Warnings, make};
use crate::exec::StepError;
use crate::plan::Origin;
use crate::plan::cgroup::{CgroupPlan, Property, Scope, Value, Version};
use crate::state::CgroupRecord;
use bus::{Bus, CallError};
use wire::{Message, Method, Writer};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "/org/freedesktop/systemd1";

/// A method of the manager.
fn manager<'a>(member: &'a str, signature: &'a str) -> Method<'a> {
    let interface = "org.freedesktop.systemd1.Manager";
    Method {
        destination: SYSTEMD,
        path: MANAGER,
        interface,
        member,
        signature,
    }
}

fn failure(action: &str, error: impl std::fmt::Display, origin: &Origin) -> StepError {
    StepError::refused(format!("{action}: {error}"), origin)
}

/// Has systemd make the scope around a process, then does in it what [`super::prepare`] does for
/// cgroups of our own. The record and the plan learn where the manager put it.
pub fn start_scope(
    plan: &mut CgroupPlan,
    record: &mut CgroupRecord,
    pid: i32,
    warnings: &mut Warnings,
) -> Result<Prepared, StepError> {
    let Some(scope) = plan.scope.clone() else {
        return Ok(Prepared::none());
    };
    let origin = Origin::at("/linux/cgroupsPath");
    let action = format!("start the systemd scope {}", scope.unit);
    let fail = |error: &dyn std::fmt::Display| failure(&action, error, &origin);
    let mut bus = Bus::connect(scope.user).map_err(|error| fail(&error))?;
    subscribe(&mut bus).map_err(|error| fail(&error))?;
    let started = start(&mut bus, &scope, pid).or_else(|error| {
        // A unit of that name which failed and is only remembered makes way.
        if error.is(".UnitExists") && reset_failed(&mut bus, &scope.unit).is_ok() {
            return start(&mut bus, &scope, pid);
        }
        Err(error)
    });
    let job = started.map_err(|error| fail(&error))?;
    match finished(&mut bus, &job)
        .map_err(|error| fail(&error))?
        .as_str()
    {
        "done" => {}
        result => return Err(fail(&format!("the job ended with {result:?}"))),
    }
    let place = control_group(&mut bus, &scope.unit).map_err(|error| fail(&error))?;
    for group in &mut plan.groups {
        group.path.clone_from(&place);
    }
    let survey = make::survey(plan);
    record.paths = survey.paths;
    record.made.extend(survey.made);
    let prepared = make::prepare(plan, record, warnings)?;
    // On v1 systemd manages only some of the hierarchies; in the others the process is put by us.
    if plan.groups.iter().any(|group| group.version == Version::V1) {
        prepared.attach(pid)?;
    }
    Ok(prepared)
}

/// Changes properties of the container's unit until the next boot, so that systemd does not reset
/// what is written to the files.
pub fn set_unit_properties(
    record: &CgroupRecord,
    properties: &[Property],
) -> Result<(), StepError> {
    let Some(unit) = &record.scope else {
        return Ok(());
    };
    if properties.is_empty() {
        return Ok(());
    }
    let origin = Origin::at("--systemd-cgroup");
    let action = format!("set properties of the systemd unit {unit}");
    let fail = |error: &dyn std::fmt::Display| failure(&action, error, &origin);
    let mut bus = Bus::connect(record.user_manager).map_err(|error| fail(&error))?;
    let mut body = Writer::default();
    body.text(unit);
    body.flag(true);
    body.properties(properties);
    let result = bus.call(&manager("SetUnitProperties", "sba(sv)"), &body.0);
    result.map(drop).map_err(|error| fail(&error))
}

/// Ends the container's unit and makes systemd forget that it failed.
pub(super) fn stop_unit(record: &CgroupRecord, warnings: &mut Warnings) {
    let Some(unit) = &record.scope else { return };
    if let Err(error) = try_stop(unit, record.user_manager) {
        warnings.push(format!("stop the systemd unit {unit}: {error}"));
    }
}

fn try_stop(unit: &str, user: bool) -> Result<(), CallError> {
    let mut bus = Bus::connect(user)?;
    subscribe(&mut bus)?;
    let mut body = Writer::default();
    body.text(unit);
    body.text("replace");
    match bus.call(&manager("StopUnit", "ss"), &body.0) {
        // Once its last process is gone a scope ends by itself.
        Err(error) if error.is(".NoSuchUnit") => {}
        Err(error) => return Err(error),
        Ok(reply) => {
            let job = path_in(&reply)?;
            finished(&mut bus, &job)?;
        }
    }
    match reset_failed(&mut bus, unit) {
        Err(error) if !error.is(".NoSuchUnit") => Err(error),
        _ => Ok(()),
    }
}

/// Asks for the manager's signals.
fn subscribe(bus: &mut Bus) -> Result<(), CallError> {
    if !bus.is_direct() {
        let method = Method {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "AddMatch",
            signature: "s",
        };
        let mut body = Writer::default();
        body.text(
            "type='signal',sender='org.freedesktop.systemd1',\
             interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
        );
        bus.call(&method, &body.0)?;
    }
    bus.call(&manager("Subscribe", ""), &[]).map(drop)
}

/// Starts the scope and returns the job's path.
fn start(bus: &mut Bus, scope: &Scope, pid: i32) -> Result<String, CallError> {
    let mut properties = scope.properties.clone();
    let pids = Value::Numbers(vec![pid.cast_unsigned()]);
    properties.push(Property {
        name: "PIDs".into(),
        value: pids,
    });
    let mut body = Writer::default();
    body.text(&scope.unit);
    // A start that is already queued for the unit is not ours.
    body.text("fail");
    body.properties(&properties);
    body.no_units();
    let reply = bus.call(&manager("StartTransientUnit", "ssa(sv)a(sa(sv))"), &body.0)?;
    path_in(&reply)
}

fn path_in(reply: &Message) -> Result<String, CallError> {
    let garbled = || CallError::Io(std::io::ErrorKind::InvalidData.into());
    reply.body().text().ok_or_else(garbled)
}

/// Waits for the end of a job and returns its result, `done` for success.
fn finished(bus: &mut Bus, job: &str) -> Result<String, CallError> {
    loop {
        let signal = bus.signal()?;
        if signal.member != "JobRemoved" {
            continue;
        }
        // JobRemoved(u id, o job, s unit, s result)
        let mut body = signal.body();
        let ours = body.word().and(body.text()).as_deref() == Some(job);
        if let (true, Some(result)) = (ours, body.text().and(body.text())) {
            return Ok(result);
        }
    }
}

fn reset_failed(bus: &mut Bus, unit: &str) -> Result<(), CallError> {
    let mut body = Writer::default();
    body.text(unit);
    bus.call(&manager("ResetFailedUnit", "s"), &body.0)
        .map(drop)
}

/// Where the manager put the unit, relative to the hierarchy's root.
fn control_group(bus: &mut Bus, unit: &str) -> Result<PathBuf, CallError> {
    let mut body = Writer::default();
    body.text(unit);
    let reply = bus.call(&manager("GetUnit", "s"), &body.0)?;
    let object = path_in(&reply)?;
    let mut body = Writer::default();
    body.text("org.freedesktop.systemd1.Scope");
    body.text("ControlGroup");
    let method = Method {
        destination: SYSTEMD,
        path: &object,
        interface: "org.freedesktop.DBus.Properties",
        member: "Get",
        signature: "ss",
    };
    let reply = bus.call(&method, &body.0)?;
    let mut body = reply.body();
    let path = body.signature().and_then(|_| body.text());
    match path.as_deref().and_then(|path| path.strip_prefix('/')) {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(CallError::Remote {
            name: "ControlGroup".into(),
            text: "the unit has no cgroup".into(),
        }),
    }
}
