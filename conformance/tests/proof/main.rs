//! What the proof of the suite rests on: which wrong runtimes the cases are tried on, what counts as
//! noticing one, and how long anything is waited for. That each of the wrong runtimes turns its case
//! red is what the target `selftest` shows.

mod changes;
mod deadlines;
mod leaves;
mod operations;
mod pairs;
mod reasons;
mod toy;
mod verdicts;
