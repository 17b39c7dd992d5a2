//! What is wrong with a command line is said in one line, with exit status 2, before anything runs.

use crate::plimsoll;

#[test]
fn an_unknown_filter_is_usage() {
    plimsoll("run nosuchcase --runtime /bin/true")
        .run()
        .exits(2)
        .says("\"nosuchcase\"")
        .silent();
    plimsoll("list nosuchcase")
        .run()
        .exits(2)
        .says("no case, requirement or section")
        .silent();
}

#[test]
fn without_a_plimrun_beside_it_the_command_that_builds_it_is_named() {
    plimsoll("run")
        .alone()
        .run()
        .exits(2)
        .says("`cargo build --release`")
        .says("--runtime NAME=PATH");
}

#[test]
fn a_missing_runtime_is_usage() {
    plimsoll("run --runtime /nonexistent/runc")
        .run()
        .exits(2)
        .says("/nonexistent/runc")
        .silent();
}

#[test]
fn a_runtime_that_cannot_be_executed_is_usage_and_its_neighbours_are_named() {
    plimsoll("run --runtime ./notes")
        .file("notes", "")
        .run()
        .exits(2)
        .says("not an executable file");
    plimsoll("run --runtime ./nots")
        .file("notes", "")
        .run()
        .exits(2)
        .says("did you mean notes?");
}

#[test]
fn two_runtimes_of_one_name_are_usage() {
    plimsoll("run --runtime a=/bin/true --runtime a=/bin/false")
        .run()
        .exits(2)
        .says("\"a\" is named twice");
}

#[test]
fn only_one_report_goes_to_standard_output() {
    plimsoll("run --runtime /bin/true --format tap --format json")
        .run()
        .exits(2)
        .says("--format json=FILE");
}

#[test]
fn unknown_formats_profiles_and_numbers_are_usage() {
    plimsoll("run --format tapp")
        .run()
        .exits(2)
        .says("did you mean tap?");
    plimsoll("run --profile corre").run().exits(2).says("core");
    plimsoll("run --spec newest")
        .run()
        .exits(2)
        .says("declared");
    plimsoll("run --shard 3/2").run().exits(2).says("I/N");
    plimsoll("run --timeout 0").run().exits(2).says("above 0");
    plimsoll("run --jobs 0").run().exits(2);
    plimsoll("runn").run().exits(2).says("run");
}

#[test]
fn the_built_in_list_needs_no_file() {
    plimsoll("run --runtime /nonexistent/runc --expect")
        .run()
        .exits(2)
        .says("/nonexistent/runc");
}

#[test]
fn expectations_of_unknown_cases_are_usage() {
    let list = "runtime = \"runc\"\n[[expect]]\ncase = \"a/b/c\"\nversions = \">=1\"\nreason = \"r\"\nevidence = \"e\"\n";
    plimsoll("run --runtime /bin/true --expect=list.toml")
        .file("list.toml", list)
        .run()
        .exits(2)
        .says("\"a/b/c\"");
    plimsoll("run --runtime /bin/true --expect=none.toml")
        .run()
        .exits(2)
        .says("none.toml");
}

#[test]
fn an_unknown_name_is_usage_with_a_hint() {
    plimsoll("explain config.hostname.sett")
        .run()
        .exits(2)
        .says("did you mean config.hostname.set")
        .silent();
    plimsoll("repro no/such/case --runtime /bin/true")
        .run()
        .exits(2)
        .says("\"no/such/case\"")
        .silent();
}

#[test]
fn a_log_without_its_footer_is_no_result() {
    let log =
        r#"{"event":"header","schema":1,"plimsoll":"0.1.0","host":{},"runtimes":[],"cases":0}"#;
    for command in [
        "merge a.jsonl",
        "diff a.jsonl a.jsonl",
        "coverage a.jsonl",
        "expect update a.jsonl",
    ] {
        plimsoll(command)
            .file("a.jsonl", log)
            .run()
            .exits(2)
            .says("no footer")
            .silent();
    }
}

#[test]
fn a_runtime_that_is_no_program_is_usage() {
    // An executable file in no format that the kernel knows: ENOEXEC.
    let call = plimsoll("run --runtime ./noise").executable("noise", "\u{1}\u{2}");
    call.run()
        .exits(2)
        .says("cannot be started")
        .says("noise")
        .silent();
}
