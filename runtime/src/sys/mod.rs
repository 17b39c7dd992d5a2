//! System calls, one a wrapper: the only `unsafe` of the runtime.
#![allow(
    unsafe_code,
    reason = "this module exists to hold the system calls that no safe crate wraps"
)]

pub mod bpf;
pub mod caps;
pub mod clone;
pub mod entry;
pub mod file;
pub mod main;
pub mod mount;
pub mod net;
pub mod netlink;
#[cfg(test)]
#[path = "../../build/order.rs"]
mod order;
pub mod process;
mod raw;
#[cfg(test)]
#[path = "../../build/releases.rs"]
mod releases;
mod relocations;
pub mod rest;
pub mod sched;
pub mod seccomp;
#[cfg(known_libc)]
mod start;
pub mod trace;
pub mod tty;

/// The result of a raw system call, or errno.
fn check(result: nix::libc::c_long) -> nix::Result<nix::libc::c_long> {
    nix::errno::Errno::result(result)
}
