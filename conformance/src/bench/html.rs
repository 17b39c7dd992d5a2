//! The result as one self-contained page: distributions, phase bars, ladder, scaling.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::document::{Document, Kind, Phase};
use super::stats::ratio;

/// The page around style, data and the script that draws.
const PAGE: &str = include_str!("page/page.html");
const STYLE: (&str, &str) = ("/*STYLE*/", include_str!("page/page.css"));
const SCRIPT: (&str, &str) = ("/*SCRIPT*/", include_str!("page/page.js"));
const DATA: &str = "/*DATA*/";

/// Writes the page.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let (before, after) = PAGE.split_once(DATA).unwrap_or((PAGE, ""));
    let fill = |text: &str| text.replace(STYLE.0, STYLE.1).replace(SCRIPT.0, SCRIPT.1);
    out.write_all(fill(before).as_bytes())?;
    out.write_all(data(document)?.as_bytes())?;
    out.write_all(fill(after).as_bytes())
}

/// JSON that may stand within a script element: no text of it can end that.
fn data(document: &Document) -> io::Result<String> {
    let mut result = serde_json::to_value(document)?;
    result["warning"] = json!(document.conditions.load_warning());
    let data = json!({
        "result": result,
        "phases": Phase::NAMES.as_slice(),
        "ratios": ratios(document),
    });
    Ok(data.to_string().replace('<', "\\u003c"))
}

/// The ratios of everyone to the first runtime, in the phases of the default container.
fn ratios(document: &Document) -> Vec<Value> {
    let Some(base) = document.of_kind(Kind::Runtime) else {
        return Vec::new();
    };
    document
        .series
        .iter()
        .filter(|series| series.group == "default" && series.contestant != base)
        .filter_map(|series| {
            let ratio = ratio(&series.ms, &document.counterpart(series, base)?.ms)?;
            Some(json!({
                "phase": series.phase,
                "pause_ms": series.pause_ms,
                "contestant": series.contestant,
                "median": ratio.median,
                "low": ratio.low,
                "high": ratio.high,
            }))
        })
        .collect()
}
