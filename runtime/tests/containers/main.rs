//! Real containers, made by the binary: the wiring of plan and executor.
//!
//! Needs root and a static busybox; prints why it skips otherwise.

mod basics;
mod bundle;
mod filter;
mod lost;
mod pidfd;
mod proc;
mod terminal;
