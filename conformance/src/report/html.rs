//! One self-contained page: no script, no file beside it, nothing from the network.

use std::io::{self, Write};

use super::matrix::{Matrix, columns, counts};
use super::{Context, plain};
use crate::catalogue::catalogue;
use crate::event::{CaseEvent, Level, Status};
use crate::log::Log;

/// The style of the page; verdicts are told apart by word as well as by colour.
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;\
color:#1d2430;background:#fff}table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #cbd2dc;\
padding:.2rem .6rem;text-align:left}td.n{text-align:right}pre{background:#f3f5f8;padding:.6rem;overflow:auto;\
white-space:pre-wrap}code{font-size:.95em}.pass{background:#e2f5e6}.fail,.xpass{background:#fbdcdc}\
.broken{background:#f1dcfb}.skip{background:#f0f0f0}.known{background:#fdf0cf}.two{display:grid;\
grid-template-columns:1fr 1fr;gap:1rem}details{margin:.5rem 0}\
@media(prefers-color-scheme:dark){body{color:#dfe4ec;background:#161a20}pre{background:#20262e}\
td,th{border-color:#3a4350}.pass{background:#1d3a25}.fail,.xpass{background:#4d2020}.broken{background:#3d2050}\
.skip{background:#2a2f36}.known{background:#4a3d17}a{color:#8ab8ff}}";

pub(super) fn write(log: &Log, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Plimsoll report</title><style>{STYLE}</style></head><body>\n<h1>Plimsoll report</h1>"
    )?;
    let kernel = log
        .header
        .host
        .get("kernel")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("");
    writeln!(
        out,
        "<p>plimsoll {}, machine {}, {}; {} verdicts in {:.1} s</p>",
        escape(&log.header.plimsoll),
        escape(log.machine()),
        escape(&format!("Linux {kernel}")),
        log.cases.len(),
        log.footer.seconds
    )?;
    summary(log, out)?;
    let failures: Vec<_> = log
        .cases
        .iter()
        .filter(|case| matches!(case.status, Status::Fail | Status::Broken | Status::Xpass))
        .collect();
    if !failures.is_empty() {
        writeln!(out, "<h2>Failures</h2>")?;
        failures
            .iter()
            .try_for_each(|case| failure(case, context, out))?;
    }
    verdicts(log, out)?;
    writeln!(out, "</body></html>")
}

/// Counts by runtime and level.
fn summary(log: &Log, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<table><tr><th>runtime<th>version<th>level")?;
    for (name, _) in columns(&crate::event::Counts::default()) {
        write!(out, "<th>{name}")?;
    }
    writeln!(out, "</tr>")?;
    for runtime in &log.header.runtimes {
        for level in Level::ALL {
            let name = level.word();
            let (runtime_name, version) = (escape(&runtime.name), escape(&runtime.version));
            write!(out, "<tr><td>{runtime_name}<td>{version}<td>{name}")?;
            for (what, n) in columns(&counts(log, &runtime.name, level)) {
                let class = if n > 0 { what } else { "" };
                write!(out, "<td class=\"n {class}\">{n}")?;
            }
            writeln!(out, "</tr>")?;
        }
    }
    writeln!(out, "</table>")
}

fn failure(case: &CaseEvent, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let verdict = case.status.word();
    writeln!(
        out,
        "<details open><summary><span class=\"{verdict}\">{verdict}</span> <code>{}</code> on {}</summary>",
        escape(&case.case),
        escape(&case.runtime)
    )?;
    for entry in case.judged().iter().filter_map(|id| catalogue().get(id)) {
        writeln!(
            out,
            "<p>{} <a href=\"{}\">{}</a> <code>{}</code></p>",
            entry.asks(),
            escape(&entry.link()),
            escape(&entry.statement),
            escape(&entry.id)
        )?;
    }
    if let Some(reason) = &case.reason {
        writeln!(out, "<p>{}</p>", escape(reason))?;
    }
    writeln!(
        out,
        "<div class=\"two\"><div>expected<pre>{}</pre></div><div>observed<pre>{}</pre></div></div>",
        escape(&plain(&case.expected)),
        escape(&plain(&case.observed))
    )?;
    if let Some(command) = context.repeat.command(&case.runtime, &case.case) {
        writeln!(out, "<pre>{}</pre>", escape(&command))?;
    }
    writeln!(out, "</details>")
}

/// All verdicts, cases by runtimes.
fn verdicts(log: &Log, out: &mut dyn Write) -> io::Result<()> {
    let matrix = Matrix::of(log);
    write!(out, "<h2>All verdicts</h2><table><tr><th>case")?;
    for name in &matrix.runtimes {
        write!(out, "<th>{}", escape(name))?;
    }
    writeln!(out, "</tr>")?;
    for (case, row) in &matrix.rows {
        write!(out, "<tr><td><code>{}</code>", escape(case))?;
        for cell in row {
            match cell {
                Some(cell) => {
                    let verdict = cell.status.word();
                    let reason = escape(cell.reason.as_deref().unwrap_or_default());
                    write!(out, "<td class=\"{verdict}\" title=\"{reason}\">{verdict}")?;
                }
                None => write!(out, "<td>")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn the_page_is_self_contained() {
        let text = render(write);
        assert!(text.starts_with("<!doctype html>"));
        for tag in ["<script", "<link", "src=", "@import"] {
            assert!(!text.contains(tag), "{tag}");
        }
    }

    #[test]
    fn what_a_runtime_says_is_shown_and_not_run() {
        let text = render(write);
        assert!(
            text.contains("linux/&lt;rdt&gt;/schema") && !text.contains("<rdt>"),
            "{text}"
        );
        assert!(text.contains("title=\"broken &amp; why\""), "{text}");
    }

    #[test]
    fn each_runtime_has_a_column_and_its_counts() {
        let text = render(write);
        assert!(text.contains("<tr><th>case<th>good<th>bad</tr>"), "{text}");
        assert!(
            text.contains("<td>bad<td>0.9<td>MUST<td class=\"n \">0<td class=\"n fail\">1"),
            "{text}"
        );
    }
}
