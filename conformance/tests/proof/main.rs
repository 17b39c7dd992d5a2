//! What the proof of the suite rests on: which wrong runtimes the cases are tried on. That each of
//! them turns its case red is what the target `selftest` shows.

mod changes;
mod leaves;
mod operations;
mod reasons;
