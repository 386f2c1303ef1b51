//! A world as named files of lines, with their hashes; the same on disk and in memory.

use crate::{Language, World, WorldConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

/// One file of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The base mix.
    Base,
    /// A language's general corpus.
    General(Language),
    /// The ability corpus, in English.
    Ability,
    /// The ability corpus in another language.
    Translated(Language),
    /// A language's held-out general text.
    HeldOut(Language),
    /// A language's validation problems.
    Validation(Language),
    /// A language's test problems.
    Test(Language),
    /// The science's corpus, in English.
    Science,
    /// The science's corpus in another language.
    ScienceTranslated(Language),
    /// A language's validation questions about the science.
    ScienceValidation(Language),
    /// A language's test questions about the science.
    ScienceTest(Language),
    /// The tokenizer.
    Tokenizer,
    /// The tokenizer's special tokens, for `transformers`.
    TokenizerConfig,
}

/// What is known of one file of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the world's folder, with `/`.
    pub path: String,
    /// Its lines of JSONL; 1 for a file that is one JSON object.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, 64 hex digits.
    pub sha256: String,
}

/// `world.json`: how a world was made, and what came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The configuration.
    pub config: WorldConfig,
    /// Tokens in the vocabulary, the special ones included.
    pub vocabulary: u32,
    /// Every file but this one.
    pub files: Vec<FileRecord>,
}

impl Part {
    /// Every file of a world of `config`, in the order of the manifest.
    pub fn of(config: &WorldConfig) -> Vec<Self> {
        let each = |part: fn(Language) -> Self| Language::ALL.map(part);
        let translations = |part: fn(Language) -> Self| {
            let languages =
                Language::ALL.into_iter().filter(|&language| config.translated && language != Language::En);
            languages.map(part).collect::<Vec<_>>()
        };
        let mut parts = vec![Self::Base];
        parts.extend(each(Self::General));
        if config.abilities.arithmetic() {
            parts.push(Self::Ability);
            parts.extend(translations(Self::Translated));
        }
        parts.extend(each(Self::HeldOut));
        if config.abilities.arithmetic() {
            parts.extend(each(Self::Validation));
            parts.extend(each(Self::Test));
        }
        if config.abilities.science() {
            parts.push(Self::Science);
            parts.extend(translations(Self::ScienceTranslated));
            parts.extend(each(Self::ScienceValidation));
            parts.extend(each(Self::ScienceTest));
        }
        parts.extend([Self::Tokenizer, Self::TokenizerConfig]);
        parts
    }

    /// The path in the world's folder, such as `general/es.jsonl`.
    pub fn path(self) -> String {
        match self {
            Self::Base => "base.jsonl".into(),
            Self::General(language) => format!("general/{language}.jsonl"),
            Self::Ability => "ability/en.jsonl".into(),
            Self::Translated(language) => format!("translated/{language}.jsonl"),
            Self::HeldOut(language) => format!("heldout/{language}.jsonl"),
            Self::Validation(language) => format!("validation/{language}.jsonl"),
            Self::Test(language) => format!("test/{language}.jsonl"),
            Self::Science => "science/ability/en.jsonl".into(),
            Self::ScienceTranslated(language) => format!("science/translated/{language}.jsonl"),
            Self::ScienceValidation(language) => format!("science/validation/{language}.jsonl"),
            Self::ScienceTest(language) => format!("science/test/{language}.jsonl"),
            Self::Tokenizer => "tokenizer.json".into(),
            Self::TokenizerConfig => "tokenizer_config.json".into(),
        }
    }
}

impl World {
    /// The manifest: every file is made and hashed, nothing is kept.
    pub fn manifest(&self) -> Manifest {
        let record = |part| self.put(part, &mut io::sink()).expect("a sink takes everything");
        self.manifest_of(Part::of(self.config()).into_iter().map(record).collect())
    }

    /// The manifest with these files.
    pub(crate) fn manifest_of(&self, files: Vec<FileRecord>) -> Manifest {
        Manifest { config: self.config().clone(), vocabulary: self.vocabulary().len() as u32, files }
    }

    /// Writes one file to `out` and says what it wrote.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn put(&self, part: Part, out: &mut impl io::Write) -> io::Result<FileRecord> {
        let mut file = Hashed { out, hash: Sha256::new(), bytes: 0 };
        let records = match part {
            Part::Base => file.lines(self.base()),
            Part::General(language) => file.lines(self.general(language)),
            Part::Ability => file.lines(self.ability()),
            Part::Translated(language) => file.lines(self.ability_in(language)),
            Part::HeldOut(language) => file.lines(self.heldout(language)),
            Part::Validation(language) => file.lines(self.validation(language)),
            Part::Test(language) => file.lines(self.test(language)),
            Part::Science => file.lines(self.science()),
            Part::ScienceTranslated(language) => file.lines(self.science_in(language)),
            Part::ScienceValidation(language) => file.lines(self.science_validation(language)),
            Part::ScienceTest(language) => file.lines(self.science_test(language)),
            Part::Tokenizer => file.put(self.tokenizer_json().as_bytes()).map(|()| 1),
            Part::TokenizerConfig => file.put(self.tokenizer_config_json().as_bytes()).map(|()| 1),
        }?;
        Ok(FileRecord { path: part.path(), records, bytes: file.bytes, sha256: hex(&file.hash.finalize()) })
    }
}

/// A file being written: counts and hashes what passes.
struct Hashed<'a, W> {
    out: &'a mut W,
    hash: Sha256,
    bytes: u64,
}

impl<W: io::Write> Hashed<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Writes one line of JSON for each item; returns how many.
    fn lines(&mut self, items: impl IntoIterator<Item = impl Serialize>) -> io::Result<u64> {
        let mut count = 0;
        for item in items {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            self.put(&line)?;
            count += 1;
        }
        Ok(count)
    }
}

/// Lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
