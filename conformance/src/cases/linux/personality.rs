//! config-linux.md#personality.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("linux/personality/linux", "config-linux.personality.linux")
            .bundle(|b| b.set("/linux/personality/domain", "LINUX"))
            .run(|t| t.eq("personality(2)", seen(t)?, 0))
            .saboteurs([alters("/linux/personality/domain", "LINUX32")]),
        Case::new(
            "linux/personality/linux32",
            "config-linux.personality.linux32",
        )
        .bundle(|b| b.set("/linux/personality/domain", "LINUX32"))
        // linux/personality.h PER_LINUX32.
        .run(|t| t.eq("personality(2)", seen(t)?, 8))
        .saboteurs([
            drops("/linux/personality"),
            alters("/linux/personality/domain", "LINUX"),
        ]),
    ];
    let wrong = [
        ("domain_is_required", "domain-required", json!({})),
        (
            "unknown_domain",
            "invalid-domain-errors",
            json!({"domain": "BSD"}),
        ),
        (
            "any_flag",
            "flags-unsupported",
            json!({"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}),
        ),
    ];
    cases.extend(wrong.map(|(fact, requirement, personality)| {
        bad(
            format!("linux/personality/{fact}_refused"),
            format!("config-linux.personality.{requirement}"),
            "/linux/personality",
            personality,
        )
    }));
    cases
}

fn seen(t: &Trial) -> Check<Option<u64>> {
    Ok(t.agent()?.report.personality.value().copied())
}
