//! `plimsoll bundle`: bundles with a root file system of the user's choice.
//!
//! - [`source`]: where the root file system comes from, as the command line names it
//! - `rootfs`: it in the making; every path is resolved within it
//! - `archive`, `tree`, `busybox`, `image`: what fills it
//! - `config`, `user`: its config.json
//! - [`make`]: the whole

mod archive;
mod busybox;
mod config;
mod error;
mod image;
mod make;
mod rootfs;
mod tree;
mod user;

pub mod source;

pub use config::Form;
pub use error::Error;
pub use make::{Made, Request, make};
