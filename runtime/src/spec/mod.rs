//! Loads, validates, upgrades and writes `config.json`.

mod config;
mod error;
mod gaps;
mod load;
mod pointer;
mod ranges;
pub(crate) mod refused;
mod shape;
mod survey;
pub mod template;
pub mod upgrade;
mod validate;

pub use config::{Config, ProcessConfig, Warning};
pub use error::SpecError;
pub use gaps::{Affinity, Gaps, ProcessGaps, SchedulerFlag, capability_names};
pub use load::{from_str, load, load_process, process_from_str, stored};

/// The name of the configuration file in a bundle, and of its copy in the state directory.
pub const CONFIG_FILE: &str = "config.json";

/// The newest version of the runtime specification that plimrun implements.
pub const OCI_VERSION: &str = "1.3.0";
