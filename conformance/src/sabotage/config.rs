//! Changing a JSON file for the length of a call.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::verdict::{Check, Stop};

/// The files that are changed just now, each with how many calls rely on that and the original.
/// Calls may overlap (a race between two creates): the first changes the file, the last puts it back.
type Swapped = BTreeMap<PathBuf, (usize, Vec<u8>)>;

static SWAPPED: Mutex<Swapped> = Mutex::new(BTreeMap::new());

fn swapped() -> MutexGuard<'static, Swapped> {
    // A panic elsewhere leaves the map as it was between two calls.
    SWAPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `call` while the JSON file is as `edit` makes it. A file that is missing or no JSON is
/// left as it is: then the case is about just that.
pub(super) fn swap<T>(
    file: &Path,
    edit: &dyn Fn(&mut Value),
    call: impl FnOnce() -> Check<T>,
) -> Check<T> {
    {
        let mut map = swapped();
        if let Some((users, _)) = map.get_mut(file) {
            *users += 1;
        } else {
            let Some((original, mut json)) = read(file) else {
                return call();
            };
            edit(&mut json);
            write(file, json.to_string().as_bytes())?;
            map.insert(file.to_owned(), (1, original));
        }
    }
    let result = call();
    let mut map = swapped();
    if let Some((users, original)) = map.get_mut(file) {
        *users -= 1;
        if *users == 0 {
            let restored = write(file, original);
            map.remove(file);
            restored?;
        }
    }
    result
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
        let edit = |json: &mut Value| remove(json, "/a");
        swap(&file, &edit, || {
            swap(&file, &edit, || Ok(()))?;
            assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"b":2}"#);
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), original);
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        fs::write(&file, "{").unwrap();
        swap(&file, &|_| panic!("not JSON"), || Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    }
}
