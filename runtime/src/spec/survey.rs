//! The pass over the text by the table of shapes.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::pointer::{self, Problem};
use super::shape::{Field, Need, Shape, Slot};

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Required properties that are missing, objects that are none, properties given twice.
    pub(super) problems: Vec<Problem>,
    /// Pointers of absent properties that some cases require.
    pub(super) absent: Vec<String>,
    /// The values picked up, in the order of the text.
    pub(super) taken: Vec<Taken>,
}

/// A value picked up.
#[derive(Debug)]
pub(super) struct Taken {
    /// Which.
    pub(super) slot: Slot,
    /// Where it stood.
    pub(super) pointer: String,
    /// What it was.
    pub(super) scalar: Scalar,
}

/// A value that is no container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A string.
    Text(String),
    /// A whole number; i128 holds all that JSON numbers of Rust's widths can be.
    Number(i128),
    /// `null`, which counts as absent.
    Null,
    /// Anything else.
    Other,
}

/// Passes over the text. An error is one of JSON's syntax.
pub(super) fn survey(text: &str, shape: &'static Shape) -> serde_json::Result<Survey> {
    let mut found = Survey::default();
    let mut path = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    Walk {
        shape,
        found: &mut found,
        path: &mut path,
    }
    .deserialize(&mut json)?;
    json.end()?;
    Ok(found)
}

/// A step of the path to the current value.
enum Step {
    Name(&'static str),
    Key(String),
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => index.fmt(f),
        }
    }
}

/// The pass at one value.
struct Walk<'a> {
    shape: &'static Shape,
    found: &'a mut Survey,
    path: &'a mut Vec<Step>,
}

impl Walk<'_> {
    fn pointer(&self) -> String {
        let mut text = String::new();
        for step in self.path.iter() {
            pointer::push(&mut text, step);
        }
        text
    }

    /// The pass at a value inside this one.
    fn inside(&mut self, step: Step, shape: &'static Shape) -> Walk<'_> {
        self.path.push(step);
        Walk {
            shape,
            found: self.found,
            path: self.path,
        }
    }

    fn problem(&mut self, message: impl Into<String>) {
        let problem = Problem::at(self.pointer(), message);
        self.found.problems.push(problem);
    }

    /// A value that is neither array nor object.
    fn scalar(&mut self, scalar: Scalar) {
        match self.shape {
            Shape::Take(slot) => {
                let taken = Taken {
                    slot: *slot,
                    pointer: self.pointer(),
                    scalar,
                };
                self.found.taken.push(taken);
            }
            Shape::Object(_) | Shape::Map(_) if scalar != Scalar::Null => {
                self.problem("invalid type: expected an object");
            }
            Shape::List(_) if scalar != Scalar::Null => {
                self.problem("invalid type: expected an array");
            }
            _ => {}
        }
    }

    /// An object with known properties.
    fn object<'de, A>(&mut self, fields: &'static [Field], mut map: A) -> Result<(), A::Error>
    where
        A: MapAccess<'de>,
    {
        let mut seen = 0_u32;
        while let Some(index) = map.next_key_seed(Name(fields))? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let Field(name, _, shape) = &fields[index];
            let value = map.next_value_seed(self.inside(Step::Name(name), shape));
            if seen & (1 << index) != 0 {
                self.problem("property is given twice");
            }
            self.path.pop();
            value?;
            seen |= 1 << index;
        }
        for (index, Field(name, need, _)) in fields.iter().enumerate() {
            if *need == Need::May || seen & (1 << index) != 0 {
                continue;
            }
            let missing = pointer::child(&self.pointer(), name);
            if *need == Need::Must {
                self.found
                    .problems
                    .push(Problem::at(missing, "required property is missing"));
            } else {
                self.found.absent.push(missing);
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if matches!(self.shape, Shape::Any) {
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        match self.shape {
            Shape::Object(fields) => return self.object(fields, map),
            Shape::Map(shape) => {
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value_seed(self.inside(Step::Key(key), shape));
                    self.path.pop();
                    value?;
                }
                return Ok(());
            }
            Shape::List(_) => self.problem("invalid type: expected an array"),
            Shape::Any | Shape::Take(_) => self.scalar(Scalar::Other),
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        match self.shape {
            Shape::List(shape) => {
                let mut index = 0;
                loop {
                    let value = seq.next_element_seed(self.inside(Step::Index(index), shape));
                    self.path.pop();
                    if value?.is_none() {
                        return Ok(());
                    }
                    index += 1;
                }
            }
            Shape::Object(_) | Shape::Map(_) => self.problem("invalid type: expected an object"),
            Shape::Any | Shape::Take(_) => self.scalar(Scalar::Other),
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<(), E> {
        self.scalar(Scalar::Number(number.into()));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<(), E> {
        self.scalar(Scalar::Number(number.into()));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.scalar(Scalar::Other);
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.scalar(Scalar::Other);
        Ok(())
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.scalar(Scalar::Null);
        Ok(())
    }
}

/// A key, as its index in the table; `None` for one that is not there.
struct Name(&'static [Field]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|field| field.0 == name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::CONFIG;
    use super::*;

    fn first(text: &str) -> Option<(String, String)> {
        let problem = survey(text, &CONFIG)
            .expect("valid JSON")
            .problems
            .into_iter()
            .next();
        problem.map(|problem| (problem.pointer, problem.message))
    }

    #[test]
    fn missing_doubled_and_mistyped_properties_are_found_where_they_stand() {
        let missing = "required property is missing";
        let object = "invalid type: expected an object";
        for (text, pointer, message) in [
            (r#"{"root":{"path":"r"}}"#, "/ociVersion", missing),
            (r#"{"ociVersion":"1.0.0","root":{}}"#, "/root/path", missing),
            (r#"{"ociVersion":"1.0.0","root":["r"]}"#, "/root", object),
            (r#"{"ociVersion":"1.0.0","root":"r"}"#, "/root", object),
            ("[]", "", object),
            (
                r#"{"ociVersion":"1.0.0","root":{"path":"r"},"mounts":[{"destination":"/a"},{}]}"#,
                "/mounts/1/destination",
                missing,
            ),
            (
                r#"{"ociVersion":"1.0.0","root":{"path":"r"},"mounts":{}}"#,
                "/mounts",
                "invalid type: expected an array",
            ),
            (
                r#"{"ociVersion":"1.0.0","ociVersion":"1.0.0","root":{"path":"r"}}"#,
                "/ociVersion",
                "property is given twice",
            ),
            (
                r#"{"ociVersion":"1.0.0","root":{"path":"r"},"linux":{"rdma":1,"resources":{"rdma":{"a/b":1}}}}"#,
                "/linux/resources/rdma/a~1b",
                object,
            ),
        ] {
            assert_eq!(
                first(text),
                Some((pointer.to_owned(), message.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_the_table_does_not_name_may_nest_a_million_deep() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let text = format!(r#"{{"ociVersion":"1.0.0","root":{{"path":"r"}},"x":{deep}}}"#);
        assert_eq!(first(&text), None);
    }
}
