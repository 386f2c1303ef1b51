//! JSON lines: an object in every line, of which one field is the text.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::bytes::{Bytes, Line};
use super::{Document, utf8};
use crate::error::names;
use crate::source::MAX_TEXT_BYTES;
use crate::{Error, RowProblem};

/// The longest line: other fields, and escapes that take six bytes for one.
const MAX_LINE_BYTES: usize = 128 << 20;
/// Most fields that a message names.
const NAMED: usize = 13;

/// The documents of a file; blank lines are none.
pub(super) struct Rows {
    bytes: Bytes,
    field: String,
    buffer: Vec<u8>,
}

impl Rows {
    pub(super) fn new(bytes: Bytes, field: &str) -> Self {
        Self { bytes, field: field.into(), buffer: Vec::new() }
    }

    fn row(&mut self) -> Result<Option<Document>, Error> {
        loop {
            let mut line = std::mem::take(&mut self.buffer);
            let end = self.bytes.line(&mut line, MAX_LINE_BYTES)?;
            let row = self.bytes.line_number();
            let text = match end {
                Line::End => return Ok(None),
                Line::TooLong => Err(RowProblem::TooLong { limit: MAX_LINE_BYTES }),
                Line::Whole if line.iter().all(u8::is_ascii_whitespace) => {
                    self.buffer = line;
                    continue;
                }
                Line::Whole => utf8(line).and_then(|line| {
                    let text = text(&line, &self.field);
                    self.buffer = line.into_bytes();
                    text
                }),
            };
            let text = text.map_err(|problem| self.bytes.bad_row(row, problem))?;
            return Ok(Some(Document { row, text }));
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row().transpose()
    }
}

/// The field of an object; the last one where it stands there twice, as other readers have it.
fn text(line: &str, field: &str) -> Result<String, RowProblem> {
    let mut json = serde_json::Deserializer::from_str(line);
    let object = Object { field, found: None, others: Vec::new() };
    let object = object.deserialize(&mut json).and_then(|object| json.end().map(|()| object));
    let object = object.map_err(|e| RowProblem::Json { column: e.column(), reason: reason(&e) })?;
    match object.found {
        Some(Value::Text(text)) if text.len() > MAX_TEXT_BYTES => {
            Err(RowProblem::TooLong { limit: MAX_TEXT_BYTES })
        }
        Some(Value::Text(text)) => Ok(text),
        Some(Value::Null) => Ok(String::new()),
        Some(Value::Other(found)) => Err(RowProblem::NotText { field: field.into(), found }),
        None => {
            let found = names(object.others.iter().map(String::as_str));
            Err(RowProblem::NoField { field: field.into(), found })
        }
    }
}

/// What the parser says without the place, which is told apart.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    text.chars().take(160).collect()
}

/// An object of which one field is kept, and the names of others.
struct Object<'a> {
    field: &'a str,
    found: Option<Value>,
    others: Vec<String>,
}

/// The value of the field.
enum Value {
    Text(String),
    Null,
    Other(&'static str),
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == self.field {
                self.found = Some(map.next_value()?);
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            if self.others.len() < NAMED {
                self.others.push(key);
            }
        }
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(OfValue)
    }
}

struct OfValue;

impl<'de> Visitor<'de> for OfValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found_and_everything_else_named() {
        assert_eq!(text(r#" {"a":[1,{"text":2}],"text":"x\u00e9\n"} "#, "text").unwrap(), "xé\n");
        assert_eq!(text(r#"{"text":"a","text":"b"}"#, "text").unwrap(), "b");
        assert_eq!(text(r#"{"text":null}"#, "text").unwrap(), "");
        for (line, said) in [
            (r#"{"body":"x","id":1}"#, "no field `text`; give --field, one of: body, id"),
            (r#"{"text":3.5}"#, "not text but a number"),
            (r#"{"text":["x"]}"#, "not text but a list"),
            (r#"{"text":"x"} trailing"#, "column 14"),
            (r#"{"text":"x""#, "column 11"),
            ("[1, 2]", "not a JSON object"),
            (r#"{"text":"\ud800"}"#, "hex escape"),
        ] {
            let problem = text(line, "text").unwrap_err().to_string();
            assert!(problem.contains(said) && !problem.contains('\n'), "{line}: {problem}");
        }
        // What is not asked for is passed over without recursion.
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(text(&format!(r#"{{"a":{deep},"text":"x"}}"#), "text").unwrap(), "x");
        let problem = text(&format!(r#"{{"text":{deep}}}"#), "text").unwrap_err();
        assert!(matches!(problem, RowProblem::NotText { found: "a list", .. }), "{problem}");
    }
}
