//! Looks at the machine once, into [`Facts`].
//!
//! Everything a planner may ask about the machine is here, so that planners stay pure and their
//! tests write `Facts` as a literal.

mod facts;

pub use facts::{Facts, Kernel};
