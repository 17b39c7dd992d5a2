//! config.md#specification-version.

use crate::cases::prelude::*;
use crate::catalogue::Release;

pub(super) fn cases() -> Vec<Case> {
    vec![
        missing(
            "config/version/refused_missing",
            "config.oci-version.required",
            "/ociVersion",
            "1.0.2",
        ),
        refused(),
        earlier(),
    ]
}

fn refused() -> Case {
    Case::new(
        "config/version/refused_malformed",
        "config.oci-version.semver",
    )
    .run(|t| {
        let malformed = ["invalid", "1", "1.0", "", "v1.0.0", "01.0.0"].map(Value::from);
        for version in malformed.into_iter().chain([json!(1.0)]) {
            t.set_config_at("/ociVersion", version)?;
            t.errors(&t.try_create()?)?;
        }
        Ok(())
    })
    .saboteurs([alters("/ociVersion", "1.0.2")])
}

/// The releases of the specification.
const RELEASES: [&str; 8] = [
    "1.0.0",
    "1.0.1",
    "1.0.2",
    "1.1.0",
    "1.2.0",
    "1.2.1",
    "1.3.0",
    "1.0.2-dev",
];

fn earlier() -> Case {
    Case::new(
        "config/version/earlier_releases",
        "config.oci-version.backward-compat-within-major",
    )
    .run(|t| {
        // A runtime that declares nothing is taken for one of the first years.
        let newest = t.declared()?.or(Release::parse("1.0.2"));
        for version in RELEASES {
            if Release::parse(version) <= newest {
                t.set_config_at("/ociVersion", version)?;
                t.must(t.create())?;
                t.stop()?;
                t.delete()?;
            }
        }
        Ok(())
    })
    .saboteurs([wraps("refuse 1.0.0", |call, next| {
        let config = call.bundle().map(|bundle| bundle.join("config.json"));
        let text = config.and_then(|file| std::fs::read_to_string(file).ok());
        let old = text.is_some_and(|text| text.contains(r#""ociVersion":"1.0.0""#));
        match call.operation() {
            "create" if old => lies("create", How::Refuse).interpose(call, next),
            _ => next(call),
        }
    })])
}
