//! What commands read: corpora, problems, held-out text and tokenizers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use maec_checkpoint::{read_file, sha256_hex};
use maec_eval::{HeldOut, Problem, Question};
use maec_model::WordTokenizer;
use serde::{Deserialize, Serialize};

/// A corpus as typed: `FILE` or `FILE:WEIGHT`.
#[derive(Debug, Clone, PartialEq)]
pub struct CorpusArg {
    /// A JSONL file, or a folder of them.
    pub path: PathBuf,
    /// Its share of the tokens, relative to the other corpora's.
    pub weight: f64,
}

impl FromStr for CorpusArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let weighted =
            text.rsplit_once(':').and_then(|(path, weight)| Some((path, weight.parse::<f64>().ok()?)));
        let (path, weight) = weighted.unwrap_or((text, 1.0));
        if path.is_empty() {
            return Err("there is no file before the colon".into());
        }
        if !(weight.is_finite() && weight > 0.0) {
            return Err(format!("the weight {weight} is not a positive number"));
        }
        Ok(Self { path: path.into(), weight })
    }
}

/// A corpus in memory.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// Its path, for messages.
    pub name: String,
    /// Its share of the tokens, relative to the other corpora's.
    pub weight: f64,
    /// Its texts in order.
    pub texts: Vec<String>,
    /// SHA-256 of its file, or of its files' hashes, 64 hex digits.
    pub sha256: String,
}

/// A line of a corpus; other fields are ignored.
#[derive(Deserialize)]
struct Line {
    text: String,
}

/// Reads a corpus. Fails where a line is no JSON object with a `text`, or there is none.
pub fn corpus(arg: &CorpusArg) -> Result<Corpus> {
    let name = arg.path.display().to_string();
    let (mut texts, mut hashes) = (Vec::new(), Vec::new());
    for file in jsonl_files(&arg.path)? {
        let content = text(&file)?;
        hashes.push(sha256_hex(content.as_bytes()));
        for (index, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).with_context(|| {
                format!("{}: line {} is not a JSON object with a \"text\"", file.display(), index + 1)
            })?;
            texts.push(line.text);
        }
    }
    if texts.is_empty() {
        bail!("the corpus `{name}` is empty; give a JSONL file with {{\"text\": …}} in every line");
    }
    let sha256 =
        if let [only] = hashes.as_slice() { only.clone() } else { sha256_hex(hashes.concat().as_bytes()) };
    Ok(Corpus { name, weight: arg.weight, texts, sha256 })
}

/// Token ids of texts: the tokenizer's start token first, then `end` if there is one.
pub fn tokenize(tokenizer: &WordTokenizer, end: Option<u32>, texts: &[String]) -> Vec<Vec<u32>> {
    let encode = |text: &String| {
        let mut ids = tokenizer.encode(text);
        ids.extend(end);
        ids
    };
    texts.iter().map(encode).collect()
}

/// A file, or the `*.jsonl` files of a folder by name.
pub fn jsonl_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().with_context(|| format!("cannot read the folder `{}`", path.display()))? {
        let file = entry.with_context(|| format!("cannot read the folder `{}`", path.display()))?.path();
        if file.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!("the folder `{}` has no *.jsonl file; name a file or another folder", path.display());
    }
    files.sort();
    Ok(files)
}

/// A text file.
pub fn text(path: &Path) -> Result<String> {
    String::from_utf8(read_file(path)?)
        .map_err(|_| anyhow::anyhow!("`{}` is not UTF-8 text; is it another kind of file?", path.display()))
}

/// A file that was read, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path as given.
    pub path: String,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
}

/// Items of JSONL files and folders, in their order, and the files read.
fn lines<T, E>(paths: &[PathBuf], parse: fn(&str) -> Result<Vec<T>, E>) -> Result<(Vec<T>, Vec<FileRecord>)>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (mut items, mut records) = (Vec::new(), Vec::new());
    for path in paths {
        for file in jsonl_files(path)? {
            let content = text(&file)?;
            let name = file.display().to_string();
            let found = parse(&content).with_context(|| name.clone())?;
            if found.is_empty() {
                bail!("`{name}` is empty; give a JSONL file with one JSON object in every line");
            }
            items.extend(found);
            records.push(FileRecord { path: name, sha256: sha256_hex(content.as_bytes()) });
        }
    }
    Ok((items, records))
}

/// Problems of JSONL files and folders, in their order, and the files read.
pub fn problems(paths: &[PathBuf]) -> Result<(Vec<Problem>, Vec<FileRecord>)> {
    lines(paths, Problem::from_lines)
}

/// Four-choice questions of JSONL files and folders, in their order, and the files read.
pub fn questions(paths: &[PathBuf]) -> Result<(Vec<Question>, Vec<FileRecord>)> {
    lines(paths, Question::from_lines)
}

/// Held-out texts of JSONL files and folders, in their order, and the files read.
pub fn held_out(paths: &[PathBuf]) -> Result<(Vec<HeldOut>, Vec<FileRecord>)> {
    lines(paths, HeldOut::from_lines)
}

/// The text of a `tokenizer.json`, or of the one in a folder, and of a `tokenizer_config.json` beside it, by name.
pub fn tokenizer_files(path: &Path) -> Result<BTreeMap<String, String>> {
    let file = if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
    let mut texts = BTreeMap::from([("tokenizer.json".to_owned(), text(&file)?)]);
    let beside = file.with_file_name("tokenizer_config.json");
    if beside.is_file() {
        texts.insert("tokenizer_config.json".into(), text(&beside)?);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_follows_the_last_colon() {
        let parse = |text: &str| text.parse::<CorpusArg>();
        assert_eq!(parse("a.jsonl"), Ok(CorpusArg { path: "a.jsonl".into(), weight: 1.0 }));
        assert_eq!(parse("a.jsonl:0.5"), Ok(CorpusArg { path: "a.jsonl".into(), weight: 0.5 }));
        assert_eq!(parse("c:\\a.jsonl").unwrap().path, Path::new("c:\\a.jsonl"));
        assert!(parse("a.jsonl:0").is_err() && parse("a.jsonl:-1").is_err() && parse(":2").is_err());
        assert!(parse("a.jsonl:inf").is_err());
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, line) in [
            ("b.jsonl", "{\"text\":\"two\"}\n"),
            ("a.jsonl", "\n{\"text\":\"one\",\"x\":1}"),
            ("c.txt", "no"),
        ] {
            std::fs::write(folder.path().join(name), line).unwrap();
        }
        let read = corpus(&CorpusArg { path: folder.path().into(), weight: 1.0 }).unwrap();
        assert_eq!(read.texts, ["one", "two"]);
    }
}
