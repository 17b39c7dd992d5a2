//! Random configs: what two runtimes make of the same one, or what one makes of it and what it says.
//!
//! [`strategy`] draws a config as a list of changes to the minimal bundle, [`observe`] runs it and
//! flattens what the probe saw, [`judge`] says what the config itself makes us expect, and
//! [`search`] looks for differences and shrinks them.

pub mod judge;
pub mod observe;
pub mod search;
pub mod strategy;
