//! The result as one self-contained page: distributions, phase bars, ladder, scaling.

use std::io::{self, Write};

use super::document::{Document, Phase};

/// The page around the data; its script draws.
const PAGE: &str = include_str!("page.html");
/// Where the data goes.
const DATA: &str = "/*DATA*/";
/// Where the names of the phases go.
const PHASES: &str = "/*PHASES*/";

/// Writes the page.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<(Phase, &str)> = Phase::NAMES.to_vec();
    let page = PAGE
        .replace(PHASES, &script(&names)?)
        .replace(DATA, &script(document)?);
    out.write_all(page.as_bytes())
}

/// JSON that may stand within a script: no text of it can end the element.
fn script(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(value)?
        .replace("</", "<\\/")
        .replace("<!--", "<\\u0021--"))
}
