//! Either the name of a catalogue entry or its definition in place.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use std::marker::PhantomData;

/// `use: NAME`, or an inline mapping.
///
/// A hand-written visitor instead of serde's `untagged`, because that loses the place of errors.
#[derive(Debug, Clone)]
pub enum NameOr<T> {
    /// A name to look up.
    Name(String),
    /// A definition in place.
    Inline(Box<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NameOr<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct NameOrVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for NameOrVisitor<T> {
            type Value = NameOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a catalogue entry, or a mapping that defines one")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<NameOr<T>, E> {
                Ok(NameOr::Name(name.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NameOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|v| NameOr::Inline(Box::new(v)))
            }
        }

        d.deserialize_any(NameOrVisitor(PhantomData))
    }
}
