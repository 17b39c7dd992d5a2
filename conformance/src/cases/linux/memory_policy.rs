//! config-linux.md#memory-policy.

use crate::cases::prelude::*;

const POINTER: &str = "/linux/memoryPolicy";

/// The modes with their numbers (linux/mempolicy.h), and whether they take nodes.
const MODES: [(&str, u32, bool); 7] = [
    ("MPOL_DEFAULT", 0, false),
    ("MPOL_PREFERRED", 1, true),
    ("MPOL_BIND", 2, true),
    ("MPOL_INTERLEAVE", 3, true),
    ("MPOL_LOCAL", 4, false),
    ("MPOL_PREFERRED_MANY", 5, true),
    ("MPOL_WEIGHTED_INTERLEAVE", 6, true),
];

/// The flags with their bits (linux/mempolicy.h).
const FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_STATIC_NODES", 1 << 15),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, number, takes_nodes) in MODES {
        let policy = if takes_nodes {
            json!({"mode": name, "nodes": "0"})
        } else {
            json!({"mode": name})
        };
        let nodes: &[u32] = if takes_nodes { &[0] } else { &[] };
        let slug = name.trim_start_matches("MPOL_").to_lowercase();
        let requirement = format!("mode-{}", slug.replace('_', "-"));
        cases.push(applied(&slug, &requirement, policy, number, nodes));
    }
    for (name, bit) in FLAGS {
        let policy = json!({"mode": "MPOL_BIND", "nodes": "0", "flags": [name]});
        let slug = name.trim_start_matches("MPOL_F_").to_lowercase();
        let requirement = format!("flag-{}", slug.replace('_', "-"));
        let other = FLAGS.map(|(other, _)| other)[usize::from(bit == FLAGS[0].1)];
        cases.push(
            applied(&format!("flag_{slug}"), &requirement, policy, 2 | bit, &[0]).saboteurs([
                drops(format!("{POINTER}/flags")),
                alters(format!("{POINTER}/flags"), [other]),
            ]),
        );
    }
    cases.extend([
        applied(
            "range_of_nodes",
            "nodes-format",
            json!({"mode": "MPOL_BIND", "nodes": "0-0"}),
            2,
            &[0],
        ),
        applied(
            "empty_nodes",
            "nodes-empty-allowed",
            json!({"mode": "MPOL_LOCAL", "nodes": ""}),
            4,
            &[],
        ),
    ]);
    cases.extend(refused());
    cases
}

fn case(fact: &str, requirement: &str) -> (String, String) {
    (
        format!("linux/memory_policy/{fact}"),
        format!("config-linux.memory-policy.{requirement}"),
    )
}

fn applied(fact: &str, requirement: &str, policy: Value, mode: u32, nodes: &'static [u32]) -> Case {
    let (id, requirement) = case(fact, requirement);
    // A mode or flag that the kernel would not tell from the default shows by its absence only.
    let other = match mode {
        2 => json!({"mode": "MPOL_INTERLEAVE", "nodes": "0"}),
        _ => json!({"mode": "MPOL_BIND", "nodes": "0"}),
    };
    Case::new(id, requirement)
        .needs([Need::Numa])
        .bundle(move |b| b.set(POINTER, policy.clone()))
        .run(move |t| {
            let seen = t.must(t.agent())?.report.memory_policy.clone();
            let wanted = json!({"mode": mode, "nodes": nodes});
            t.eq("get_mempolicy(2)", seen.value(), wanted)
        })
        .saboteurs([alters(POINTER, other)])
}

fn refused() -> Vec<Case> {
    [
        ("mode_is_required", "mode-required", json!({"nodes": "0"})),
        (
            "unknown_mode",
            "invalid-mode-errors",
            json!({"mode": "MPOL_FOO", "nodes": "0"}),
        ),
        (
            "nodes_that_are_no_list",
            "nodes-format",
            json!({"mode": "MPOL_BIND", "nodes": "x"}),
        ),
        (
            "no_nodes_to_bind_to",
            "nodes-required-modes",
            json!({"mode": "MPOL_BIND"}),
        ),
        (
            "nodes_to_be_local_to",
            "nodes-forbidden-modes",
            json!({"mode": "MPOL_LOCAL", "nodes": "0"}),
        ),
        (
            "nodes_of_the_default",
            "nodes-forbidden-modes",
            json!({"mode": "MPOL_DEFAULT", "nodes": "0"}),
        ),
        (
            "unknown_flag",
            "invalid-flag-errors",
            json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_FOO"]}),
        ),
    ]
    .into_iter()
    .map(|(fact, requirement, policy)| {
        let (id, requirement) = case(&format!("{fact}_refused"), requirement);
        bad(id, requirement, POINTER, policy)
    })
    .collect()
}
