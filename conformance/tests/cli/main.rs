//! The command line, run as users run it: no test here makes a container.

mod bench;
mod bundle;
mod call;
mod errors;
mod logs;
mod names;
mod surroundings;

use call::plimsoll;
