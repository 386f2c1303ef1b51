//! The benchmarks: which there are, which files they need, and their items.

mod gsm8k;
mod jsonl;
mod mgsm;
mod mmlu;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, Input, Item};

pub use mgsm::LANGUAGES as MGSM_LANGUAGES;
pub use mmlu::SCIENCE;

/// A benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Multilingual grade-school mathematics, free text in the question's language.
    Mgsm,
    /// Grade-school mathematics in English.
    Gsm8k,
    /// Four choices, by likelihood.
    Mmlu,
    /// Perplexity and bits per byte of any text.
    Text,
    /// Rows of `{"prompt", "answer"}` or `{"question", "choices", "answer"}`.
    Jsonl,
}

/// A file that a benchmark reads, below the folder of benchmark data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Relative path with `/`.
    pub path: String,
    /// Its language's code, where the name does not say it.
    pub language: Option<String>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Mgsm, Self::Gsm8k, Self::Mmlu, Self::Text, Self::Jsonl];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mgsm => "mgsm",
            Self::Gsm8k => "gsm8k",
            Self::Mmlu => "mmlu",
            Self::Text => "text",
            Self::Jsonl => "jsonl",
        }
    }

    /// Which files it takes, in words.
    pub const fn takes(self) -> &'static str {
        match self {
            Self::Mgsm => "mgsm_<language>.tsv, and exemplars.json for its shots",
            Self::Gsm8k => "test.jsonl, and train*.jsonl for its shots",
            Self::Mmlu => "<subject>_test.csv (or _val.csv), and <subject>_dev.csv for its shots",
            Self::Text => "text files, or .jsonl files with a `text` in each line",
            Self::Jsonl => "lines of {\"prompt\", \"answer\"} or {\"question\", \"choices\", \"answer\"}",
        }
    }

    /// The scores it gives, in the report's order.
    pub const fn scores(self) -> &'static [&'static str] {
        match self {
            Self::Mgsm => &["strict", "localised", "flexible", "number"],
            Self::Gsm8k => &["strict", "flexible", "number"],
            Self::Mmlu => &["accuracy"],
            Self::Text => &["perplexity", "bits_per_byte"],
            Self::Jsonl => &["exact", "number", "accuracy"],
        }
    }

    /// Exemplars before each question where there are some and nothing is said.
    pub const fn default_shots(self) -> usize {
        match self {
            Self::Mgsm => 8,
            Self::Gsm8k | Self::Mmlu => 5,
            Self::Text | Self::Jsonl => 0,
        }
    }

    /// Whether `file` holds exemplars rather than rows to ask.
    fn holds_exemplars(self, file: &Input) -> bool {
        match self {
            Self::Mgsm => file.is("json"),
            Self::Gsm8k => file.stem().starts_with("train"),
            Self::Mmlu => file.stem().ends_with("_dev"),
            Self::Text | Self::Jsonl => false,
        }
    }

    /// The files of `languages` (empty: all there are) below the folder of benchmark data, for `shots` exemplars. A
    /// task of one's own files has none.
    ///
    /// # Errors
    /// When the task has no prompt in a language.
    pub fn files(self, languages: &[&str], shots: usize) -> Result<Vec<DataFile>, Error> {
        let plain = |path: String| DataFile { path, language: None };
        let exemplars = |path: &str| (shots > 0).then(|| plain(path.into()));
        let languages = if languages.is_empty() { &["en", "es", "bn", "te", "zh"] } else { languages };
        Ok(match self {
            Self::Mgsm => {
                for language in languages {
                    mgsm::language(language)?;
                }
                let rows = languages.iter().map(|language| plain(format!("mgsm/mgsm_{language}.tsv")));
                rows.chain(exemplars("mgsm/exemplars.json")).collect()
            }
            Self::Gsm8k => {
                let rows = [plain("gsm8k/test.jsonl".into())];
                rows.into_iter().chain(exemplars("gsm8k/train_first2000.jsonl")).collect()
            }
            Self::Mmlu => SCIENCE
                .iter()
                .flat_map(|subject| {
                    let rows = plain(format!("mmlu_stem_en/test/{subject}_test.csv"));
                    [rows].into_iter().chain(exemplars(&format!("mmlu_stem_en/dev/{subject}_dev.csv")))
                })
                .collect(),
            Self::Text => languages
                .iter()
                .map(|&language| DataFile {
                    path: format!("udhr/{language}.txt"),
                    language: Some(language.into()),
                })
                .collect(),
            Self::Jsonl => Vec::new(),
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| Error::UnknownTask { name: name.into() })
    }
}

/// What can be chosen about a benchmark; `None` is its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Exemplars before each question. By default [`Kind::default_shots`] where a file of exemplars is given, else none.
    pub shots: Option<usize>,
    /// Strings that end an answer: the harness's, or a line break for `jsonl`.
    pub until: Option<Vec<String>>,
    /// Tokens after which an answer is cut off: 256, as in the harness.
    pub max_new_tokens: Option<usize>,
    /// Texts are read in pieces of at most so many bytes, ended at a line's end where there is one, each by itself:
    /// 8192. 0 keeps every text whole.
    pub piece_bytes: Option<usize>,
}

/// A benchmark, ready to be run.
#[derive(Debug, Clone)]
pub struct Task {
    pub(crate) kind: Kind,
    pub(crate) items: Vec<Item>,
    pub(crate) shots: usize,
    pub(crate) until: BTreeSet<String>,
    pub(crate) max_new_tokens: usize,
    pub(crate) piece_bytes: usize,
    pub(crate) files: BTreeMap<String, String>,
}

impl Task {
    /// The items in `files`, in the files' order.
    ///
    /// # Errors
    /// When a file is not of the task, a row can't be read, exemplars are missing, or there is nothing to ask.
    pub fn new(kind: Kind, files: &[Input], options: &Options) -> Result<Self, Error> {
        let worked = files.iter().any(|file| kind.holds_exemplars(file));
        let shots = options.shots.unwrap_or(if worked { kind.default_shots() } else { 0 });
        let piece_bytes = options.piece_bytes.unwrap_or(8192);
        let until: Option<Arc<[String]>> = options.until.as_ref().map(|until| until.as_slice().into());
        let mut items = match kind {
            Kind::Mgsm => mgsm::items(files, shots)?,
            Kind::Gsm8k => gsm8k::items(files, shots)?,
            Kind::Mmlu => mmlu::items(files, shots)?,
            Kind::Text => text::items(files, piece_bytes)?,
            Kind::Jsonl => jsonl::items(files)?,
        };
        if items.is_empty() {
            return Err(Error::NoRows { task: kind.name(), expected: kind.takes() });
        }
        let mut seen = BTreeSet::new();
        let mut all = BTreeSet::new();
        for item in &mut items {
            if !seen.insert(item.id.clone()) {
                return Err(Error::Duplicate { id: item.id.clone() });
            }
            if let crate::Ask::Generate { until: own, .. } = &mut item.ask {
                if let Some(until) = &until {
                    *own = until.clone();
                }
                all.extend(own.iter().cloned());
            }
        }
        let max_new_tokens = options.max_new_tokens.unwrap_or(256).max(1);
        let files = files.iter().map(|file| (file.name().into(), file.sha256().into())).collect();
        Ok(Self { kind, items, shots, until: all, max_new_tokens, piece_bytes, files })
    }

    /// Which benchmark it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is asked, in the files' order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }
}

/// The first `shots` of `exemplars`.
///
/// # Errors
/// When there are fewer.
fn first_exemplars(
    kind: Kind,
    group: &str,
    shots: usize,
    exemplars: impl IntoIterator<Item = String>,
) -> Result<Arc<[String]>, Error> {
    let taken: Vec<String> = exemplars.into_iter().take(shots).collect();
    if taken.len() == shots {
        return Ok(taken.into());
    }
    Err(Error::Exemplars { group: group.into(), shots, found: taken.len(), expected: kind.takes() })
}
