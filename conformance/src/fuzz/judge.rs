//! What two runtimes show differently, or one shows otherwise than [`super::expected`].

use serde_json::Value;

use super::observe::Observation;

/// A thing that was seen otherwise.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// What was looked at.
    pub what: String,
    /// What the first runtime shows, or the config makes us expect; none where it is missing.
    pub first: Option<Value>,
    /// What the second runtime shows, or the only one.
    pub second: Option<Value>,
}

/// What two runtimes show differently.
pub fn between(first: &Observation, second: &Observation) -> Vec<Difference> {
    let refused = first.get("outcome") != second.get("outcome");
    let mut names: Vec<&String> = first.keys().chain(second.keys()).collect();
    names.sort();
    names.dedup();
    // Where only one started, the rest follows from that.
    names
        .into_iter()
        .filter(|name| !refused || *name == "outcome")
        .filter(|name| first.get(*name) != second.get(*name))
        .map(|name| difference(name, first.get(name), second.get(name)))
        .collect()
}

/// What one runtime shows otherwise than expected.
pub fn against(expected: &Observation, seen: &Observation) -> Vec<Difference> {
    let named: Observation = seen
        .iter()
        .filter(|(name, _)| expected.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    between(expected, &named)
        .into_iter()
        .filter(|difference| !is_met(difference))
        .collect()
}

/// A mount's options, and the environment, are met by more than were asked for; what is not there
/// can be neither masked nor made read-only.
fn is_met(difference: &Difference) -> bool {
    let list = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).cloned();
    let may_be_more = difference.what.starts_with("mount/") || difference.what == "report/env";
    match (list(&difference.first), list(&difference.second)) {
        (Some(wanted), Some(seen)) if may_be_more => {
            wanted.iter().all(|option| seen.contains(option))
        }
        _ => {
            let missing = |value: &Value| value == "missing";
            difference.what.starts_with("path/") && difference.second.as_ref().is_some_and(missing)
        }
    }
}

fn difference(what: &str, first: Option<&Value>, second: Option<&Value>) -> Difference {
    Difference {
        what: what.to_owned(),
        first: first.cloned(),
        second: second.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(pairs: &[(&str, Value)]) -> Observation {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn a_refusal_is_the_only_difference() {
        let started = seen(&[("outcome", json!("started")), ("report/umask", json!(1))]);
        let refused = seen(&[("outcome", json!("create refused"))]);
        let found = between(&started, &refused);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "outcome");
        assert!(between(&started, &started).is_empty());
    }

    #[test]
    fn only_what_is_expected_is_judged_and_more_options_are_no_fault() {
        let wanted = seen(&[
            ("outcome", json!("started")),
            ("mount//x/options", json!(["ro"])),
        ]);
        let mut shown = seen(&[
            ("outcome", json!("started")),
            ("mount//x/options", json!(["nodev", "ro"])),
            ("other", json!(1)),
        ]);
        assert!(against(&wanted, &shown).is_empty());
        shown.insert("mount//x/options".into(), json!(["rw"]));
        assert_eq!(against(&wanted, &shown).len(), 1);
        shown.remove("mount//x/options");
        assert_eq!(against(&wanted, &shown)[0].second, None);
    }
}
