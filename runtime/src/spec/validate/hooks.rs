//! config.md#posix-platform-hooks

use oci_spec::runtime::Hooks;

use super::Checked;
use super::rules::{absolute, require};
use crate::spec::pointer::child;

/// Paths are absolute, timeouts positive.
pub(super) fn check(hooks: &Hooks) -> Checked {
    let kinds = [
        ("/hooks/prestart", hooks.prestart()),
        ("/hooks/createRuntime", hooks.create_runtime()),
        ("/hooks/createContainer", hooks.create_container()),
        ("/hooks/startContainer", hooks.start_container()),
        ("/hooks/poststart", hooks.poststart()),
        ("/hooks/poststop", hooks.poststop()),
    ];
    for (pointer, list) in kinds {
        for (index, hook) in list.iter().flatten().enumerate() {
            let here = child(pointer, index);
            absolute(hook.path(), &child(&here, "path"))?;
            require(
                hook.timeout().is_none_or(|seconds| seconds > 0),
                child(&here, "timeout"),
                "must be greater than 0",
            )?;
        }
    }
    Ok(())
}
