//! What a corpus is made of: named sources, their files, and how documents are found in them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The most bytes of text in one document, which is what a tokenizer takes at once.
pub(crate) const MAX_TEXT_BYTES: usize = 16 << 20;

/// Documents that are counted, and weighted, together.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// What reports call it.
    pub name: String,
    /// What it was asked for by; the commit is in a hub's pattern.
    pub pattern: String,
    /// Its files in the order in which they are read.
    pub files: Vec<InputFile>,
    /// How documents are found in them.
    pub read: ReadOptions,
}

/// A file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// What messages and reports call it; its ending tells the format.
    pub name: String,
}

impl InputFile {
    /// A file that is called as its path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { name: path.display().to_string(), path }
    }
}

/// A file format, packed by gzip or zstd or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Plain text in UTF-8.
    Text,
    /// A JSON object in every line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// What is one document in plain text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextUnit {
    /// The whole file.
    #[default]
    File,
    /// What stands between blank lines.
    Paragraphs,
    /// Every line.
    Lines,
}

/// How documents are found in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// The format; none is found by the name's ending.
    pub format: Option<Format>,
    /// The field of a JSON object or the column of a parquet file that holds the text.
    pub field: String,
    /// What is one document in plain text.
    pub unit: TextUnit,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { format: None, field: "text".into(), unit: TextUnit::default() }
    }
}

impl Format {
    /// The format that a name's ending tells, an ending for packing aside.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let plain = [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end));
        let (_, ending) = plain.unwrap_or(&name).rsplit_once('.')?;
        match ending {
            "txt" | "text" | "md" | "tex" => Some(Self::Text),
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// What a row is called in messages.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Text | Self::Jsonl => "line",
            Self::Parquet => "row",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn endings_tell_the_format() {
        for (name, format) in [
            ("a.txt", Some(Format::Text)),
            ("a/b.JSONL.GZ", Some(Format::Jsonl)),
            ("x.tex.txt.zst", Some(Format::Text)),
            ("train-00000-of-00008.parquet", Some(Format::Parquet)),
            ("a.gz", None),
            ("README", None),
            ("a.bin", None),
        ] {
            assert_eq!(Format::of_name(name), format, "{name}");
        }
    }
}
