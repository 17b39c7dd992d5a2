//! Real containers, made by the binary: the wiring of plan and executor.
//!
//! Needs root and a static busybox; prints why it skips otherwise.

mod basics;
mod beside_runc;
mod bundle;
mod descriptors;
mod entering;
mod filter;
mod foreground;
mod limits;
mod lost;
mod notify;
mod pidfd;
mod proc;
mod refused;
mod shared_cgroup;
mod surroundings;
mod terminal;
