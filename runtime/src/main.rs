//! The `plimrun` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimrun::cli::main(std::env::args_os())
}
