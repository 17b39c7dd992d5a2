//! What the program says of cases, requirements and the machine.

use crate::plimsoll;

#[test]
fn every_case_is_listed_and_can_be_explained() {
    let list = plimsoll("list").run().exits(0).stdout;
    let first = list.lines().next().expect("there are cases");
    plimsoll(&format!("explain {first}"))
        .run()
        .exits(0)
        .prints(first)
        .prints("https://github.com/");
    let listed = plimsoll("list --format json").run().exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(list.lines().count()));
}

#[test]
fn a_requirement_is_explained_with_its_sentence_and_link() {
    plimsoll("explain config.hostname.set")
        .run()
        .exits(0)
        .prints("IMPLIED (as MUST) config.hostname.set\n")
        .prints("runtime-spec/blob/v1.3.0/config.md#hostname")
        .prints("since     1.0.0");
}

#[test]
fn what_is_not_judged_says_why() {
    plimsoll("explain config.annotations.image.os-valid")
        .run()
        .exits(0)
        .prints("excluded  binds the author");
    plimsoll("explain spec.compliance.all-musts")
        .run()
        .exits(0)
        .prints("not seen  meta-requirement");
}

#[test]
fn all_requirements_can_be_listed() {
    let list = plimsoll("list --requirements").run().exits(0).stdout;
    // Those of the specification, and the conventions.
    assert_eq!(list.lines().count(), 964 + 17);
}

#[test]
fn the_doctor_speaks_to_people_and_programs() {
    let doctor = plimsoll("doctor --format json").run();
    let report = doctor.json();
    for key in ["facts", "findings", "cases", "judged", "skipped", "unfit"] {
        assert!(report.get(key).is_some(), "{key}");
    }
    plimsoll("doctor")
        .run()
        .prints("machine ")
        .prints("cgroup layout")
        .prints("cases can be judged here");
}

#[test]
fn the_help_names_every_command_and_the_exit_statuses() {
    let help = plimsoll("--help").run().exits(0).prints("Exit status");
    for command in [
        "run", "list", "explain", "doctor", "coverage", "selftest", "repro", "diff", "merge",
        "expect",
    ] {
        assert!(help.stdout.contains(&format!("  {command} ")), "{command}");
    }
}
