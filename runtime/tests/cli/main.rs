//! The command line, run as its users run it. No test needs root or makes a real container: the
//! containers here are records whose process is a child of the test.

mod builder;
mod containers;
mod flags;
mod log;
mod shells;
mod usage;
