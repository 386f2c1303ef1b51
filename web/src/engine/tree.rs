//! Messages out of JSON, read as a tree first. Types are then filled field by field in the order in which they name
//! their fields, so that serde's code for fields in any order, by far most of its code, is never written out: a tenth
//! of the page.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// Reads `T` out of a JSON text. Nothing where it is none, a field is missing, or a value is of another kind; unknown
/// fields are passed over, and `null` is a number that JSON cannot write.
pub fn parse<T: de::DeserializeOwned>(json: &str) -> Option<T> {
    let tree: Value = serde_json::from_str(json).ok()?;
    T::deserialize(Node(&tree)).ok()
}

/// The text is not what was expected. The page and its engine are of one build, so nobody needs to know more.
#[derive(Debug)]
struct Unexpected;

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an unexpected message")
    }
}

impl std::error::Error for Unexpected {}

impl de::Error for Unexpected {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
}

/// A value of the tree.
#[derive(Clone, Copy)]
struct Node<'de>(&'de Value);

/// What a type asks for, and where the tree has it.
macro_rules! scalars {
    ($($method:ident $visit:ident $get:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
            let get: fn(&'de Value) -> Option<_> = $get;
            visitor.$visit(get(self.0).ok_or(Unexpected)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Unexpected;

    scalars! {
        deserialize_bool visit_bool Value::as_bool;
        deserialize_u32 visit_u64 Value::as_u64;
        deserialize_u64 visit_u64 Value::as_u64;
        deserialize_i32 visit_i64 Value::as_i64;
        deserialize_f64 visit_f64 |value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
        deserialize_string visit_str Value::as_str;
        deserialize_seq visit_seq |value| Some(Items(value.as_array()?.iter()));
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unexpected> {
        Err(Unexpected)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unexpected> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        visitor.visit_seq(Fields(self.0.as_object().ok_or(Unexpected)?, names))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        let (name, body) = match self.0 {
            Value::String(name) => (name, &Value::Null),
            Value::Object(one) => one.iter().next().ok_or(Unexpected)?,
            _ => return Err(Unexpected),
        };
        let place = names.iter().position(|known| known == name).ok_or(Unexpected)?;
        visitor.visit_enum(Variant(place as u32, Node(body)))
    }

    forward_to_deserialize_any! {
        i8 i16 i64 i128 u8 u16 u128 f32 char str bytes byte_buf unit unit_struct newtype_struct tuple_struct map
        identifier ignored_any
    }
}

/// The elements of an array.
struct Items<'de>(std::slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Unexpected;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unexpected> {
        self.0.next().map(|value| seed.deserialize(Node(value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The fields of a struct, in the struct's order; one that is missing takes its default or fails.
struct Fields<'de>(&'de Map<String, Value>, &'static [&'static str]);

impl<'de> SeqAccess<'de> for Fields<'de> {
    type Error = Unexpected;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unexpected> {
        let (name, rest) = self.1.split_first().ok_or(Unexpected)?;
        self.1 = rest;
        self.0.get(*name).map(|value| seed.deserialize(Node(value))).transpose()
    }
}

/// A variant's number and what it holds.
struct Variant<'de>(u32, Node<'de>);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Unexpected;
    type Variant = Node<'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Node<'de>), Unexpected> {
        let place = de::value::U32Deserializer::<Unexpected>::new(self.0);
        Ok((seed.deserialize(place)?, self.1))
    }
}

impl<'de> VariantAccess<'de> for Node<'de> {
    type Error = Unexpected;

    fn unit_variant(self) -> Result<(), Unexpected> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unexpected> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unexpected> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        self.deserialize_struct("", names, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::tests::{pack, recipe};
    use maec_protocol::{
        Backend, FromEngine, HeatMap, Item, ItemKind, Magnitudes, PackSummary, ProblemSet, Reply, Request,
        StopReason, Subject, TensorLook, ToEngine,
    };

    fn comes_back(body: Reply) {
        let message = FromEngine { id: 7, body };
        let json = serde_json::to_string(&message).expect("a message is JSON");
        assert_eq!(parse::<FromEngine>(&json), Some(message), "{json}");
    }

    #[test]
    fn every_shape_of_a_message_comes_back() {
        comes_back(Reply::Loaded);
        comes_back(Reply::Generated { tokens: 3, seconds: 0.25, stop: StopReason::Limit });
        let (name, device) = ("flex".into(), "CPU".into());
        comes_back(Reply::Ready { backend: Backend { name, device, software: true, checks: vec![] } });
        let mut recipe = recipe();
        recipe.out_dtype = None;
        let kind = ItemKind::Recipe { recipe };
        comes_back(Reply::Looked { item: Item { id: 1, title: "r".into(), bytes_to_fetch: 1 << 60, kind } });
        let kind = ItemKind::Config { yaml: "a: 1\n".into(), models: vec!["m".into()] };
        comes_back(Reply::Looked { item: Item { id: 1, title: "y".into(), bytes_to_fetch: 0, kind } });
        comes_back(Reply::Planned { plan: None, problems: vec!["line 3: no".into()] });
        let map = HeatMap {
            title: "‖δ‖".into(),
            about: String::new(),
            model: "m".into(),
            layers: vec![0, 1],
            kinds: vec!["model.layers.*.a".into()],
            cells: vec![vec![Some(-0.5)], vec![None]],
            outside: vec![("norm".into(), 1e-300)],
        };
        let tensor = TensorLook {
            name: "norm".into(),
            shape: vec![4],
            dtype: "BF16".into(),
            table: vec![vec!["".into(), "m".into()]],
            histograms: vec![Magnitudes { first: -20, negative: vec![1], positive: vec![2] }],
            cosine: vec![vec![1.0]],
        };
        comes_back(Reply::Inspected { maps: vec![map], tensors: vec![tensor] });
        let counted = PackSummary { validation_per_language: 40, texts_per_language: 100, ..pack() };
        comes_back(Reply::PackOpened { pack: counted });
    }

    #[test]
    fn a_question_says_which_problems_it_asks() {
        for (set, word) in [(ProblemSet::Validation, "validation"), (ProblemSet::Test, "test")] {
            let subjects = vec![Subject::Base, Subject::Merged];
            let body =
                Request::Evaluate { recipe: recipe(), subjects, set, problems_per_language: 3, lambda: 0.5 };
            let message = ToEngine { id: 7, body };
            let json = serde_json::to_string(&message).expect("a message is JSON");
            assert!(json.contains(&format!("\"set\":\"{word}\"")), "{json}");
            assert_eq!(serde_json::from_str::<ToEngine>(&json).ok(), Some(message));
        }
    }

    #[test]
    fn defaults_fill_in_and_what_json_cannot_write_is_no_number() {
        let json = r#"{"body":{"progress":{"total":9,"done":4,"label":"x","new":1}},"id":1}"#;
        let progress = Reply::Progress { label: "x".into(), done: 4, total: 9, memory_bytes: 0 };
        assert_eq!(parse(json), Some(FromEngine { id: 1, body: progress }));
        assert!(parse::<Vec<f64>>("[null]").is_some_and(|read| read[0].is_nan()));
    }

    #[test]
    fn what_is_no_message_is_nothing() {
        for json in [
            "",
            "1",
            "{}",
            r#"{"id":1}"#,
            r#"{"id":1,"body":"no_such"}"#,
            r#"{"id":1,"body":{}}"#,
            r#"{"id":-1,"body":"loaded"}"#,
            r#"{"id":1,"body":{"token":{"text":5}}}"#,
            r#"{"id":1,"body":{"progress":{"label":"x","total":9}}}"#,
        ] {
            assert_eq!(parse::<FromEngine>(json), None, "{json}");
        }
    }
}
