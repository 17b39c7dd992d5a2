//! The `plimrun` binary. Its `main` is `plimrun_main` of the library's `sys::main`, as build.rs tells the linker.
#![no_main]

use plimrun as _;
