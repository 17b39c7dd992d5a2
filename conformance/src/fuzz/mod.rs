//! Random configs: what two runtimes make of the same one, or what one makes of it and what it says.
//!
//! [`strategy`] draws a config as a list of changes to the minimal bundle, [`observe`] runs it and
//! flattens what the probe saw, [`expected`] says what the config itself makes us expect,
//! [`judge`] tells what is seen otherwise, [`free`] sets aside what is a runtime's own choice,
//! [`search`] looks for the rest, and [`shrink`] makes a config that shows it small.

pub mod expected;
pub mod free;
pub mod judge;
pub mod observe;
pub mod search;
pub mod shrink;
pub mod strategy;
