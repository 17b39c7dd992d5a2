//! What an ordinary user's configuration may ask for.

use crate::cases::prelude::*;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![template(), locked()]
}

/// What `spec --rootless` writes runs as it is; only the program and the terminal are the case's own.
fn template() -> Case {
    Case::new("rootless/configuration/of_spec", "spec.rootless-runs")
        .needs([Need::OrdinaryUser])
        .run(|t| {
            t.remove(&t.bundle().join("config.json"))?;
            let bundle = t.bundle_arg();
            t.succeeds(&t.runtime(["spec", "--rootless", "--bundle", &bundle])?)?;
            t.set_config_at("/process/terminal", false)?;
            t.set_config_at("/process/args", json!(["/probe", "agent"]))?;
            let agent = t.judged_agent()?;
            t.eq("the user inside", agent.report.uid.effective, 0)
        })
        .saboteurs([
            edits("mount a new sysfs", |config| {
                // Which takes a network namespace of one's own.
                for mount in config["mounts"].as_array_mut().into_iter().flatten() {
                    if mount["destination"] == "/sys" {
                        *mount = json!({"destination": "/sys", "type": "sysfs", "source": "sysfs"});
                    }
                }
            }),
            lies("spec", How::Refuse),
        ])
}

/// Flags that the host's mount has are locked in a user namespace (mount_namespaces(7)): a bind mount
/// keeps them, and what is added to them is added all the same.
fn locked() -> Case {
    const READONLY: &str = "config.mounts.options.ro";
    Case::new("rootless/configuration/locked_flags_stay", READONLY)
        .needs([Need::OrdinaryUser, Need::Path("/dev/shm")])
        .bundle(|b| b.mount("/mnt", "none", "/dev/shm", &["bind", "ro"]))
        .run(|t| {
            let table = t.read("/proc/thread-self/mountinfo")?;
            let lines: Vec<String> = table.lines().map(str::to_owned).collect();
            let has = mount_at(&lines, "/dev/shm").map_or_else(Vec::new, |mount| mount.options);
            let locked: Vec<&String> = has
                .iter()
                .filter(|option| ["nosuid", "nodev", "noexec"].contains(&option.as_str()))
                .collect();
            if locked.is_empty() {
                let why = "/dev/shm has no flags on this machine that could be locked";
                return Err(Stop::Skip(why.into()));
            }
            let seen = t.judged_agent()?.mount("/mnt")?;
            t.has("the mount's options", &seen.options, "ro")?;
            locked
                .into_iter()
                .try_for_each(|flag| t.has("the mount's options", &seen.options, flag))
        })
        .saboteurs([alters("/mounts/5/options", json!(["bind"]))])
}
