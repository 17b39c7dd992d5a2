//! The conformance runner.
#![forbid(unsafe_code)]

pub mod case;
pub mod cases;
pub mod catalogue;
pub mod cli;
pub mod coverage;
pub mod declared;
pub mod diff;
pub mod drive;
pub mod engine;
pub mod event;
pub mod expect;
pub mod index;
pub mod log;
pub mod machine;
pub mod merge;
pub mod need;
pub mod report;
pub mod sabotage;
pub mod select;
mod stand_in;
pub mod trial;
pub mod verdict;
