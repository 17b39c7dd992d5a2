//! The leaves of config.json that `fixtures` lists are those that oci-spec's types hold, so that none
//! that the types come to know is forgotten.

use std::collections::BTreeSet;

use oci_spec::runtime::Spec;
use plimsoll_fixtures::leaves::LEAVES;
use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Leaves of the specification that oci-spec 0.10 has no place for.
const UNKNOWN_TO_THE_TYPES: &[&str] = &[];

/// Whether a leaf of the types is another platform's, or none of the release: both mappings lay at the
/// top before 1.0, and what monitors a resctrl group had two names up to 1.2.
fn is_foreign(leaf: &str) -> bool {
    const FOREIGN: [&str; 8] = [
        "solaris/",
        "windows/",
        "vm/",
        "zos/",
        "uidMappings/",
        "gidMappings/",
        "linux/intelRdt/enableCmt",
        "linux/intelRdt/enableMbm",
    ];
    FOREIGN.iter().any(|part| leaf.starts_with(part))
}

#[test]
fn every_leaf_of_the_types_is_listed() {
    let mut found = BTreeSet::new();
    let walk = Walk {
        path: String::new(),
        leaves: &mut found,
    };
    if let Err(error) = Spec::deserialize(walk) {
        panic!("behind {:?}: {error}", found.last());
    }
    found.retain(|leaf| !is_foreign(leaf));
    let listed: BTreeSet<String> = LEAVES.iter().map(|leaf| leaf.path.to_owned()).collect();
    assert_eq!(listed.len(), LEAVES.len(), "a leaf is listed twice");
    let forgotten: Vec<_> = found.difference(&listed).collect();
    assert!(forgotten.is_empty(), "not listed: {forgotten:#?}");
    let unknown: Vec<_> = listed.difference(&found).collect();
    assert_eq!(unknown, UNKNOWN_TO_THE_TYPES);
}

/// Hands out a document that holds all a type asks for, and notes each value by its place.
struct Walk<'l> {
    path: String,
    leaves: &'l mut BTreeSet<String>,
}

impl Walk<'_> {
    /// The same, one name deeper.
    fn below(&mut self, name: &str) -> Walk<'_> {
        Walk {
            path: match self.path.as_str() {
                "" => name.to_owned(),
                path => format!("{path}/{name}"),
            },
            leaves: self.leaves,
        }
    }

    fn leaf(self) {
        self.leaves.insert(self.path);
    }
}

/// A value that is text to the types, and more than text to some of them.
fn text(path: &str) -> &'static str {
    if path.contains("/capabilities/") {
        "CAP_KILL"
    } else if path.contains("/execCPUAffinity/") {
        "0"
    } else {
        "x"
    }
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = text(&self.path);
        self.leaf();
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_bool(true)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_i32(1)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_i64(1)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_u8(1)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_u16(1)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_u32(1)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_u64(1)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Names::of(self, &["-"]))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Names::of(self, &["*"]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Names::of(self, fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_enum(Word(variants[0]))
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct identifier ignored_any
    }
}

/// The entries of an object or list, one a name.
struct Names<'l> {
    walk: Walk<'l>,
    left: std::slice::Iter<'static, &'static str>,
    value_of: &'static str,
}

impl<'l> Names<'l> {
    fn of(walk: Walk<'l>, names: &'static [&'static str]) -> Self {
        Self {
            walk,
            left: names.iter(),
            value_of: "",
        }
    }
}

impl<'de> MapAccess<'de> for Names<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.left.next() else {
            return Ok(None);
        };
        self.value_of = name;
        seed.deserialize(BorrowedStrDeserializer::new(name))
            .map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.walk.below(self.value_of))
    }
}

impl<'de> SeqAccess<'de> for Names<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.left.next() {
            Some(name) => seed.deserialize(self.walk.below(name)).map(Some),
            None => Ok(None),
        }
    }
}

/// A variant that holds nothing.
struct Word(&'static str);

impl<'de> EnumAccess<'de> for Word {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let variant = seed.deserialize(BorrowedStrDeserializer::new(self.0))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Word {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(BorrowedStrDeserializer::new(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}
