//! Where in a text of JSON a value stands that a type refuses, and what is wrong with it.
//!
//! serde_json tells how far it had read. A deserializer that keeps the path of each value tells more, and is a second
//! instance of all the code that reads a configuration.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::pointer::{self, Problem};

/// The value at which a text that is JSON was refused.
pub(crate) fn problem(text: &str, error: &serde_json::Error) -> Problem {
    let lines = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let read = lines.map(str::len).sum::<usize>() + error.column();
    // An error of syntax counts a byte that was only looked at; one of type does not, and stands before a bracket.
    let before_bracket = error.is_data() && matches!(text.as_bytes().get(read), Some(b'[' | b'{'));
    let (mut pointer, value) = find(text, |start, end| {
        start < read && read <= end || start == read && before_bracket
    });
    let message = without_position(error);
    for (kind, meaning) in [
        ("missing field `", "required property is missing"),
        ("duplicate field `", "property is given twice"),
    ] {
        let name = message
            .strip_prefix(kind)
            .and_then(|rest| rest.split_once('`'));
        if let Some((name, _)) = name {
            pointer::push(&mut pointer, name);
            return Problem::at(pointer, meaning);
        }
    }
    // All that is said of a value other than a word where one of some words is expected.
    if message == "expected value"
        && let Err(error) = serde_json::from_str::<String>(value)
    {
        return Problem::at(pointer, without_position(&error));
    }
    Problem::at(pointer, message)
}

fn without_position(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    if message.ends_with(&position) {
        message.truncate(message.len() - position.len());
    }
    message
}

/// Pointer and text of the innermost value whose bytes, by the first and the one behind the last, are those looked for.
fn find(text: &str, is_at: impl Fn(usize, usize) -> bool) -> (String, &str) {
    let is_at = |raw: &RawValue| {
        let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
        is_at(start, start + raw.get().len())
    };
    let mut pointer = String::new();
    let mut value = text;
    loop {
        let inside = if let Ok(map) = serde_json::from_str::<BTreeMap<String, &RawValue>>(value) {
            map.into_iter().find(|(_, raw)| is_at(raw))
        } else if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(value) {
            let index = list.iter().position(|raw| is_at(raw));
            index.map(|index| (index.to_string(), list[index]))
        } else {
            None
        };
        let Some((key, raw)) = inside else {
            return (pointer, value.trim());
        };
        pointer::push(&mut pointer, key);
        value = raw.get();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use oci_spec::runtime::Spec;
    use serde_json::{Value, json};

    use super::super::gaps;
    use super::*;

    /// What serde_path_to_error finds, which keeps the path of each value.
    fn by_path(value: Value) -> Option<Problem> {
        use serde_path_to_error::Segment;
        let error = serde_path_to_error::deserialize::<_, Spec>(value).err()?;
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer::push(&mut pointer, index),
                Segment::Map { key } => pointer::push(&mut pointer, key),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let message = error.inner().to_string();
        let missing = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split_once('`'));
        let Some((name, _)) = missing else {
            return Some(Problem::at(pointer, message));
        };
        pointer::push(&mut pointer, name);
        Some(Problem::at(pointer, "required property is missing"))
    }

    fn by_text(text: &str) -> Option<Problem> {
        let error = serde_json::from_str::<Spec>(text).err()?;
        Some(problem(text, &error))
    }

    /// Of a value where a word is expected, the text says the type as of any other.
    fn as_of_text(mut found: Problem) -> Problem {
        found.message = match &*found.message {
            "invalid value: map, expected map with a single key" => {
                "invalid type: map, expected a string".to_owned()
            }
            other => other.replace("expected string or map", "expected a string"),
        };
        found
    }

    /// Every configuration that `change` makes of this one.
    fn changed(config: &Value, at: &str, each: &mut impl FnMut(&str, Value)) {
        let wrong = [
            json!(null),
            json!(true),
            json!(7),
            json!(-7),
            json!(0.5),
            json!(1e300),
            json!("no such word"),
            json!([]),
            json!({}),
            json!([[]]),
            json!([{}]),
            json!({"a/b": 7}),
        ];
        for bad in wrong {
            let mut changed = config.clone();
            *changed.pointer_mut(at).expect("it is there") = bad;
            each(at, changed);
        }
        let keys: Vec<String> = match config.pointer(at) {
            Some(Value::Object(map)) => map.keys().cloned().collect(),
            Some(Value::Array(list)) => (0..list.len()).map(|index| index.to_string()).collect(),
            _ => return,
        };
        for key in keys {
            let mut changed = config.clone();
            if let Some(map) = changed.pointer_mut(at).and_then(Value::as_object_mut) {
                map.remove(&key);
                each(&pointer::child(at, &key), changed);
            }
            self::changed(config, &pointer::child(at, key), each);
        }
    }

    #[test]
    fn what_is_found_is_what_a_kept_path_tells() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/configs/good");
        let mut differences = Vec::new();
        let mut compared = 0;
        for file in fs::read_dir(folder).expect("a folder") {
            let text = fs::read_to_string(file.expect("listed").path()).expect("readable");
            let config = serde_json::from_str(&text).expect("JSON");
            changed(&config, "", &mut |at, mut value| {
                gaps::rewrite(&mut value);
                let texts = [value.to_string(), format!("{value:#}\n")];
                let path = by_path(value).map(as_of_text);
                for text in texts {
                    let found = by_text(&text);
                    compared += usize::from(path.is_some());
                    if found != path {
                        differences.push(format!("{at}: {found:?}\n  {path:?}\n  {text}"));
                    }
                }
            });
        }
        assert!(compared > 10_000, "{compared}");
        assert!(
            differences.is_empty(),
            "{} of {compared}:\n{}",
            differences.len(),
            differences.join("\n")
        );
    }

    #[test]
    fn a_property_given_twice_is_named() {
        let text =
            r#"{"ociVersion": "1.0.0", "root": {"path": "a", "readonly": true, "path": "b"}}"#;
        let twice = Problem::at("/root/path", "property is given twice");
        assert_eq!(by_text(text), Some(twice));
    }

    #[test]
    fn an_array_too_long_for_its_object_is_refused_where_it_is_too_long() {
        let text = r#"{"ociVersion": "1.0.0", "root": ["a", true, "b"]}"#;
        assert_eq!(
            by_text(text),
            Some(Problem::at("/root/2", "trailing characters"))
        );
    }
}
