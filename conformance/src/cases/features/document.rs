//! features.md#features-structure: the document itself.

use super::{document, member, says, strings};
use crate::cases::prelude::*;
use crate::catalogue::Release;
use crate::observe::{features_beyond, features_faults};

pub(super) fn cases() -> Vec<Case> {
    vec![
        printed(),
        fixed(),
        schema(),
        versions(),
        beyond(),
        annotations(),
        unsafe_annotations(),
        must_options(),
        no_own_options(),
        accepted("min", "/ociVersionMin"),
        accepted("max", "/ociVersionMax"),
    ]
}

fn printed() -> Case {
    Case::new("features/document/is_json", "features.optional")
        .run(|t| {
            document(t)?;
            let outcome = t.runtime(["features"])?;
            let object = outcome.json().is_some_and(|json| json.is_object());
            t.that("`features` prints a JSON object", object, outcome.stdout)
        })
        .saboteurs([lies("features", How::Print("[]"))])
}

/// The document does not depend on where it is asked for.
fn fixed() -> Case {
    const HOST: &str = "features.host-independent";
    const COMPILED: &str = "features.compile-time";
    Case::new("features/document/is_fixed", [HOST, COMPILED])
        .needs([Need::Namespace("user"), Need::Program("unshare")])
        .run(|t| {
            let first = document(t)?;
            t.on(COMPILED).eq("asked again", document(t)?, &first)?;
            // As somebody else, on a host without a network.
            let mut elsewhere = t.command(["features"]).cwd("/");
            elsewhere.through = ["unshare", "--user", "--net"].map(String::from).into();
            let seen = t.call(&elsewhere)?.json().unwrap_or_default();
            t.eq("asked with other surroundings", seen, first)
        })
        .saboteurs([
            wraps("say when it was asked", |call, next| {
                static ASKED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
                let count = ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                says("/asked", count).interpose(call, next)
            })
            .on(COMPILED),
            wraps("say where it was asked", |call, next| {
                let dir = call
                    .cwd
                    .as_deref()
                    .map_or("", |dir| dir.to_str().unwrap_or(""));
                says("/asked", dir.to_owned()).interpose(call, next)
            })
            .on(HOST),
        ])
}

fn schema() -> Case {
    const SCHEMA: &str = "features.schema-valid";
    const CAPABILITIES: &str = "config.schema.pattern-capabilities-in-features";
    const FLAGS: [(&str, &str); 5] = [
        ("features-linux.apparmor.enabled", "/linux/apparmor/enabled"),
        ("features-linux.selinux.enabled", "/linux/selinux/enabled"),
        (
            "features-linux.intel-rdt.enabled",
            "/linux/intelRdt/enabled",
        ),
        (
            "features-linux.intel-rdt.schemata",
            "/linux/intelRdt/schemata",
        ),
        (
            "features-linux.intel-rdt.monitoring",
            "/linux/intelRdt/monitoring",
        ),
    ];
    let covers: Vec<&str> = [SCHEMA, CAPABILITIES]
        .into_iter()
        .chain(FLAGS.map(|(requirement, _)| requirement))
        .collect();
    Case::new("features/document/follows_the_schema", covers)
        .run(|t| {
            let document = document(t)?;
            t.on_all()
                .eq("faults", features_faults(&document), json!([]))
        })
        .saboteurs(
            FLAGS
                .map(|(requirement, pointer)| says(pointer, "yes").on(requirement))
                .into_iter()
                .chain([
                    says("/hooks", "prestart").on(SCHEMA),
                    says("/linux/namespaces/-", "own").on(SCHEMA),
                    says("/linux/seccomp/archs/-", "own").on(SCHEMA),
                    says("/linux/capabilities/0", "chown").on(CAPABILITIES),
                ]),
        )
}

fn versions() -> Case {
    const MIN: &str = "features.oci-version-min.required";
    const MAX: &str = "features.oci-version-max.required";
    const ORDER: &str = "features.oci-version-max.not-less-than-min";
    Case::new("features/document/versions", [MIN, MAX, ORDER])
        .run(|t| {
            let document = document(t)?;
            let read = |name: &str| document[name].as_str().and_then(Release::parse);
            let (min, max) = (read("ociVersionMin"), read("ociVersionMax"));
            t.that(
                "ociVersionMin is a version",
                min.is_some(),
                &document["ociVersionMin"],
            )?;
            t.on(MAX).that(
                "ociVersionMax is a version",
                max.is_some(),
                &document["ociVersionMax"],
            )?;
            t.on(ORDER).that(
                "ociVersionMax is not below ociVersionMin",
                max >= min,
                json!([document["ociVersionMin"], document["ociVersionMax"]]),
            )
        })
        .saboteurs([
            lies("features", How::omit("/ociVersionMin")).on(MIN),
            lies("features", How::omit("/ociVersionMax")).on(MAX),
            says("/ociVersionMax", "0.9.0").on(ORDER),
        ])
}

fn beyond() -> Case {
    Case::new(
        "features/document/nothing_beyond_the_newest",
        "features.no-properties-beyond-max",
    )
    .run(|t| {
        let document = document(t)?;
        let max = document["ociVersionMax"].as_str().and_then(Release::parse);
        let beyond = max.map(|max| features_beyond(&document, max));
        t.eq("members that it does not define", beyond, json!([]))
    })
    .saboteurs([says("/ociVersionMax", "1.0.2"), says("/linux/own", true)])
}

fn annotations() -> Case {
    Case::new("features/document/annotations", "features.annotations.map")
        .run(|t| {
            let annotations = member(t, "/annotations")?;
            let good = annotations.as_object().is_some_and(|map| {
                map.iter()
                    .all(|(key, value)| !key.is_empty() && value.is_string())
            });
            t.that("annotations is a map of named strings", good, annotations)
        })
        .saboteurs([
            says("/annotations/own", 7),
            says("/annotations", json!({"": "x"})),
        ])
}

fn unsafe_annotations() -> Case {
    Case::new(
        "features/document/unsafe_annotations",
        "features.potentially-unsafe-config-annotations.list",
    )
    .run(|t| {
        let listed = member(t, "/potentiallyUnsafeConfigAnnotations")?;
        let good = listed.as_array().is_some_and(|list| {
            list.iter()
                .all(|name| name.as_str().is_some_and(|name| !name.is_empty()))
        });
        t.that("it is a list of names of annotations", good, listed)
    })
    .saboteurs([
        says(
            "/potentiallyUnsafeConfigAnnotations",
            "org.systemd.property.",
        ),
        says("/potentiallyUnsafeConfigAnnotations/-", ""),
    ])
}

/// The options that config.md#linux-mount-options demands.
const MUST_OPTIONS: &[&str] = &[
    "async",
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "iversion",
    "lazytime",
    "loud",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "private",
    "rbind",
    "relatime",
    "remount",
    "ro",
    "rprivate",
    "rshared",
    "rslave",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "strictatime",
    "suid",
    "sync",
    "unbindable",
];

fn must_options() -> Case {
    Case::new(
        "features/document/must_options_are_listed",
        "features.mount-options.must-options-listed",
    )
    .run(|t| {
        let listed = strings(t, "/mountOptions")?;
        let missing = MUST_OPTIONS
            .iter()
            .filter(|option| !listed.iter().any(|name| name == **option));
        t.eq(
            "options that are missing",
            missing.collect::<Vec<_>>(),
            json!([]),
        )
    })
    .saboteurs([lies("features", How::Reword("\"rslave\"", "\"other\""))])
}

fn no_own_options() -> Case {
    const OWN: [&str; 8] = [
        "size",
        "mode",
        "uid",
        "gid",
        "nr_inodes",
        "hidepid",
        "newinstance",
        "ptmxmode",
    ];
    Case::new(
        "features/document/no_options_of_file_systems",
        "features.mount-options.no-fs-specific",
    )
    .run(|t| {
        let listed = strings(t, "/mountOptions")?;
        let own = OWN
            .iter()
            .filter(|option| listed.iter().any(|name| name == **option));
        t.eq(
            "options of file systems",
            own.collect::<Vec<_>>(),
            json!([]),
        )
    })
    .saboteurs([says("/mountOptions/-", "size")])
}

fn accepted(name: &str, pointer: &'static str) -> Case {
    Case::new(
        format!("features/document/{name}_is_accepted"),
        format!("features.oci-version-{name}.accepted"),
    )
    .run(move |t| {
        t.set_config_at("/ociVersion", member(t, pointer)?)?;
        t.must(t.agent()).map(|_| ())
    })
    .saboteurs([lies("create", How::Refuse)])
}
