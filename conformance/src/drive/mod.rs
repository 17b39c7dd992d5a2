//! Calls a runtime by its command line: with a time limit, in a cgroup view that it accepts, and,
//! in the self-test, through a saboteur.
//!
//! [`Runtime::call`] is the only place that starts a runtime. A [`Call`] says what is asked,
//! an [`Outcome`] what came of it.

mod call;
mod exit;
mod interrupt;
mod limit;
mod outcome;
mod runtime;
mod view;

pub use call::{Call, Stdio};
pub use exit::{Deadline, Exit, Pidfd};
pub use interrupt::{Interrupt, Interrupted};
pub use limit::{Limit, Limits};
pub use outcome::Outcome;
pub use runtime::{BadRuntime, Runtime};
pub use view::View;
pub(crate) use view::private_mounts;
