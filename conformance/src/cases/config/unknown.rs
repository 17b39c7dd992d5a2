//! config.md#extensibility, and the objects of other platforms.

use crate::cases::prelude::*;

/// Where an unknown property may stand: an object, or the first of a list.
const PLACES: &[&str] = &[
    "",
    "/process",
    "/process/user",
    "/process/capabilities",
    "/process/rlimits/0",
    "/root",
    "/mounts/0",
    "/hooks",
    "/hooks/poststop/0",
    "/linux",
    "/linux/namespaces/0",
    "/linux/resources",
    "/linux/resources/memory",
    "/linux/resources/cpu",
    "/linux/resources/pids",
    "/linux/resources/devices/0",
    "/linux/seccomp",
    "/linux/seccomp/syscalls/0",
];

pub(super) fn cases() -> Vec<Case> {
    vec![unknown(), platforms()]
}

/// A bundle in which all of [`PLACES`] exist.
fn rich(b: plimsoll_fixtures::bundle::Bundle) -> plimsoll_fixtures::bundle::Bundle {
    let limit = json!({"type": "RLIMIT_CORE", "soft": 4096, "hard": 4096});
    b.hostname("plain")
        .push("/process/rlimits", limit)
        .hook("poststop", &["{probe}", "true"])
        .set("/linux/resources/memory", json!({}))
        .set("/linux/resources/cpu", json!({}))
        .set("/linux/resources/pids/limit", 100)
        .set(
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_ALLOW",
                   "syscalls": [{"names": ["times"], "action": "SCMP_ACT_ERRNO"}]}),
        )
}

fn unknown() -> Case {
    const IGNORED: &str = "config.extensibility.ignore-unknown";
    const NO_ERROR: &str = "config.extensibility.no-error";
    Case::new("config/unknown/properties_are_ignored", [IGNORED, NO_ERROR])
        // Root: the minimal bundle of no one else has device rules for certain.
        .needs([Need::Root, Need::Cgroup("pids")])
        .bundle(|b| {
            PLACES.iter().fold(rich(b), |b, place| {
                b.set(
                    &format!("{place}/org.plimsoll.unknown"),
                    json!({"hostname": "other"}),
                )
                .set(&format!("{place}/plimsollUnknown"), 7)
            })
        })
        .run(|t| {
            let agent = t.on(NO_ERROR).must(t.agent())?;
            let report = &agent.report;
            t.eq("nodename", &report.uname.nodename, "plain")?;
            t.eq("arguments", &report.args, ["/probe", "agent"])?;
            t.eq(
                "user ids",
                report.uid,
                plimsoll_fixtures::probe::Ids::all(0),
            )?;
            t.eq("PR_GET_SECCOMP", report.seccomp.value(), 2)
        })
        .saboteurs([
            lies("create", How::Refuse).on(NO_ERROR),
            alters("/hostname", "other").on(IGNORED),
            drops("/linux/seccomp").on(IGNORED),
        ])
}

fn platforms() -> Case {
    Case::new(
        "config/unknown/other_platforms_are_ignored",
        "config.platform.other-objects-ignored",
    )
    .bundle(|b| {
        b.hostname("plain")
            .set(
                "/solaris",
                json!({"milestone": "svc:/milestone/container:default"}),
            )
            .set("/zos", json!({"namespaces": [{"type": "pid"}]}))
            .set("/freebsd", json!({"jail": {"host": "new"}}))
            .set("/windows", json!({"layerFolders": ["C:\\layers"]}))
    })
    .run(|t| {
        let agent = t.must(t.agent())?;
        t.eq("nodename", &agent.report.uname.nodename, "plain")
    })
    .saboteurs([lies("create", How::Refuse), alters("/hostname", "other")])
}
