//! The configurations in `fixtures/configs`: every good one is valid, every bad one is refused at the
//! pointer that its property `x-expect` names, which a runtime ignores as it must any unknown one.

use std::fs;
use std::path::{Path, PathBuf};

use plimrun::spec::{self, SpecError};

fn texts(kind: &str) -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/configs")
        .join(kind);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("listed").path());
    let texts: Vec<_> = paths
        .map(|path| (path.clone(), fs::read_to_string(path).expect("readable")))
        .collect();
    assert!(!texts.is_empty());
    texts
}

#[test]
fn every_good_configuration_is_valid() {
    for (path, text) in texts("good") {
        if let Err(error) = spec::from_str(text) {
            panic!("{}: {error}", path.display());
        }
    }
}

#[test]
fn every_bad_configuration_is_refused_where_it_is_wrong() {
    let mut failures = Vec::new();
    for (path, text) in texts("bad") {
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = json["x-expect"].as_str().expect("a pointer");
        match spec::from_str(text) {
            Err(SpecError::Invalid { pointer, .. }) if pointer == expected => {}
            other => failures.push(format!(
                "{}: expected {expected}, got {:?}",
                path.display(),
                other.map(|_| "valid").map_err(|error| error.to_string())
            )),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The samples that the specification carries, if `RUNTIME_SPEC_SAMPLES` names its folder
/// `schema/test/config`. One that is bad for another platform only is good here.
#[test]
fn the_samples_of_the_specification_get_its_verdict() {
    let Some(dir) = std::env::var_os("RUNTIME_SPEC_SAMPLES").map(PathBuf::from) else {
        println!("skipped: RUNTIME_SPEC_SAMPLES is not set");
        return;
    };
    for kind in ["good", "bad"] {
        for entry in fs::read_dir(dir.join(kind)).expect("a folder of samples") {
            let path = entry.expect("listed").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("readable");
            let foreign = ["freebsd", "zos", "windows", "solaris", "vm"]
                .iter()
                .any(|platform| name.starts_with(platform));
            let valid = spec::from_str(text);
            assert_eq!(
                valid.is_ok(),
                kind == "good" || foreign,
                "{name}: {:?}",
                valid.err()
            );
        }
    }
}
