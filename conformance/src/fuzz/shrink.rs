//! Makes a config that shows something as small as it gets: fewer entries first, then fewer members
//! of the lists in them. What is left out is left out everywhere, so that sets of capabilities stay
//! within each other.

use serde_json::Value;

use super::strategy::{Change, Changes};
use crate::verdict::Check;

/// The list of namespaces is no list of things that can be left out: each that is missing is the
/// host's, which the container would then change.
const WHOLE: [&str; 1] = ["/linux/namespaces"];

/// A search for the smallest config, with a limit.
pub struct Shrink<'a> {
    /// How many configs were tried.
    pub steps: usize,
    /// The most that are.
    pub most: usize,
    /// Whether a config still shows it.
    pub shows: &'a mut dyn FnMut(&[Change]) -> Check<bool>,
}

impl Shrink<'_> {
    /// The smallest config found that still shows it.
    pub fn smallest(&mut self, changes: &[Change]) -> Check<Changes> {
        let mut changes = self.reduced(changes, changes.to_vec(), |_, kept| kept.to_vec())?;
        for at in 0..changes.len() {
            if WHOLE.contains(&changes[at].pointer) {
                continue;
            }
            let members = members(&changes[at].value);
            let all = members.clone();
            changes = self.reduced(&changes, members, move |changes, kept| {
                let gone: Vec<&Value> = all.iter().filter(|one| !kept.contains(one)).collect();
                let mut smaller = changes.to_vec();
                strip(&mut smaller[at].value, &gone);
                smaller
            })?;
        }
        Ok(changes)
    }

    /// Leaves out as many parts as can be, in ever smaller pieces; `with` makes a config with only
    /// these parts of one with all.
    fn reduced<T: Clone>(
        &mut self,
        whole: &[Change],
        mut parts: Vec<T>,
        with: impl Fn(&[Change], &[T]) -> Changes,
    ) -> Check<Changes> {
        let mut best = whole.to_vec();
        let mut size = parts.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < parts.len() && self.steps < self.most {
                let mut fewer = parts.clone();
                fewer.drain(at..(at + size).min(parts.len()));
                let smaller = with(whole, &fewer);
                self.steps += 1;
                if (self.shows)(&smaller)? {
                    (parts, best) = (fewer, smaller);
                } else {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        Ok(best)
    }
}

/// All members of lists in a value, each once.
pub(super) fn members(value: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match value {
        Value::Array(items) => {
            for item in items {
                found.push(item.clone());
                found.extend(members(item));
            }
        }
        Value::Object(map) => found.extend(map.values().flat_map(members)),
        _ => {}
    }
    let mut once: Vec<Value> = Vec::new();
    for one in found {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// Takes these members out of all lists.
fn strip(value: &mut Value, gone: &[&Value]) {
    match value {
        Value::Array(items) => {
            items.retain(|item| !gone.contains(&item));
            for item in items {
                strip(item, gone);
            }
        }
        Value::Object(map) => map.values_mut().for_each(|item| strip(item, gone)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(pointer: &'static str, value: Value) -> Change {
        Change { pointer, value }
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        let namespaces = change("/linux/namespaces", json!([{"type": "pid"}]));
        let sets = json!({"bounding": ["A", "B", "C"], "permitted": ["A", "B"]});
        let drawn = vec![
            change("/hostname", json!("h")),
            change("/process/capabilities", sets),
            namespaces.clone(),
            change("/domainname", json!("d")),
        ];
        let guilty = |changes: &[Change]| {
            let sets = changes
                .iter()
                .find(|one| one.pointer.ends_with("capabilities"));
            let has = sets.is_some_and(|one| one.value["bounding"].to_string().contains('B'));
            Ok(has && changes.contains(&namespaces))
        };
        let mut shrink = Shrink {
            steps: 0,
            most: 60,
            shows: &mut |changes| guilty(changes),
        };
        let smallest = shrink.smallest(&drawn).unwrap();
        let sets = json!({"bounding": ["B"], "permitted": ["B"]});
        assert_eq!(
            smallest,
            [change("/process/capabilities", sets), namespaces.clone()]
        );
        assert!(shrink.steps < 20, "{}", shrink.steps);
    }

    #[test]
    fn the_limit_leaves_what_was_seen_to_show_it() {
        let drawn = vec![
            change("/a", json!(1)),
            change("/b", json!(2)),
            change("/c", json!(3)),
        ];
        let mut shrink = Shrink {
            steps: 0,
            most: 1,
            shows: &mut |changes| Ok(changes.iter().any(|one| one.pointer == "/c")),
        };
        let smallest = shrink.smallest(&drawn).unwrap();
        assert_eq!(smallest, drawn[2..]);
    }
}
