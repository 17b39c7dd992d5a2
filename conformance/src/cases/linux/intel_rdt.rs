//! config-linux.md#intelrdt.

use crate::cases::prelude::*;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    vec![no_resctrl()]
}

fn no_resctrl() -> Case {
    Case::new(
        "linux/intel_rdt/refused_without_resctrl",
        "config-linux.intel-rdt.no-resctrl-errors",
    )
    .bundle(|b| b.set("/linux/intelRdt/l3CacheSchema", "L3:0=f"))
    .run(|t| {
        if crate::observe::facts().resctrl.is_some() {
            return Err(Stop::Skip("resctrl is mounted".into()));
        }
        t.errors(&t.try_create()?)
    })
    .saboteurs([drops("/linux/intelRdt")])
}
