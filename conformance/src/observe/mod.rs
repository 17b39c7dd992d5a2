//! Looks at a container from outside and makes sense of what the probe saw: mount tables, cgroup
//! files, namespaces.

mod cgroup;
mod features_schema;
mod host;
mod mounts;
mod namespace;
mod state_schema;
mod unit;

pub use cgroup::{cgroup_of, facts};
pub use features_schema::{features_beyond, features_faults};
pub use host::host;
pub use mounts::{Mount, mount_at};
pub(crate) use namespace::Holder;
pub use namespace::{MOUNT, NAMESPACES, NETWORK, NamespaceKind, NewNamespace, TIME, USER, UTS};
pub use state_schema::state_faults;
pub use unit::{last_load_state, unit_properties, unit_property};
