//! Every property with a value that it cannot have: refused, at its own pointer.
//!
//! The good configurations of `fixtures/configs` are changed at one place at a time.

use std::fs;
use std::path::Path;

use plimrun::spec::{self, SpecError};
use serde_json::{Value, json};

/// What is not looked at, since a runtime ignores what it does not know.
const IGNORED: [&str; 2] = [
    "unknown-properties-are-ignored",
    "other-platforms-are-ignored",
];

fn good() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/configs/good");
    let files = fs::read_dir(folder).expect("a folder");
    files
        .map(|file| file.expect("listed").path())
        .map(|path| {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(path).expect("readable");
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .filter(|(name, _)| !IGNORED.contains(&name.as_str()))
        .collect()
}

/// The pointers of all values below this one.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let mut inside = |key: &str, value: &Value| {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, all);
        all.push(pointer);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| inside(key, value)),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                inside(&index.to_string(), value);
            }
        }
        _ => {}
    }
}

/// Puts at every place of every good configuration what `wrong` makes of the value there, and lists
/// what is not refused at that place.
fn faults(wrong: impl Fn(&str, &Value) -> Vec<Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, config) in good() {
        let mut all = Vec::new();
        pointers(&config, "", &mut all);
        for pointer in all {
            let value = config.pointer(&pointer).expect("it is there");
            for bad in wrong(&pointer, value) {
                let mut changed = config.clone();
                *changed.pointer_mut(&pointer).expect("it is there") = bad.clone();
                match spec::from_str(changed.to_string()) {
                    Err(SpecError::Invalid { pointer: at, .. }) if at == pointer => {}
                    other => faults.push(format!(
                        "{name}: {pointer} = {bad}: {}",
                        other.map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
                    )),
                }
            }
        }
    }
    faults
}

/// Fails with the faults, if there are any.
fn all_refused(wrong: impl Fn(&str, &Value) -> Vec<Value>) {
    let faults = faults(wrong);
    assert!(
        faults.is_empty(),
        "{}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn a_value_of_another_type_is_refused_where_it_stands() {
    all_refused(|_, value| match value {
        Value::String(_) => vec![json!(7), json!(true), json!([]), json!({})],
        Value::Number(_) => vec![json!("7"), json!(true), json!([7]), json!({}), json!(0.5)],
        Value::Bool(_) => vec![json!("true"), json!(1), json!([]), json!({})],
        Value::Array(_) => vec![json!({}), json!("x"), json!(7), json!(true)],
        Value::Object(_) => vec![json!([]), json!("x"), json!(7), json!(true)],
        Value::Null => Vec::new(),
    });
}

#[test]
fn a_number_that_no_field_holds_is_refused_where_it_stands() {
    all_refused(|_, value| match value {
        Value::Number(_) => ["-9223372036854775809", "18446744073709551616", "1e300"]
            .map(|text| serde_json::from_str(text).expect("a number"))
            .into(),
        _ => Vec::new(),
    });
}

#[test]
fn a_negative_number_is_refused_where_none_may_be() {
    let signed = |pointer: &str| {
        let name = pointer.rsplit('/').next();
        name.is_some_and(|name| ["nice", "oomScoreAdj", "secs"].contains(&name))
    };
    // -1 means "no limit" in some places.
    all_refused(|pointer, value| match value {
        Value::Number(_) if !signed(pointer) => vec![json!(-2)],
        _ => Vec::new(),
    });
}

#[test]
fn a_string_that_the_kernel_cannot_read_is_refused_where_it_stands() {
    // Annotations never reach the kernel, capabilities that are not known only warn, and a mount that is
    // no remount any more lacks a source.
    let exempt = |pointer: &str, text: &str| {
        pointer.starts_with("/annotations/")
            || pointer.starts_with("/process/capabilities/")
            || text == "remount"
    };
    all_refused(|pointer, value| match value {
        Value::String(text) if !exempt(pointer, text) => vec![json!(format!("{text}\0"))],
        _ => Vec::new(),
    });
}

/// Whether any word may stand there: names, paths and text, and what a file system or a controller of the
/// kernel reads. Capabilities that are not known only warn.
fn free(pointer: &str) -> bool {
    let named = pointer
        .split('/')
        .rfind(|name| name.parse::<usize>().is_err());
    named.is_some_and(|name| FREE.contains(&name))
        || pointer == "/root/path"
        || pointer.starts_with("/mounts/") && pointer.ends_with("/type")
        || FREE_MAPS.iter().any(|map| pointer.starts_with(map))
}

const FREE: [&str; 17] = [
    "apparmorProfile",
    "args",
    "cgroupsPath",
    "closID",
    "destination",
    "domainname",
    "env",
    "hostname",
    "l3CacheSchema",
    "listenerMetadata",
    "mountLabel",
    "name",
    "names",
    "options",
    "schemata",
    "selinuxLabel",
    "source",
];

const FREE_MAPS: [&str; 4] = [
    "/annotations/",
    "/linux/resources/unified/",
    "/linux/sysctl/",
    "/process/capabilities/",
];

#[test]
fn a_word_that_is_none_of_those_known_is_refused_where_it_stands() {
    all_refused(|pointer, value| match value {
        Value::String(_) if !free(pointer) => vec![json!("no such word")],
        _ => Vec::new(),
    });
}
