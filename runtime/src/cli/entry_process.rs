//! The process that `exec` is asked for: a file, or the container's own with changes.

use std::path::Path;

use oci_spec::runtime::{Capability, LinuxCapabilities, Process};

use super::{CommandError, Matches, UsageError};
use crate::plan::Origin;
use crate::spec::{self, Config, ProcessGaps};

/// The process, what oci-spec cannot hold of it, and where it stands.
pub(super) fn configure(
    matches: &Matches,
    config: &Config,
) -> Result<(Process, ProcessGaps, Origin), CommandError> {
    if let Some(path) = matches.value("process") {
        let loaded = spec::load_process(Path::new(path))?;
        return Ok((loaded.process, loaded.gaps, Origin::at("--process")));
    }
    let command = &matches.args()[1..];
    if command.is_empty() {
        return Err(UsageError::Arity {
            command: "exec",
            expected: "at least 2".into(),
            got: 1,
            args: "ID COMMAND [ARG]...",
        }
        .into());
    }
    let mut process = config.spec.process().clone().unwrap_or_default();
    if config.spec.process().is_none() {
        process.set_capabilities(None).set_rlimits(None);
    }
    process.set_args(Some(command.to_vec()));
    process.set_terminal(Some(matches.switch("tty")));
    process.set_oom_score_adj(None);
    if let Some(cwd) = matches.value("cwd") {
        process.set_cwd(cwd.into());
    }
    let mut env = process.env().clone().unwrap_or_default();
    for entry in matches.values("env") {
        env.push(variable(entry)?);
    }
    process.set_env(Some(env));
    if let Some(user) = matches.value("user") {
        set_user(&mut process, user)?;
    }
    let groups = matches
        .values("additional-gids")
        .map(|value| id("additional-gids", value))
        .collect::<Result<Vec<_>, _>>()?;
    if !groups.is_empty() {
        let mut all = process.user().additional_gids().clone().unwrap_or_default();
        all.extend(groups);
        process.user_mut().set_additional_gids(Some(all));
    }
    add_capabilities(&mut process, matches)?;
    if matches.switch("no-new-privs") {
        process.set_no_new_privileges(Some(true));
    }
    if let Some(profile) = matches.value("apparmor") {
        process.set_apparmor_profile(Some(profile.to_owned()));
    }
    if let Some(label) = matches.value("process-label") {
        process.set_selinux_label(Some(label.to_owned()));
    }
    Ok((process, config.gaps.process.clone(), Origin::at("/process")))
}

/// `UID[:GID]`: numbers only, so that no image decides who a number is (CVE-2016-3697).
fn set_user(process: &mut Process, text: &str) -> Result<(), UsageError> {
    let (uid, gid) = text
        .split_once(':')
        .map_or((text, None), |(uid, gid)| (uid, Some(gid)));
    process.user_mut().set_uid(id("user", uid)?);
    if let Some(gid) = gid {
        process.user_mut().set_gid(id("user", gid)?);
    }
    Ok(())
}

fn variable(text: &str) -> Result<String, UsageError> {
    let named = text.find('=').is_some_and(|end| end > 0);
    named
        .then(|| text.to_owned())
        .ok_or_else(|| UsageError::InvalidValue {
            flag: "env".to_owned(),
            value: text.to_owned(),
            expected: "NAME=VALUE is expected",
        })
}

fn id(flag: &str, text: &str) -> Result<u32, UsageError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| UsageError::InvalidValue {
            flag: flag.to_owned(),
            value: text.to_owned(),
            expected: "a number is expected, names are not looked up",
        })
}

fn add_capabilities(process: &mut Process, matches: &Matches) -> Result<(), UsageError> {
    let wanted = matches
        .values("cap")
        .map(|name| {
            let bare = name.strip_prefix("CAP_").unwrap_or(name);
            bare.parse::<Capability>()
                .map_err(|_| UsageError::InvalidValue {
                    flag: "cap".into(),
                    value: name.into(),
                    expected: "the name of a capability is expected, such as CAP_KILL",
                })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if wanted.is_empty() {
        return Ok(());
    }
    let mut sets = match process.capabilities() {
        Some(sets) => sets.clone(),
        None => LinuxCapabilities::default(),
    };
    if process.capabilities().is_none() {
        sets.set_bounding(None)
            .set_effective(None)
            .set_inheritable(None)
            .set_permitted(None)
            .set_ambient(None);
    }
    let with = |set: &Option<oci_spec::runtime::Capabilities>| {
        let mut set = set.clone().unwrap_or_default();
        set.extend(wanted.iter().copied());
        Some(set)
    };
    let (bounding, effective, permitted) = (
        with(sets.bounding()),
        with(sets.effective()),
        with(sets.permitted()),
    );
    sets.set_bounding(bounding)
        .set_effective(effective)
        .set_permitted(permitted);
    process.set_capabilities(Some(sets));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_number_and_nothing_else() {
        let mut process = Process::default();
        assert!(set_user(&mut process, "12:34").is_ok());
        assert_eq!((process.user().uid(), process.user().gid()), (12, 34));
        for text in [
            "root",
            "",
            "1a",
            "-1",
            "+1",
            " 1",
            "4294967296",
            "1:",
            "0x1",
        ] {
            assert!(set_user(&mut process, text).is_err(), "{text}");
        }
    }
}
