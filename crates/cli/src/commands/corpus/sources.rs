//! Sources as typed: `[NAME=]PATTERN`, of files on the disk, of a dataset on the hub, or a file behind a URL.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use glob::{MatchOptions, Pattern};
use maec_checkpoint::FileSet;
use maec_corpus::{Error, Format, InputFile, ReadOptions, Source};
use maec_hub::Remote;
use maec_hub::native::{NativeHub, ReadFiles};

use super::said;
use crate::failure::usage;
use crate::remote;

/// How patterns of datasets begin, as other tools write them.
const DATASETS: &str = "hf://datasets/";

/// A source as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceArg {
    name: Option<String>,
    pattern: String,
}

impl FromStr for SourceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        };
        let (name, pattern) = match text.split_once('=').filter(|(name, _)| is_name(name)) {
            Some((name, pattern)) => (Some(name.to_owned()), pattern),
            None => (None, text),
        };
        match pattern {
            "" => Err("there is no pattern; write NAME=PATTERN or PATTERN".into()),
            pattern => Ok(Self { name, pattern: pattern.into() }),
        }
    }
}

impl SourceArg {
    /// Finds the source's files; those of the hub are fetched into the user's cache.
    pub fn source(&self, read: &ReadOptions) -> Result<Source> {
        let (pattern, files) = match self.pattern.strip_prefix(DATASETS) {
            Some(dataset) => of_dataset(&self.pattern, dataset)?,
            None if self.pattern.contains("://") => of_url(&self.pattern)?,
            None => (self.pattern.clone(), maec_corpus::files(&self.pattern).map_err(said)?),
        };
        let name = self.name.clone().unwrap_or_else(|| self.pattern.clone());
        Ok(Source { name, pattern, files, read: read.clone() })
    }
}

/// A dataset's files that a pattern names, and the pattern with the commit in it.
fn of_dataset(asked: &str, dataset: &str) -> Result<(String, Vec<InputFile>)> {
    let (name, path) = split(dataset).ok_or_else(|| {
        usage(format!("`{asked}` names no dataset; write {DATASETS}ORG/NAME@REVISION/PATH/*.parquet"))
    })?;
    let remote = Remote::parse_dataset(&name).map_err(|error| usage(error.to_string()))?;
    let files = open(&remote)?;
    let paths: Vec<String> = files.files().into_iter().map(|(path, _)| path).collect();
    let wanted = matching(&paths, &path).map_err(|reason| usage(format!("`{asked}`: {reason}")))?;
    if wanted.is_empty() {
        return Err(Error::NoFiles { pattern: asked.into() }.into());
    }
    remote::fetch(&files, &wanted)?;
    let pinned = files.remote().to_string();
    let title = FileSet::name(&files).to_owned();
    let input = |file: String| InputFile { path: files.path().join(&file), name: format!("{title}/{file}") };
    Ok((format!("hf://{pinned}/{path}"), wanted.into_iter().map(input).collect()))
}

/// `ORG/NAME@REVISION` and the path's pattern. A revision's slashes are `%2F`; `~parquet` is the branch that the hub converts to.
fn split(dataset: &str) -> Option<(String, String)> {
    let mut parts = dataset.splitn(3, '/');
    let (org, name) = (parts.next()?, parts.next()?);
    let name = match name.split_once('@') {
        Some((name, "~parquet")) => format!("{name}@refs/convert/parquet"),
        Some((name, revision)) => format!("{name}@{}", revision.replace("%2F", "/").replace("%2f", "/")),
        None => name.to_owned(),
    };
    Some((format!("{org}/{name}"), parts.next().unwrap_or_default().to_owned()))
}

/// The paths that a pattern names; of none, all whose names tell a format and that are in no hidden folder.
fn matching(paths: &[String], pattern: &str) -> Result<Vec<String>, String> {
    let glob = Pattern::new(pattern).map_err(|error| error.to_string())?;
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
    let wanted = |path: &&String| match pattern {
        // Descriptions are no text to learn from.
        "" => Format::of_name(path).is_some() && !path.ends_with(".md") && !path.ends_with(".json"),
        pattern => *path == pattern || glob.matches_with(path, options),
    };
    Ok(paths.iter().filter(wanted).cloned().collect())
}

/// One file behind a URL.
fn of_url(url: &str) -> Result<(String, Vec<InputFile>)> {
    let remote = Remote::parse(url).map_err(|error| usage(error.to_string()))?;
    let Remote::File(address) = &remote else {
        return Err(usage(format!(
            "`{}` is no single file; write a file's URL or {DATASETS}ORG/NAME/…",
            remote.title()
        )));
    };
    let name = address.title();
    let files = open(&remote)?;
    remote::fetch(&files, &files.needed())?;
    Ok((name.clone(), vec![InputFile { path: files.path(), name }]))
}

fn open(remote: &Remote) -> Result<ReadFiles> {
    let hub = Arc::new(NativeHub::from_env()?);
    ReadFiles::open(&hub, remote).with_context(|| remote.title())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_before_an_equals_sign() {
        let parse = |text: &str| text.parse::<SourceArg>().map(|arg| (arg.name, arg.pattern));
        assert_eq!(parse("en=a/*.txt"), Ok((Some("en".into()), "a/*.txt".into())));
        assert_eq!(parse("a/*.txt"), Ok((None, "a/*.txt".into())));
        // A folder of the form key=value keeps its name behind ./
        assert_eq!(parse("./lang=en/*.txt"), Ok((None, "./lang=en/*.txt".into())));
        assert!(parse("en=").is_err() && parse("").is_err());
    }

    #[test]
    fn datasets_are_split_into_name_and_pattern() {
        let parts = |text: &str| split(text).unwrap();
        assert_eq!(parts("o/n/data/*.parquet"), ("o/n".into(), "data/*.parquet".into()));
        assert_eq!(parts("o/n@v1"), ("o/n@v1".into(), String::new()));
        assert_eq!(parts("o/n@~parquet/x/**"), ("o/n@refs/convert/parquet".into(), "x/**".into()));
        assert_eq!(parts("o/n@refs%2Fpr%2F1/x"), ("o/n@refs/pr/1".into(), "x".into()));
        assert_eq!(split("alone"), None);
    }

    #[test]
    fn a_star_stays_within_its_folder() {
        let paths = ["README.md", "a/1.parquet", "a/b/2.parquet", "info.json"].map(String::from);
        assert_eq!(matching(&paths, "a/*.parquet").unwrap(), ["a/1.parquet"]);
        assert_eq!(matching(&paths, "**/*.parquet").unwrap(), ["a/1.parquet", "a/b/2.parquet"]);
        assert_eq!(matching(&paths, "").unwrap(), ["a/1.parquet", "a/b/2.parquet"]);
        assert!(matching(&paths, "a[").is_err());
    }
}
