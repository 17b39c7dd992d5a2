//! `plimsoll bench`: what each step of a container's life costs, against the floor of the same run.
//!
//! - [`options`]: what is measured, and how often
//! - `tools`, `measured`: the stop-watch (`floor measure`) and what it says
//! - `contestant`: runtimes, the floor in two forms, and the empty program; `setting`: the container they make
//! - `blocks`: the commands that each is asked for, `idle`: containers that live on, `sample`: what they give
//! - `course`: rounds, each in another `order`; `ladder`, `scaling`, `resident`, `memory`: what is varied
//! - [`document`]: the result, as it is written and read; [`stats`]: what is made of its samples
//! - `table` with `grid`, `csv`, `html`: views of it; [`compare`]: two of them
//!
//! A bench prepares a bundle for each contestant, then goes round by round through blocks of commands;
//! each block of each round is run by every contestant before the next, so that samples pair up. Every
//! command is started by the stop-watch and killed at its time limit; the payload stamps the clock with its
//! first instructions.

mod blocks;
mod conditions;
mod contestant;
mod course;
mod csv;
mod filter;
mod grid;
mod html;
mod idle;
mod ladder;
mod measured;
mod memory;
mod order;
mod progress;
mod resident;
mod sample;
mod scaling;
mod setting;
mod table;
mod tools;
mod view;

pub mod compare;
pub mod document;
pub mod options;
pub mod stats;

pub use contestant::Contestant;
pub use course::run;
pub use csv::write as write_csv;
pub use html::write as write_html;
pub use table::write as write_table;

/// Why a benchmark broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A signal came.
    #[error("{0}; no result was written")]
    Interrupted(#[from] crate::drive::Interrupted),
    /// Something of the benchmark's own failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no directory to work in.
    #[error(transparent)]
    Scratch(#[from] crate::engine::ScratchError),
    /// A bundle could not be written.
    #[error(transparent)]
    Bundle(#[from] plimsoll_fixtures::bundle::Error),
    /// The stop-watch did not say what it should.
    #[error("the stop-watch said {said:?} for {command}")]
    StopWatch {
        /// What it ran.
        command: String,
        /// Its output.
        said: String,
    },
    /// A result file could not be read.
    #[error("read {path}: {reason}")]
    Document {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Names what was tried when the system refused.
fn at<T>(what: impl Into<String>, result: std::io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::Io {
        what: what.into(),
        source,
    })
}
