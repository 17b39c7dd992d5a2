//! Plans: pure functions `(Spec, Facts, Options) -> Plan`, one file per subject.
//!
//! Nothing here opens a file or makes a system call; what a plan holds is finished values.

mod error;
mod options;
mod origin;

pub use error::PlanError;
pub use options::Options;
pub use origin::Origin;
