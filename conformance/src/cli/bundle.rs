//! `plimsoll bundle`: a bundle to try a runtime with.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{CliError, OK};
use crate::bundling::source::Source;
use crate::bundling::{Form, Request, make};

/// Make a bundle with a root file system of your choice
#[derive(Debug, Args)]
pub(super) struct Bundle {
    /// The bundle's folder, new or empty
    dir: PathBuf,
    /// What its root file system is made from: busybox[=PATH] (static, with its applets), probe, tar=FILE (as
    /// of `docker export`; gzip and zstd too), dir=PATH, oci=LAYOUT[:TAG] (an OCI image layout)
    #[arg(long, value_name = "SOURCE", default_value = "probe")]
    rootfs: Source,
    /// What its config.json is like
    #[arg(long, value_enum, default_value_t)]
    config: Config,
    /// The program and its arguments, to the end of the line [default: the image's, or sh]
    #[arg(long, value_name = "ARG", num_args = 1.., allow_hyphen_values = true)]
    args: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Config {
    /// As `runc spec` writes it, without a terminal
    #[default]
    Default,
    /// As little as runtimes accept
    Minimal,
}

impl Bundle {
    /// Makes it.
    pub(super) fn run(&self) -> Result<u8, CliError> {
        let request = Request {
            source: self.rootfs.clone(),
            args: self.args.clone(),
            form: match self.config {
                Config::Default => Form::Default,
                Config::Minimal => Form::Minimal,
            },
        };
        let made = make(&self.dir, &request)?;
        for path in &made.left_out {
            eprintln!(
                "warning: /{} is a device, which only root may make",
                path.display()
            );
        }
        let dir = self.dir.display();
        writeln!(
            io::stdout(),
            "{dir}: {} entries in rootfs; try it: plimrun run --bundle {dir} ID",
            made.entries
        )?;
        Ok(OK)
    }
}
