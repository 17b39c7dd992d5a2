//! docs/spec-map.md: each heading of the specification, the modules of plimrun that implement it, and
//! the cases that judge it.
//!
//! The modules come from the table, the cases from the requirements that they cover.
//! `PLIMSOLL_BLESS=1 cargo test -p plimsoll --test spec_map` writes the page anew.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use plimsoll::cases;
use plimsoll::catalogue::catalogue;

use table::CHAPTERS;

/// The specification's release that the catalogue follows.
const SPEC: &str = "https://github.com/opencontainers/runtime-spec/blob/v1.3.0";

/// The ids of cases by the heading, `file#anchor`, of what they cover.
type Judges = BTreeMap<String, BTreeSet<String>>;

fn project() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn judges() -> Judges {
    let mut judges = Judges::new();
    for case in cases::all() {
        for id in &case.covers {
            let requirement = catalogue().get(id).expect("a case covers what exists");
            judges
                .entry(requirement.source.clone())
                .or_default()
                .insert(case.id.to_string());
        }
    }
    judges
}

/// The headings of the table, `file#anchor`, each with its modules.
fn headings() -> impl Iterator<Item = (String, &'static [&'static str])> {
    CHAPTERS.iter().flat_map(|chapter| {
        let name = |anchor| format!("{}#{anchor}", chapter.file);
        chapter
            .headings
            .iter()
            .map(move |(anchor, modules)| (name(anchor), *modules))
    })
}

fn page(judges: &Judges) -> String {
    let mut page = String::from(
        "<!-- Generated: PLIMSOLL_BLESS=1 cargo test -p plimsoll --test spec_map -->\n\
         # The specification, where it is implemented and what judges it\n\n\
         Each heading of the specification with the modules of plimrun that implement it, and the cases that\n\
         cover a requirement under it. Left out are examples and other platforms than Linux. `plimsoll explain\n\
         CASE` shows a case's requirements.\n",
    );
    let mut chapter = "";
    for (heading, modules) in headings() {
        let (file, anchor) = heading.split_once('#').expect("as `headings` makes it");
        if let Some(next) = CHAPTERS
            .iter()
            .find(|c| c.file == file && c.file != chapter)
        {
            chapter = next.file;
            write!(page, "\n## {chapter}\n").expect("a string takes all");
        }
        let modules = list(modules, |module| {
            format!("[`{module}`](../runtime/src/{module})")
        });
        let cases = judges.get(&heading);
        let cases = cases.map(Vec::from_iter).unwrap_or_default();
        let cases = list(&cases, |id| format!("`{id}`"));
        write!(
            page,
            "\n### [{anchor}]({SPEC}/{heading})\n- implemented in: {modules}\n- judged by: {cases}\n"
        )
        .expect("a string takes all");
    }
    page
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

#[test]
fn each_heading_has_a_module_or_a_case() {
    let judges = judges();
    let bare: Vec<String> = headings()
        .filter(|(heading, modules)| modules.is_empty() && !judges.contains_key(heading))
        .map(|(heading, _)| heading)
        .collect();
    assert!(bare.is_empty(), "neither module nor case: {bare:?}");
}

#[test]
fn the_modules_exist() {
    let missing: Vec<&str> = headings()
        .flat_map(|(_, modules)| modules)
        .copied()
        .filter(|module| !project().join("runtime/src").join(module).is_file())
        .collect();
    assert!(missing.is_empty(), "not in runtime/src: {missing:?}");
}

/// Hence a heading that the table lacks, or misspells, is noticed.
#[test]
fn the_table_has_each_heading_that_the_catalogue_cites() {
    let known: BTreeSet<String> = headings().map(|(heading, _)| heading).collect();
    assert_eq!(known.len(), headings().count(), "a heading stands twice");
    let unknown: BTreeSet<&str> = catalogue()
        .iter()
        .map(|requirement| requirement.source.as_str())
        .filter(|source| {
            let file = source.split('#').next();
            CHAPTERS.iter().any(|chapter| Some(chapter.file) == file)
        })
        .filter(|source| !known.contains(*source))
        .collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
}

#[test]
fn the_page_is_what_the_table_gives() {
    let path = project().join("docs/spec-map.md");
    let page = page(&judges());
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        std::fs::write(&path, &page).expect("docs/ is writable");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == page,
        "docs/spec-map.md is out of date: PLIMSOLL_BLESS=1 cargo test -p plimsoll --test spec_map"
    );
}
