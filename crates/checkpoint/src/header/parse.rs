//! From a header's hostile JSON to what it says of each tensor.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::{HeaderProblem, MAX_DIMENSIONS, METADATA_KEY};
use crate::error::shown;
use crate::json::{MAX_DEPTH, StringMap, is_deeper};
use crate::{Dtype, TensorInfo};

/// What a header says, not yet checked for sense.
#[derive(Debug)]
pub(super) struct Parsed {
    pub metadata: BTreeMap<String, String>,
    /// In file order; each with its `data_offsets`.
    pub tensors: Vec<(TensorInfo, (u64, u64))>,
}

/// Parses a header's JSON, padding included.
pub(super) fn parse(json: &[u8]) -> Result<Parsed, HeaderProblem> {
    if json.first() != Some(&b'{') {
        return Err(HeaderProblem::NotObject);
    }
    let text = std::str::from_utf8(json).map_err(|e| HeaderProblem::NotUtf8 { at: e.valid_up_to() })?;
    if is_deeper(json, MAX_DEPTH) {
        return Err(HeaderProblem::TooDeep { max: MAX_DEPTH });
    }
    let mut progress = Progress::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = HeaderSeed(&mut progress)
        .deserialize(&mut deserializer)
        .and_then(|parsed| deserializer.end().map(|()| parsed));
    parsed.map_err(|e| progress.problem(&e))
}

/// Where the parser is, since its own errors say neither which tensor they are about nor what kind they are.
#[derive(Default)]
struct Progress {
    /// The key whose value is being read.
    key: String,
    /// What was found wrong by us, not by the parser.
    found: Option<HeaderProblem>,
}

impl Progress {
    /// Notes what is wrong; the parser's error, which stops it, says nothing.
    fn fail<E: serde::de::Error>(&mut self, problem: HeaderProblem) -> E {
        self.found = Some(problem);
        E::custom("")
    }

    fn problem(self, error: &serde_json::Error) -> HeaderProblem {
        let reason = shown(&error.to_string());
        match (self.found, error.classify()) {
            (Some(problem), _) => problem,
            (None, Category::Data) if self.key == METADATA_KEY => HeaderProblem::BadMetadata { reason },
            (None, Category::Data) => HeaderProblem::BadEntry { tensor: shown(&self.key), reason },
            (None, _) => HeaderProblem::NotJson { reason },
        }
    }
}

/// Reads the header's map by hand, since a map type would let a repeated key overwrite the first.
struct HeaderSeed<'a>(&'a mut Progress);

impl<'de> DeserializeSeed<'de> for HeaderSeed<'_> {
    type Value = Parsed;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderSeed<'_> {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a safetensors header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed, A::Error> {
        let progress = self.0;
        let mut metadata = None;
        let mut tensors = Vec::new();
        while let Some(key) = map.next_key()? {
            progress.key = key;
            if progress.key != METADATA_KEY {
                let entry: Entry = map.next_value()?;
                let name = std::mem::take(&mut progress.key);
                tensors.push(entry.tensor(name).map_err(|problem| progress.fail(problem))?);
                continue;
            }
            let StringMap { map: read, twice } = map.next_value()?;
            let twice = if metadata.replace(read).is_some() { Some(METADATA_KEY.into()) } else { twice };
            if let Some(key) = twice {
                return Err(progress.fail(HeaderProblem::DuplicateKey { key: shown(&key) }));
            }
        }
        Ok(Parsed { metadata: metadata.unwrap_or_default(), tensors })
    }
}

/// One tensor's entry as it stands. Keys that the format does not know are passed over.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

impl Entry {
    fn tensor(self, name: String) -> Result<(TensorInfo, (u64, u64)), HeaderProblem> {
        let deserializer: StrDeserializer<'_, ValueError> = self.dtype.as_str().into_deserializer();
        let Ok(dtype) = Dtype::deserialize(deserializer) else {
            return Err(HeaderProblem::UnknownDtype { tensor: shown(&name), dtype: shown(&self.dtype) });
        };
        if !dtype.bitsize().is_multiple_of(8) {
            return Err(HeaderProblem::PackedDtype { tensor: shown(&name), dtype });
        }
        match self.shape {
            Shape::Dimensions(shape) => Ok((TensorInfo { name, dtype, shape }, self.data_offsets)),
            Shape::TooMany => {
                Err(HeaderProblem::TooManyDimensions { tensor: shown(&name), max: MAX_DIMENSIONS })
            }
            Shape::Overflow(dimension) => Err(HeaderProblem::ShapeOverflow {
                tensor: shown(&name),
                shape: format!("a dimension of {dimension}"),
            }),
        }
    }
}

/// A shape that is never longer in memory than a tensor's may be.
enum Shape {
    Dimensions(Vec<usize>),
    TooMany,
    /// A dimension that this machine cannot count to.
    Overflow(u64),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a shape")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut dimensions: A) -> Result<Shape, A::Error> {
                let mut shape = Shape::Dimensions(Vec::new());
                while let Shape::Dimensions(read) = &mut shape {
                    match dimensions.next_element::<u64>()? {
                        None => return Ok(shape),
                        Some(_) if read.len() == MAX_DIMENSIONS => shape = Shape::TooMany,
                        Some(dimension) => match usize::try_from(dimension) {
                            Ok(dimension) => read.push(dimension),
                            Err(_) => shape = Shape::Overflow(dimension),
                        },
                    }
                }
                while dimensions.next_element::<IgnoredAny>()?.is_some() {}
                Ok(shape)
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}
