//! JUnit XML, one suite a runtime.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Context, plain};
use crate::event::{CaseEvent, Status};
use crate::log::{Log, decides};

pub(super) fn write(log: &Log, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("plimsoll");
    report.set_time(Duration::try_from_secs_f64(log.footer.seconds).unwrap_or_default());
    for runtime in &log.header.runtimes {
        let mut suite = TestSuite::new(runtime.name.as_str());
        suite.add_property(("version", runtime.version.as_str()));
        suite.add_property(("path", runtime.path.as_str()));
        let own = log.cases.iter().filter(|case| case.runtime == runtime.name);
        suite.add_test_cases(own.map(|case| test_case(case, context)));
        report.add_test_suite(suite);
    }
    report.serialize(out).map_err(io::Error::other)
}

/// Known deviations and advisory failures are `skipped` with their reason: JUnit has no third
/// state, and neither fails the run.
fn test_case(case: &CaseEvent, context: &Context) -> TestCase {
    let reason = case.reason.as_deref().unwrap_or_default();
    let mut status = match case.status {
        Status::Pass => TestCaseStatus::success(),
        Status::Broken => TestCaseStatus::non_success(NonSuccessKind::Error),
        Status::Xpass => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Fail if decides(case.level, context.strict) => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Status::Fail | Status::Skip | Status::Known => TestCaseStatus::skipped(),
    };
    if case.status != Status::Pass {
        let advisory = if case.status == Status::Fail {
            format!("{:?} ", case.level)
        } else {
            String::new()
        };
        status.set_message(format!(
            "{}{}: {reason}",
            advisory.to_uppercase(),
            case.status.word()
        ));
        status.set_type(case.status.word());
        let mut description = vec![format!("requirements: {}", case.covers.join(" "))];
        if !(case.expected.is_null() && case.observed.is_null()) {
            description.push(format!("expected: {}", plain(&case.expected)));
            description.push(format!("observed: {}", plain(&case.observed)));
        }
        status.set_description(description.join(
            "
",
        ));
    }
    // The id's chapter and subject are the class, its fact the name.
    let (class, name) = case.case.rsplit_once('/').unwrap_or(("", &case.case));
    let mut test = TestCase::new(case.case.as_str(), status);
    test.set_classname(class.replace('/', "."));
    test.add_property(("fact", name));
    test.set_time(Duration::try_from_secs_f64(case.ms / 1000.0).unwrap_or_default());
    test
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn a_runtime_is_a_suite_with_its_own_counts() {
        let text = render(write);
        let suite = r#"<testsuite name="bad" tests="4" skipped="1" errors="1" failures="2">"#;
        assert!(text.contains(suite), "{text}");
        assert!(
            text.contains(r#"<error message="broken: broken &amp; why" type="broken">"#),
            "{text}"
        );
        assert!(text.contains("linux/&lt;rdt&gt;/schema"), "{text}");
        assert!(text.contains("observed: localhost"), "{text}");
    }
}
