//! A summary in Markdown, for a pull request or a README.

use std::io::{self, Write};

use super::matrix::{Matrix, columns, counts};
use super::{Context, plain};
use crate::catalogue::catalogue;
use crate::event::{Level, Status};
use crate::log::Log;

pub(super) fn write(log: &Log, _: &Context, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Plimsoll {}\n", log.header.plimsoll)?;
    writeln!(
        out,
        "| runtime | version | level | pass | fail | broken | skip | known | xpass |"
    )?;
    writeln!(out, "|---|---|---|--:|--:|--:|--:|--:|--:|")?;
    for runtime in &log.header.runtimes {
        for level in Level::ALL {
            let name = level.word();
            let counts = counts(log, &runtime.name, level);
            let cells: Vec<_> = columns(&counts)
                .iter()
                .map(|(_, n)| n.to_string())
                .collect();
            let head = format!(
                "{} | {} | {name}",
                escape(&runtime.name),
                escape(&runtime.version)
            );
            writeln!(out, "| {head} | {} |", cells.join(" | "))?;
        }
    }
    let matrix = Matrix::of(log);
    if matrix.notable().next().is_some() {
        let names: Vec<_> = matrix.runtimes.iter().map(|name| escape(name)).collect();
        writeln!(out, "\n| case | {} |", names.join(" | "))?;
        writeln!(out, "|---|{}", "---|".repeat(names.len()))?;
        for (case, row) in matrix.notable() {
            let cells: Vec<_> = row
                .iter()
                .map(|cell| cell.map_or("", |c| c.status.word()))
                .collect();
            writeln!(out, "| `{case}` | {} |", cells.join(" | "))?;
        }
    }
    for case in log.cases.iter().filter(|case| case.status == Status::Fail) {
        writeln!(out, "\n### `{}` on {}\n", case.case, escape(&case.runtime))?;
        for entry in case.judged().iter().filter_map(|id| catalogue().get(id)) {
            let sentence = escape(&entry.statement);
            writeln!(out, "> {} [{sentence}]({})\n", entry.asks(), entry.link())?;
        }
        if let Some(reason) = &case.reason {
            writeln!(out, "{}\n", escape(reason))?;
        }
        let evidence = format!(
            "expected: {}\nobserved: {}",
            plain(&case.expected),
            plain(&case.observed)
        );
        writeln!(out, "```\n{}\n```", evidence.replace("```", "'''"))?;
    }
    writeln!(
        out,
        "\n{} verdicts in {:.1} s.",
        log.cases.len(),
        log.footer.seconds
    )
}

/// What is Markdown or HTML in a cell is shown as it is.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn counts_matrix_and_failures_are_there() {
        let text = render(write);
        assert!(
            text.contains("| bad | 0.9 | MUST | 0 | 1 | 0 | 0 | 1 | 1 |\n"),
            "{text}"
        );
        assert!(
            text.contains("| `config/hostname/seen_inside` | pass | fail |\n"),
            "{text}"
        );
        assert!(
            text.contains("expected: conf-7\nobserved: localhost\n"),
            "{text}"
        );
    }

    #[test]
    fn a_cell_cannot_break_its_table() {
        assert_eq!(escape("a|b\n<i>"), "a\\|b &lt;i>");
    }
}
