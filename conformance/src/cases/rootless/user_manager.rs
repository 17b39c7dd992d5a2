//! features-linux.md#cgroup: scopes of the user's own systemd.

use crate::cases::features::{member, says};
use crate::cases::prelude::*;
use crate::observe::{host, last_load_state};

const USER: &str = "features-linux.cgroup.systemd-user";
const ENDED: &str = "systemd.delete.ends-the-unit";

pub(super) fn cases() -> Vec<Case> {
    vec![limited(), ended()]
}

fn case(name: &str, covers: &'static str) -> Case {
    Case::new(format!("rootless/user_manager/{name}"), covers)
        .needs([
            Need::OrdinaryUser,
            Need::UserManager,
            Need::Program("systemctl"),
        ])
        .bundle(|b| {
            b.set("/linux/cgroupsPath", "user.slice:plimsoll:{id}")
                .set("/linux/resources/pids/limit", 37)
        })
}

/// What the user's manager says of a property of the trial's scope.
fn property(t: &Trial, name: &str) -> Check<String> {
    let unit = t.scope();
    let words = ["--user", "show", "--value", "--property", name, &unit];
    Ok(host("systemctl", &words)?.trim().to_owned())
}

fn limited() -> Case {
    const POINTER: &str = "/linux/cgroup/systemdUser";
    case("limits_a_scope", USER)
        .run(|t| {
            let works = member(t, POINTER)? == true;
            let outcome = t.try_create_by(t.systemd_call())?;
            if !works {
                return t.errors(&outcome);
            }
            t.succeeds(&outcome)?;
            let (_, path) = t.cgroup("")?;
            t.has(
                "the cgroup of init",
                &path,
                format!("user@{}.service", crate::observe::facts().uid),
            )?;
            t.has("the cgroup of init", &path, t.scope())?;
            t.has("pids.max", t.own_v2("pids.max")?, "37")?;
            t.eq(
                "the unit's property TasksMax",
                property(t, "TasksMax")?,
                "37",
            )
        })
        .saboteurs([says(POINTER, false), drops("/linux/resources/pids")])
}

fn ended() -> Case {
    case("unit_gone_after_delete", ENDED)
        .run(|t| {
            t.agent_by(t.systemd_call())?;
            t.accepted(&t.runtime(["delete", "--force", t.id()])?)?;
            let seen = last_load_state(|name| property(t, name), t.deadline())?;
            t.eq("the unit's LoadState", seen, "not-found")
        })
        .saboteurs([lies("delete", How::Skip)])
}
