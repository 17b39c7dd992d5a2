//! The log as one JSON document: `{"header", "cases", "sabotage", "footer", "matrix"}`.

use std::io::{self, Write};

use serde_json::json;

use super::Context;
use super::matrix::Matrix;
use crate::log::Log;

pub(super) fn write(log: &Log, _: &Context, out: &mut dyn Write) -> io::Result<()> {
    let matrix = Matrix::of(log);
    let rows: serde_json::Map<String, serde_json::Value> = matrix
        .rows
        .iter()
        .map(|(case, cells)| {
            let cells = matrix.runtimes.iter().zip(cells);
            let verdicts: serde_json::Map<_, _> = cells
                .map(|(name, cell)| ((*name).to_owned(), json!(cell.map(|c| c.status))))
                .collect();
            ((*case).to_owned(), verdicts.into())
        })
        .collect();
    let document = json!({
        "header": log.header,
        "cases": log.cases,
        "sabotage": log.sabotage,
        "footer": log.footer,
        "matrix": rows,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn the_document_holds_the_log_and_a_verdict_by_case_and_runtime() {
        let document: serde_json::Value = serde_json::from_str(&render(write)).unwrap();
        assert_eq!(document["cases"].as_array().unwrap().len(), 8);
        assert_eq!(document["footer"]["runtimes"]["bad"]["fail"], 1);
        let row = &document["matrix"]["config/hostname/seen_inside"];
        assert_eq!(*row, json!({"good": "pass", "bad": "fail"}));
    }
}
