//! Random configs: what two runtimes make of the same one, or what one makes of it and what it says.
//!
//! [`strategy`] draws a config as a list of changes to the minimal bundle, [`observe`] runs it and
//! flattens what the probe saw, [`expected`] says what the config itself makes us expect,
//! [`judge`] tells what is seen otherwise, and [`search`] looks for that and shrinks it.

pub mod expected;
pub mod judge;
pub mod observe;
pub mod search;
pub mod strategy;
