//! The conformance runner: says whether an OCI runtime is right, and proves of each of its cases
//! that it can fail.
//!
//! - [`catalogue`]: the requirements, each with the level at which it is judged
//! - [`case`], [`cases`], [`need`], [`trial`], [`verdict`]: what a case is, the cases, what they need of
//!   the machine, what they do, and how they end
//! - [`drive`], [`engine`]: call a runtime; schedule, judge and clean up
//! - [`sabotage`]: runtimes made wrong on purpose
//! - [`machine`]: the machine's facts, and the needs that they meet
//! - [`event`], [`log`], [`merge`], [`diff`], [`coverage`], [`report`]: the log, and what is made of it
//! - [`expect`], [`declared`]: what is known of released runtimes, and what they say of themselves
//! - [`select`], [`index`], [`cli`]: what users ask for
//! - [`fuzz`]: random configs, compared and shrunk
//! - [`bench`]: what each step of a container's life costs
//! - [`bundling`]: bundles with a root file system of the user's choice
//!
//! A run: [`cli`] reads the command line, looks at the machine ([`machine::Facts`]), selects cases
//! ([`select::Selection`]) and asks each runtime who it is ([`declared::identify`]). [`engine::run`] gives
//! each case a bundle and a [`trial::Trial`], and cleans up after it. Its verdict becomes an
//! [`event::CaseEvent`], which requirements newer than the runtime and [`expect::Expectations`] may
//! soften. The events are the log, of which each format of [`report`] is a view.
#![forbid(unsafe_code)]

pub mod bench;
pub mod bundling;
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
pub mod fuzz;
pub mod index;
pub mod log;
pub mod machine;
pub mod merge;
pub mod need;
pub mod observe;
pub mod report;
pub mod sabotage;
pub mod select;
mod shell;
pub mod trial;
pub mod verdict;
