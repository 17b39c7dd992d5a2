//! The Test Anything Protocol, version 14 (testanything.org/tap-version-14-specification.html).

use std::io::{self, Write};

use super::Context;
use crate::event::{CaseEvent, Status};
use crate::log::Log;

pub(super) fn write(log: &Log, _: &Context, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TAP version 14\n1..{}", log.cases.len())?;
    let several = log.header.runtimes.len() > 1;
    for (number, case) in log.cases.iter().enumerate() {
        point(number + 1, case, several, out)?;
    }
    Ok(())
}

/// One test point. A known deviation is TODO: not ok, and not counted as a failure.
fn point(number: usize, case: &CaseEvent, several: bool, out: &mut dyn Write) -> io::Result<()> {
    let ok = matches!(case.status, Status::Pass | Status::Skip);
    let runtime = if several {
        format!("{}: ", case.runtime)
    } else {
        String::new()
    };
    let reason = case.reason.as_deref().unwrap_or_default();
    let directive = match case.status {
        Status::Skip => format!(" # SKIP {}", escape(reason)),
        Status::Known => format!(" # TODO {}", escape(reason)),
        _ => String::new(),
    };
    let name = escape(&format!("{runtime}{}", case.case));
    writeln!(
        out,
        "{}ok {number} - {name}{directive}",
        if ok { "" } else { "not " }
    )?;
    if ok || case.status == Status::Known {
        return Ok(());
    }
    // Diagnostics are YAML; JSON values are YAML.
    writeln!(out, "  ---")?;
    writeln!(out, "  status: {}", case.status.word())?;
    writeln!(out, "  level: {}", serde_json::to_string(&case.level)?)?;
    writeln!(out, "  message: {}", serde_json::to_string(reason)?)?;
    writeln!(
        out,
        "  requirements: {}",
        serde_json::to_string(&case.covers)?
    )?;
    writeln!(
        out,
        "  expected: {}\n  observed: {}\n  ...",
        case.expected, case.observed
    )
}

/// `#` begins a directive and `\` escapes it; a description is one line.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('#', "\\#")
        .replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn each_verdict_is_one_test_point() {
        let text = render(write);
        assert!(
            text.starts_with("TAP version 14\n1..8\nok 1 - good: config/hostname/seen_inside\n"),
            "{text}"
        );
        assert!(
            text.contains("not ok 2 - bad: config/hostname/seen_inside\n  ---\n  status: fail\n"),
            "{text}"
        );
        assert!(
            text.contains("not ok 4 - bad: runtime/state/created # TODO known & why\n"),
            "{text}"
        );
        assert!(
            text.contains("ok 5 - good: linux/<rdt>/schema # SKIP skip & why\n"),
            "{text}"
        );
    }

    #[test]
    fn a_hash_in_a_name_is_no_directive() {
        assert_eq!(escape("a # b\nc"), "a \\# b c");
    }
}
