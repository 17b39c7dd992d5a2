//! The samples as comma-separated values.

use std::io::{self, Write};

use super::document::Document;

/// Writes one line a sample.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "group,pause_ms,contestant,phase,round,ms,user_ms,system_ms,switches"
    )?;
    for series in &document.series {
        let phase = serde_json::to_value(series.phase).unwrap_or_default();
        for (round, ms) in series.ms.iter().enumerate() {
            writeln!(
                out,
                "{},{},{},{},{round},{},{},{},{}",
                quoted(&series.group),
                series.pause_ms,
                quoted(&series.contestant),
                phase.as_str().unwrap_or_default(),
                cell(*ms),
                cell(series.user_ms[round]),
                cell(series.system_ms[round]),
                cell(series.switches[round]),
            )?;
        }
    }
    Ok(())
}

fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// RFC 4180: quoted where a comma or quote is in it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
