//! config.md#linux-mount-options: what a mount shares with others (mount_namespaces(7)).

use nix::mount::MsFlags;

use super::OURS;
use crate::cases::prelude::*;
use crate::observe::Mount;

/// The kinds, each with the start of what mountinfo then shows, and another kind.
const KINDS: &[(&str, &str, &str)] = &[
    ("private", "", "shared"),
    ("shared", "shared:", "private"),
    ("slave", "master:", "private"),
    ("unbindable", "unbindable", "private"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = KINDS
        .iter()
        .flat_map(|&(kind, word, other)| [single(kind, word, other), recursive(kind, word)])
        .collect();
    cases.extend([slave_receives(), private_receives_nothing()]);
    cases
}

/// Whether a mount has this propagation, and no other that receives or sends.
fn shows(by: &impl Assert, mount: &Mount, word: &str) -> Check {
    let fields = &mount.propagation;
    let good = match word {
        "" => !fields.iter().any(|field| field.contains(':')),
        _ => fields.iter().any(|field| field.starts_with(word)),
    };
    by.judge(
        &format!("propagation of {}", mount.point),
        good,
        json!(fields),
        json!(word),
    )
}

fn single(kind: &'static str, word: &'static str, other: &'static str) -> Case {
    case(kind, kind)
        .run(move |t| {
            source(t)?;
            shows(t, &t.must(t.agent()?.mount("/mnt"))?, word)
        })
        .saboteurs([alters(format!("/mounts/{OURS}/options/1"), other)])
}

fn recursive(kind: &'static str, word: &'static str) -> Case {
    let option = format!("r{kind}");
    case(&option, &option)
        .run(move |t| {
            source(t)?;
            let agent = t.agent()?;
            shows(t, &t.must(agent.mount("/mnt"))?, word)?;
            shows(t, &t.must(agent.mount("/mnt/below"))?, word)
        })
        .saboteurs([match kind {
            // What is bound from a shared mount is shared or receives by itself.
            "shared" | "slave" => alters(format!("/mounts/{OURS}/options/1"), "rprivate"),
            _ => alters(format!("/mounts/{OURS}/options/1"), kind),
        }])
}

/// A case with a bind mount of a source that is shared, with a shared mount below it.
fn case(fact: &str, option: &str) -> Case {
    let given = option.to_owned();
    Case::new(
        format!("config/mounts/option_{fact}"),
        format!("config.mounts.options.{option}"),
    )
    .needs([Need::Root])
    .bundle(move |b| b.mount("/mnt", "none", "{dir}/source", &["rbind", &given]))
}

fn source(t: &Trial) -> Check<crate::trial::HostMounts<'_>> {
    let host = t.own_mounts()?;
    host.tmpfs("source", MsFlags::empty())?;
    host.propagation("source", MsFlags::MS_SHARED)?;
    host.tmpfs("source/below", MsFlags::empty())?;
    host.propagation("source/below", MsFlags::MS_SHARED)?;
    Ok(host)
}

/// What the host mounts below the source of a slave shows inside, and not the other way round.
fn slave_receives() -> Case {
    case("slave_receives", "slave")
        .bundle(|b| {
            let b = b.mount("/mnt", "none", "{dir}/source", &["rbind", "slave"]);
            may_mount(b)
        })
        .run(|t| {
            let host = source(t)?;
            let agent = t.agent()?;
            host.tmpfs("source/later", MsFlags::empty())?;
            t.must(agent.mount("/mnt/later"))?;
            mount_inside(&agent, "/mnt/later/inside")?;
            let seen = host.at("source/later/inside")?;
            t.eq(
                "the container's mount on the host",
                seen.map(|mount| mount.point),
                Value::Null,
            )
        })
        .saboteurs([alters(format!("/mounts/{OURS}/options/1"), "private")])
}

fn private_receives_nothing() -> Case {
    case("private_receives_nothing", "private")
        .run(|t| {
            let host = source(t)?;
            let agent = t.agent()?;
            host.tmpfs("source/later", MsFlags::empty())?;
            let seen = agent.get(|p| p.stat("/mnt/later"))?;
            t.that("no mount arrives", !seen.mount_root, seen)
        })
        .saboteurs([alters(format!("/mounts/{OURS}/options/1"), "slave")])
}

/// Lets the container's program mount.
pub(in crate::cases) fn may_mount(
    bundle: plimsoll_fixtures::bundle::Bundle,
) -> plimsoll_fixtures::bundle::Bundle {
    ["bounding", "effective", "permitted"]
        .iter()
        .fold(bundle, |b, set| {
            b.push(&format!("/process/capabilities/{set}"), "CAP_SYS_ADMIN")
        })
}

/// Makes a directory in the container, and mounts a tmpfs on it.
pub(in crate::cases) fn mount_inside(agent: &crate::trial::Agent<'_>, path: &str) -> Check {
    agent.get(|p| p.mkdir(path))?;
    agent.get(|p| p.ask(&["mount", "tmpfs", path, "tmpfs", "0"]))?;
    Ok(())
}
