//! Changing a JSON file for the length of a call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::verdict::{Check, Stop};

/// Tells one edit from another, so that each is made once however many calls ask for it at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EditId(u64);

impl EditId {
    /// That of no edit so far.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A file that is changed just now.
struct Swap {
    original: Vec<u8>,
    /// How many calls rely on the change.
    users: usize,
    /// The edits that are in it.
    made: BTreeSet<EditId>,
}

/// Calls may overlap (a race between two creates) and edits may nest (`drops(…).and(drops(…))`):
/// whoever comes adds its edit if it is not there yet, and the last to leave puts the file back.
static SWAPPED: Mutex<BTreeMap<PathBuf, Swap>> = Mutex::new(BTreeMap::new());

fn swapped() -> MutexGuard<'static, BTreeMap<PathBuf, Swap>> {
    // A panic elsewhere leaves the map as it was between two calls.
    SWAPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `call` while the JSON file is as `edit` makes it. A file that is missing or no JSON is
/// left as it is: then the case is about just that.
pub(super) fn swap<T>(
    file: &Path,
    id: EditId,
    edit: &dyn Fn(&mut Value),
    call: impl FnOnce() -> Check<T>,
) -> Check<T> {
    if !enter(file, id, edit)? {
        return call();
    }
    let result = call();
    leave(file)?;
    result
}

/// Makes the edit; false if the file cannot be edited.
fn enter(file: &Path, id: EditId, edit: &dyn Fn(&mut Value)) -> Check<bool> {
    let mut map = swapped();
    if !map.get(file).is_some_and(|swap| swap.made.contains(&id)) {
        let Some((before, mut json)) = read(file) else {
            return Ok(false);
        };
        edit(&mut json);
        write(file, json.to_string().as_bytes())?;
        let swap = map.entry(file.to_owned()).or_insert(Swap {
            original: before,
            users: 0,
            made: BTreeSet::new(),
        });
        swap.made.insert(id);
    }
    if let Some(swap) = map.get_mut(file) {
        swap.users += 1;
    }
    Ok(true)
}

/// Puts the file back, if nobody relies on the change any more.
fn leave(file: &Path) -> Check {
    let mut map = swapped();
    if let Some(swap) = map.get_mut(file) {
        swap.users -= 1;
        if swap.users == 0 {
            let restored = write(file, &swap.original);
            map.remove(file);
            restored?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Option<(Vec<u8>, Value)> {
    let bytes = fs::read(file).ok()?;
    let json = serde_json::from_slice(&bytes).ok()?;
    Some((bytes, json))
}

/// Replaces the content, keeping inode, owner and mode.
fn write(file: &Path, bytes: &[u8]) -> Check {
    fs::write(file, bytes).map_err(|error| Stop::broken(format!("write {}", file.display()), error))
}

/// The last name of a pointer, unescaped, and the pointer to what holds it.
fn split(pointer: &str) -> Option<(&str, String)> {
    let (parent, name) = pointer.rsplit_once('/')?;
    Some((parent, name.replace("~1", "/").replace("~0", "~")))
}

/// Removes the entry at a JSON pointer, if it is there.
pub(super) fn remove(json: &mut Value, pointer: &str) {
    let Some((parent, name)) = split(pointer) else {
        return;
    };
    match json.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&name);
        }
        Some(Value::Array(list)) => {
            if let Some(index) = name
                .parse()
                .ok()
                .filter(|&index: &usize| index < list.len())
            {
                list.remove(index);
            }
        }
        _ => {}
    }
}

/// Sets the entry at a JSON pointer, making the objects on the way; `-` appends to an array.
pub(crate) fn alter(json: &mut Value, pointer: &str, value: Value) {
    let Some((parent, name)) = split(pointer) else {
        *json = value;
        return;
    };
    if json.pointer(parent).is_none_or(Value::is_null) {
        alter(json, parent, Value::Object(Map::new()));
    }
    match json.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.insert(name, value);
        }
        Some(Value::Array(list)) => match name.parse::<usize>() {
            Ok(index) if index < list.len() => list[index] = value,
            _ => list.push(value),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_removed_by_pointer() {
        let mut config = json!({"a": {"b": 1, "c/d": 2}, "l": [1, 2, 3]});
        remove(&mut config, "/a/b");
        remove(&mut config, "/a/c~1d");
        remove(&mut config, "/l/1");
        remove(&mut config, "/l/9");
        remove(&mut config, "/x/y");
        assert_eq!(config, json!({"a": {}, "l": [1, 3]}));
    }

    #[test]
    fn entries_are_set_and_made_by_pointer() {
        let mut config = json!({"l": [1, 2], "n": null});
        alter(&mut config, "/a/b/c", json!(true));
        alter(&mut config, "/l/0", json!(9));
        alter(&mut config, "/l/-", json!(3));
        alter(&mut config, "/n/m", json!(4));
        assert_eq!(
            config,
            json!({"a": {"b": {"c": true}}, "l": [9, 2, 3], "n": {"m": 4}})
        );
    }

    #[test]
    fn overlapping_swaps_put_the_original_back_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        let original = "{ \"a\": 1,  \"b\": 2 }\n";
        fs::write(&file, original).unwrap();
        let (id, edit) = (EditId::new(), |json: &mut Value| remove(json, "/a"));
        swap(&file, id, &edit, || {
            swap(&file, id, &edit, || Ok(()))?;
            assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"b":2}"#);
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), original);
    }

    #[test]
    fn nested_swaps_add_up_and_each_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        fs::write(&file, "[0,1,2,3]").unwrap();
        let (outer, inner) = (EditId::new(), EditId::new());
        swap(&file, outer, &|json| remove(json, "/0"), || {
            for _ in 0..2 {
                swap(&file, inner, &|json| remove(json, "/2"), || {
                    assert_eq!(fs::read_to_string(&file).unwrap(), "[1,2]");
                    Ok(())
                })?;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "[0,1,2,3]");
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        fs::write(&file, "{").unwrap();
        swap(&file, EditId::new(), &|_| panic!("not JSON"), || Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    }
}
