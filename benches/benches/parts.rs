//! Criterion benches of what a command does before and after it asks the kernel for a container.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use plimrun::host::Facts;
use plimrun::plan::{Options, Plan, seccomp};
use plimrun::spec::{self, Config};
use plimrun::state::{Record, Store};
use plimsoll_fixtures::bundle::default_spec;
use plimsoll_fixtures::seccomp::ENGINE;
use serde_json::json;

/// The default config, as text.
fn text() -> String {
    default_spec().to_string()
}

/// The same with a profile of an engine's size.
fn text_with_seccomp() -> String {
    let mut spec = default_spec();
    spec["linux"]["seccomp"] = serde_json::from_str(ENGINE).expect("the profile is JSON");
    spec.to_string()
}

fn config(text: String) -> Config {
    spec::from_str(text).expect("the default config is valid")
}

fn parse_and_validate(criterion: &mut Criterion) {
    for (name, text) in [
        ("parse and validate/default", text()),
        ("parse and validate/with seccomp", text_with_seccomp()),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| config(black_box(text.clone())));
        });
    }
}

fn plan(criterion: &mut Criterion) {
    let facts = Facts::look().expect("the machine can be looked at");
    let options = Options {
        id: "bench".to_owned(),
        bundle: PathBuf::from("/bundle"),
        ..Options::default()
    };
    for (name, config) in [
        ("plan/default", config(text())),
        ("plan/with seccomp", config(text_with_seccomp())),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                Plan::new(black_box(&config), &facts, &options).expect("it can be planned")
            });
        });
    }
    criterion.bench_function("look at the machine", |bencher| {
        bencher.iter(|| Facts::look().expect("the machine can be looked at"));
    });
}

fn compile_seccomp(criterion: &mut Criterion) {
    let config = config(text_with_seccomp());
    let profile = config
        .spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.seccomp().as_ref());
    let profile = profile.expect("the config has a profile");
    criterion.bench_function("seccomp/compile an engine's profile", |bencher| {
        bencher.iter(|| seccomp::compile(black_box(profile)).expect("it compiles"));
    });
}

fn record(id: &str) -> Record {
    serde_json::from_value(json!({
        "ociVersion": "1.3.0",
        "id": id,
        "status": "running",
        "pid": std::process::id(),
        "bundle": "/bundle",
        "rootfs": "/bundle/rootfs",
        "created": "2026-01-01T00:00:00.000000000Z",
        "owner": 0,
    }))
    .expect("the record is valid")
}

fn state(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let store = Store::new(dir.path());
    store
        .create(record("read"), |_| {})
        .expect("a record can be written")
        .keep();
    criterion.bench_function("state/read", |bencher| {
        bencher.iter(|| store.read(black_box("read")).expect("it is there"));
    });
    criterion.bench_function("state/write and remove", |bencher| {
        bencher.iter(|| {
            let made = store.create(record("write"), |_| {}).expect("it is new");
            made.remove().expect("it is there");
        });
    });
}

criterion_group!(parts, parse_and_validate, plan, compile_seccomp, state);
criterion_main!(parts);
