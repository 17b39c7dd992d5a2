//! Whole plans: of realistic configurations as snapshots, of random ones by the order of their steps.
//!
//! `PLIMSOLL_BLESS=1` writes the snapshots anew; the difference is then what a review looks at.

mod machine;
mod order;
mod shown;

use std::fs;
use std::path::Path;

use plimrun::host::Facts;
use plimrun::plan::{Options, Plan};
use plimrun::spec;
use similar::TextDiff;

fn options(id: &str) -> Options {
    Options {
        id: id.to_owned(),
        bundle: "/bundle".into(),
        ..Options::default()
    }
}

/// Compares with `NAME.plan`.
fn snapshot(name: &str, config: String, facts: &Facts, options: &Options) {
    let config = spec::from_str(config).unwrap_or_else(|error| panic!("{name}: {error}"));
    let plan = Plan::new(&config, facts, options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let seen = shown::show(&plan);
    let path = folder().join(name).with_extension("plan");
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        fs::write(&path, &seen).expect("written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == seen,
        "{}",
        TextDiff::from_lines(&kept, &seen)
            .unified_diff()
            .header("kept", "planned")
    );
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans"))
}

fn sample(name: &str) -> String {
    fs::read_to_string(folder().join(name).with_extension("json")).expect("a sample")
}

#[test]
fn the_configuration_that_spec_writes() {
    let config = spec::template::default(true);
    snapshot("default", config, &machine::v2(), &options("default"));
}

#[test]
fn a_container_of_docker_on_cgroup_v1() {
    snapshot(
        "docker",
        sample("docker"),
        &machine::v1(),
        &options("docker"),
    );
}

#[test]
fn a_container_of_podman_without_root() {
    let name = "podman-rootless";
    snapshot(name, sample(name), &machine::rootless(), &options("podman"));
}

#[test]
fn a_scope_of_systemd() {
    let options = Options {
        systemd_cgroup: true,
        ..options("systemd")
    };
    snapshot("systemd", sample("systemd"), &machine::v2(), &options);
}

#[test]
fn a_container_in_the_namespaces_of_its_pod() {
    snapshot("pod", sample("pod"), &machine::v2(), &options("pod"));
}

#[test]
fn a_user_namespace_with_mapped_mounts_and_its_own_clocks() {
    snapshot(
        "mapped",
        sample("mapped"),
        &machine::v2(),
        &options("mapped"),
    );
}
