//! The manifest: what a pack holds, who made it, and the hash of every file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::MANIFEST;
use crate::{Error, sha256_hex};

const FORMAT: &str = "maec-pack";
const VERSION: u32 = 1;
const MAX_MANIFEST_BYTES: usize = 1 << 20;
const MAX_FILES: usize = 256;
/// A pack is held in memory, in a browser tab too.
const MAX_TOTAL_BYTES: u64 = 1 << 29;

/// A pack's `manifest.json`. Paths are relative to the pack's folder, with `/` between parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `maec-pack`.
    pub format: String,
    /// Version of this format: 1.
    pub version: u32,
    /// What people call the pack.
    pub title: String,
    /// Seed from which everything in the pack was made.
    pub seed: u64,
    /// Command line that made it.
    pub command: String,
    /// Versions of the programs that made it, by name.
    pub versions: BTreeMap<String, String>,
    /// λ of the task vector, tuned on validation data.
    pub lambda: f64,
    /// The languages evaluated, the reference language L0 first.
    pub languages: Vec<PackLanguage>,
    /// Path of the base Θo, a safetensors file.
    pub base: String,
    /// Path of the base's `config.json`.
    pub config: String,
    /// Path of the `tokenizer.json`.
    pub tokenizer: String,
    /// The sparse deltas onto the base.
    pub deltas: Vec<PackDelta>,
    /// Path of the test problems, JSONL.
    pub problems: String,
    /// Path of the validation problems, JSONL, none of which is a test problem: what a search for hyper-parameters asks.
    /// A pack may be without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// Path of the held-out text, JSONL.
    pub heldout: String,
    /// Path of the default recipe, JSON.
    pub recipe: String,
    /// Path of the recorded numbers with their source, JSON.
    pub recorded: String,
    /// Every file of the pack but the manifest itself, by path; filled in by the pack's writer.
    #[serde(default)]
    pub files: BTreeMap<String, PackFile>,
}

/// A language of the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackLanguage {
    /// Short code, e.g. `es`.
    pub code: String,
    /// Name for people, e.g. `Spanish`.
    pub name: String,
}

/// A delta of the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackDelta {
    /// What recipes call it, e.g. `a-l0`.
    pub id: String,
    /// What was trained.
    pub role: DeltaRole,
    /// Code of the language trained on; `null` unless the role is `language`.
    pub language: Option<String>,
    /// Path of the sparse delta.
    pub file: String,
}

/// What the training behind a delta was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeltaRole {
    /// Θ_{A,L0}: the ability in the reference language.
    Ability,
    /// Θ_{L0}: general text in the reference language.
    Reference,
    /// Θ_{Li}: general text in another language.
    Language,
}

/// One file's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    /// SHA-256 of its bytes, 64 lower-case hex digits.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Manifest {
    /// The `format` that a new manifest must carry.
    pub const FORMAT: &'static str = FORMAT;
    /// The `version` that a new manifest must carry.
    pub const VERSION: u32 = VERSION;

    /// Parses and checks a manifest; fails with [`Error::BadManifest`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(bad(format!("it has {} bytes, more than {MAX_MANIFEST_BYTES}", bytes.len())));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
        manifest.check()?;
        manifest.check_files()?;
        Ok(manifest)
    }

    /// A pack's id: the first 16 hex digits of its manifest's SHA-256.
    pub fn id(bytes: &[u8]) -> String {
        let mut id = sha256_hex(bytes);
        id.truncate(16);
        id
    }

    /// The delta of an id, or [`Error::UnknownDelta`].
    pub fn delta(&self, id: &str) -> Result<&PackDelta, Error> {
        self.deltas.iter().find(|delta| delta.id == id).ok_or_else(|| Error::UnknownDelta {
            id: id.into(),
            known: self.deltas.iter().map(|delta| delta.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The paths that the manifest's own fields name, deltas last.
    pub fn named_paths(&self) -> Vec<&str> {
        let fixed = [
            &self.base,
            &self.config,
            &self.tokenizer,
            &self.problems,
            &self.heldout,
            &self.recipe,
            &self.recorded,
        ];
        let deltas = self.deltas.iter().map(|delta| &delta.file);
        fixed.into_iter().chain(&self.validation).chain(deltas).map(String::as_str).collect()
    }

    /// Everything but the table of files.
    fn check(&self) -> Result<(), Error> {
        if self.format != FORMAT || self.version != VERSION {
            let found = format!("`{}` version {}", self.format, self.version);
            return Err(bad(format!("it is {found} where this program reads `{FORMAT}` version {VERSION}")));
        }
        if !self.lambda.is_finite() {
            return Err(bad("lambda is not a number".into()));
        }
        unique("language", self.languages.iter().map(|language| &language.code))?;
        unique("delta", self.deltas.iter().map(|delta| &delta.id))?;
        if self.languages.is_empty() {
            return Err(bad("it names no language".into()));
        }
        for (role, word) in [(DeltaRole::Ability, "ability"), (DeltaRole::Reference, "reference")] {
            let count = self.deltas.iter().filter(|delta| delta.role == role).count();
            if count != 1 {
                return Err(bad(format!("it has {count} deltas with the role {word} where one is needed")));
            }
        }
        for PackDelta { id, role, language, .. } in &self.deltas {
            let known = |code: &String| self.languages.iter().any(|language| language.code == *code);
            match (role, language) {
                (DeltaRole::Language, Some(code)) if known(code) => (),
                (DeltaRole::Language, Some(code)) => {
                    return Err(bad(format!(
                        "delta `{id}` is for `{code}`, which is not among its languages"
                    )));
                }
                (DeltaRole::Language, None) => return Err(bad(format!("delta `{id}` names no language"))),
                (_, Some(_)) => {
                    return Err(bad(format!("delta `{id}` names a language, but its role is another")));
                }
                (_, None) => (),
            }
        }
        let languages = self.deltas.iter().filter_map(|delta| delta.language.as_ref());
        unique("delta's language", languages)?;
        self.named_paths().into_iter().try_for_each(check_path)
    }

    /// The table of files: sane, and complete.
    fn check_files(&self) -> Result<(), Error> {
        if self.files.len() > MAX_FILES {
            return Err(bad(format!("it lists {} files, more than {MAX_FILES}", self.files.len())));
        }
        let mut total = 0u64;
        for (path, file) in &self.files {
            check_path(path)?;
            let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if file.sha256.len() != 64 || !file.sha256.bytes().all(is_hex) {
                return Err(bad(format!("the SHA-256 of `{path}` is not 64 lower-case hex digits")));
            }
            total = total.saturating_add(file.bytes);
        }
        if total > MAX_TOTAL_BYTES {
            return Err(bad(format!("its files have {total} bytes, more than {MAX_TOTAL_BYTES}")));
        }
        match self.named_paths().into_iter().find(|path| !self.files.contains_key(*path)) {
            Some(path) => Err(bad(format!("`{path}` is not among its files"))),
            None => Ok(()),
        }
    }
}

fn bad(reason: String) -> Error {
    Error::BadManifest { reason }
}

fn unique<'a>(what: &str, values: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for value in values {
        if value.is_empty() || !seen.insert(value) {
            return Err(bad(format!("{what} `{value}` is empty or occurs twice")));
        }
    }
    Ok(())
}

/// A relative path of plain parts, the same on every system and in a URL, and not the manifest's own.
fn check_path(path: &str) -> Result<(), Error> {
    let plain = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && part.bytes().all(allowed)
    };
    if path.len() <= 200 && path != MANIFEST && path.split('/').all(plain) {
        return Ok(());
    }
    let shown: String = path.chars().take(80).collect();
    Err(bad(format!("`{}` is not a plain relative path", shown.escape_debug())))
}
